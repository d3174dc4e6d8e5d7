// What an environment's `requires:` asks of a version: the same for every way in, a release and `mlctl assign`.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "deploy/config.h"
#include "registry/evidence.h"
#include "registry/name.h"
#include "registry/sign.h"
#include "registry/store.h"
#include "release/project.h"
#include "validate/gate_config.h"

namespace mlctl::release {

[[nodiscard]] bool is_required(const deploy::Environment& environment, std::string_view kind);

// By what evidence is measured. The rule (docs/trust.md): evidence counts with a valid signature by the environment's
// trust, or when this checkout made it; where there is no `trust:` and the registry is a folder, all of it does,
// because whoever writes there writes here. An invalid signature never does.
struct Circumstances {
  std::optional<registry::Trust> trust;  // of the environment
  bool folder = true;                    // the registry is one
  std::filesystem::path root;            // of the project: what it made itself stands in its .mlctl/
  WallTime now{};
};
// Error{usage}: the environment requires a signature and nobody said whose counts; a trust that cannot be read.
[[nodiscard]] Result<Circumstances> circumstances_of(const Project& project, const deploy::Environment& environment,
                                                     WallTime now);
[[nodiscard]] bool counts(const registry::Evidence& evidence, const Digest& subject,
                          const Circumstances& circumstances);

// No accuracy, no parity, no load: the server is started, and that is all. Such a gate passes whatever the model says.
[[nodiscard]] bool asks_nothing(const validate::GateConfig& gate);
// Error{usage}: the environment requires a gate, and that of `version` ("m@v1.0.0") asks nothing. A version brings its
// own gate, so that one could otherwise let itself in.
[[nodiscard]] Status check_gate_asks(const deploy::Environment& environment, const validate::GateConfig& gate,
                                     const std::string& version);

// Error{denied}: the environment requires a signature and the version, `shown` ("m@v1.0.0"), has no valid one by its
// trust.
[[nodiscard]] Status check_signature(registry::Store& store, const deploy::Environment& environment,
                                     const registry::ModelName& model, const Digest& digest, const std::string& shown,
                                     const Circumstances& circumstances);
// For a version that comes without a release: Error{denied} when the registry holds no passed answer that counts to
// what the environment requires. Signatures are check_signature's.
[[nodiscard]] Status check_evidence(registry::Store& store, const deploy::Environment& environment,
                                    const registry::ModelName& model, const Digest& digest, const std::string& shown,
                                    const Circumstances& circumstances);

}  // namespace mlctl::release
