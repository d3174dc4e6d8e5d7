#include "validate/gpu.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/document.h"
#include "base/process.h"

namespace mlctl::validate {
namespace {

constexpr std::size_t report_limit = 8U << 20U;  // bytes of gpu-smoke's output
constexpr std::chrono::seconds run_limit{120};

std::string text(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Error not_a_report(const std::string& why) {
  return {Error::Kind::corrupt, "gpu-smoke's report: " + why, "use the gpu-smoke that was built with this mlctl"};
}

// One element of `checks`, of the node or of a GPU.
Result<Check> check_from(const nlohmann::json& json, const std::string& prefix) {
  if (!json.is_object()) return not_a_report("a check that is no object");
  const auto verdict = parse_verdict(text(json, "verdict"));
  if (!verdict) return not_a_report("unknown verdict '" + text(json, "verdict") + "'");
  Check check{.name = prefix + text(json, "name"), .verdict = *verdict, .reason = text(json, "reason")};
  const auto warnings = json.find("warnings");
  if (warnings != json.end() && warnings->is_array())
    for (const auto& warning : *warnings)
      if (warning.is_string())
        check.findings.push_back(
            {.rule = "gpu-warning", .severity = Severity::low, .message = warning.get<std::string>()});
  return check;
}

Status add_checks(const nlohmann::json& owner, const std::string& prefix, Report& report) {
  const auto checks = owner.find("checks");
  if (checks == owner.end() || !checks->is_array()) return not_a_report("no checks");
  for (const auto& json : *checks) {
    auto check = check_from(json, prefix);
    if (!check) return check.error();
    // What a chip does not have is no fault of it: gpu-smoke itself fails such a check when asked to be strict.
    if (check->verdict == Verdict::skipped) report.accept.push_back(check->name);
    report.checks.push_back(std::move(*check));
  }
  return ok();
}

bool is_executable(const std::filesystem::path& path) {
  std::error_code failed;
  return std::filesystem::is_regular_file(path, failed) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<std::filesystem::path> find_gpu_smoke() {
  const char* configured = std::getenv("MLCTL_GPU_SMOKE");
  if (configured != nullptr && *configured != '\0') {
    if (is_executable(configured)) return std::filesystem::path(configured);
    return Error{Error::Kind::unavailable, std::string("MLCTL_GPU_SMOKE names no program: ") + configured, ""};
  }
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed && is_executable(self.parent_path() / "gpu-smoke")) return self.parent_path() / "gpu-smoke";
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const auto end = rest.find(':');
    const std::filesystem::path folder(rest.substr(0, end));
    if (folder.is_absolute() && is_executable(folder / "gpu-smoke")) return folder / "gpu-smoke";
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return Error{Error::Kind::unavailable, "gpu-smoke was not found beside mlctl or in PATH",
               "build it: `gpu-smoke/build.sh`, then set MLCTL_GPU_SMOKE to the program"};
}

Result<Report> gpu_report(std::string_view json) {
  auto parsed = parse_json(json, "gpu-smoke's report");
  if (!parsed) return not_a_report("not JSON");
  if (!parsed->is_object() || !parsed->contains("schemaVersion") || (*parsed)["schemaVersion"] != 1)
    return not_a_report("another schema version");
  const auto verdict = parse_verdict(text(*parsed, "verdict"));
  if (!verdict) return not_a_report("unknown verdict '" + text(*parsed, "verdict") + "'");
  if (const auto trace = text(*parsed, "replayedFrom"); !trace.empty())
    return not_a_report("it judges a recorded trace, " + trace + ", and not this machine");
  Report report{.kind = "gpu"};
  report.machine["host"] = text(*parsed, "host");
  if (auto added = add_checks(*parsed, "", report); !added) return added.error();
  const auto gpus = parsed->find("gpus");
  if (gpus == parsed->end() || !gpus->is_array()) return not_a_report("no list of GPUs");
  std::size_t index = 0;
  for (const auto& gpu : *gpus) {
    if (!gpu.is_object()) return not_a_report("a GPU that is no object");
    report.machine["gpu " + std::to_string(index)] = text(gpu, "name");
    if (auto added = add_checks(gpu, "gpu " + std::to_string(index) + " ", report); !added) return added.error();
    ++index;
  }
  // A pass is believed only when the checks say it too; any other verdict must be explained by one of them.
  if (overall(report) != *verdict)
    return not_a_report("it says " + std::string(to_string(*verdict)) + ", its checks say " +
                        to_string(overall(report)));
  if (*verdict == Verdict::pass && gpus->empty()) return not_a_report("it passes without a GPU");
  return report;
}

Result<GpuCheck> run_gpu_smoke(const std::filesystem::path& program, Clock& clock) {
  ProcessSpec spec;
  spec.command = {program.string(), "--output", "json"};
  spec.output_limit = report_limit;
  const auto started = clock.wall();
  auto ran = run_process(spec, run_limit);
  if (!ran) return ran.error();
  const auto begin = ran->output.find('{');  // warnings on stderr come first
  auto report =
      gpu_report(begin == std::string::npos ? std::string_view() : std::string_view(ran->output).substr(begin));
  if (!report) return report.error();
  if (exit_code(overall(*report)) != ran->exit_code)
    return not_a_report("it says " + std::string(to_string(overall(*report))) + ", and gpu-smoke ended with " +
                        std::to_string(ran->exit_code));
  report->started = started;
  report->finished = clock.wall();
  return GpuCheck{std::move(*report), ran->output.substr(begin)};
}

}  // namespace mlctl::validate
