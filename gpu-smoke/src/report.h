// What gpu-smoke says: verdicts with reasons over the evidence they came from. Field names and exit codes
// are a contract (schema.json, README.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evidence.h"

namespace gpu_smoke {

// inconclusive: asked, and the data do not decide. skipped: this GPU or driver has nothing to ask.
// error: could not ask.
enum class Verdict { pass, fail, inconclusive, skipped, error };

struct Check {
  std::string name;
  Verdict verdict = Verdict::error;
  std::string cause;   // one of README.md's causes; empty for pass
  std::string reason;  // for people
  std::vector<std::string> warnings;
};

struct GpuReport {
  std::optional<CudaGpu> cuda;  // absent: CUDA does not see it or did not answer
  std::optional<NvmlGpu> nvml;  // absent: NVML does not see it or did not answer
  std::vector<Check> checks;
};

struct Policy {
  std::optional<unsigned> expect_gpus;
  bool strict = false;       // skipped checks and pending remaps fail
  std::string expect_model;  // a whole word, or several, of every GPU's name; empty: any
};

struct Report {
  Verdict verdict = Verdict::error;  // never skipped
  std::string cause;
  std::string reason;
  Policy policy;
  Evidence evidence;
  std::vector<Check> checks;  // of the node
  std::vector<GpuReport> gpus;
};

// When and where, which the verdict does not depend on.
struct Run {
  std::string started_at;  // RFC 3339, UTC
  std::string host;
  long long duration_ms = 0;
  std::string replayed_from;  // a trace, instead of this machine; empty for a real run
};

[[nodiscard]] const char* to_string(Verdict verdict);
[[nodiscard]] const char* to_string(Level level);
// False for another text. Empty is standard.
[[nodiscard]] bool parse_level(const std::string& text, Level& level);
// What decides when checks differ: a fault that was seen, then what could not be asked, then what stays open; 0 for
// pass and skipped.
[[nodiscard]] int rank(Verdict verdict);
// 0 pass, 1 fail, 3 error, 5 inconclusive.
[[nodiscard]] int exit_code(Verdict verdict);
// What to do about a cause; empty when there is nothing to add.
[[nodiscard]] std::string hint_for(const std::string& cause);

[[nodiscard]] std::string render_json(const Report& report, const Run& run);
[[nodiscard]] std::string render_text(const Report& report, const Run& run);

}  // namespace gpu_smoke
