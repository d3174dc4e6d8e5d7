// How a runtime is started on this machine: what serving.local says, over the runtime's preset, with ports filled in.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "validate/gate_config.h"

namespace mlctl::validate {

// nullptr when the runtime has no preset: then serving.local must say everything.
[[nodiscard]] const LocalServer* find_preset(std::string_view runtime);

struct Expansion {
  std::uint16_t port = 0, grpc_port = 0, metrics_port = 0;
  std::string model;
};
// {port} {grpc_port} {metrics_port} {model} by their values. Any other {word} of letters, digits and _ is
// Error{usage} unless `lenient`: then it stays as it is, as all other braces do (templates are often JSON).
[[nodiscard]] Result<std::string> expand(std::string_view text, const Expansion& values, bool lenient = false);
// Everything of a LocalServer expanded. Texts were checked by decode_local.
[[nodiscard]] Result<LocalServer> expand(LocalServer local, const Expansion& values);

}  // namespace mlctl::validate
