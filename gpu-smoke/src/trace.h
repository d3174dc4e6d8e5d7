// Evidence from a file instead of the machine: a report that gpu-smoke wrote, or a trace written by hand.
// A trace may say `"extends": "other.json"` (beside it) and change places there: `"set": {"/gpus/0/…": value}`.
// Fields that it does not know are ignored, as are verdicts: only what was observed is replayed.
#pragma once

#include <optional>
#include <string>

#include "evidence.h"

namespace gpu_smoke {

[[nodiscard]] std::optional<Evidence> load_trace(const std::string& path, std::string& error);
[[nodiscard]] std::optional<Evidence> parse_trace(const std::string& text, std::string& error);

// At most 64 MiB; nothing when it cannot be read.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path);

}  // namespace gpu_smoke
