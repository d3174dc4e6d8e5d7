// What an environment's `requires:` asks of a version: the same for every way in, a release and `mlctl assign`.
#pragma once
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "deploy/config.h"
#include "registry/name.h"
#include "registry/store.h"
#include "validate/gate_config.h"

namespace mlctl::release {

[[nodiscard]] bool is_required(const deploy::Environment& environment, std::string_view kind);

// Error{usage}: it requires what this version of mlctl cannot give.
[[nodiscard]] Status check_requirements(const deploy::Environment& environment);

// No accuracy, no parity, no load: the server is started, and that is all. Such a gate passes whatever the model says.
[[nodiscard]] bool asks_nothing(const validate::GateConfig& gate);
// Error{usage}: the environment requires a gate, and that of `version` ("m@v1.0.0") asks nothing. A version brings its
// own gate, so that one could otherwise let itself in.
[[nodiscard]] Status check_gate_asks(const deploy::Environment& environment, const validate::GateConfig& gate,
                                     const std::string& version);

// For a version that comes without a release: Error{denied} when the registry holds no passed answer to what the
// environment requires.
[[nodiscard]] Status check_evidence(registry::Store& store, const deploy::Environment& environment,
                                    const registry::ModelName& model, const registry::Version& version,
                                    const Digest& digest);

}  // namespace mlctl::release
