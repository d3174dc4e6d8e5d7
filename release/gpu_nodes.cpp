#include "release/gpu_nodes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"
#include "deploy/cluster/fields.h"
#include "release/work.h"

namespace mlctl::release {
namespace {

using validate::Verdict;

constexpr std::size_t longest_reason = 300;
constexpr std::uint64_t report_limit = 8U << 20U;  // bytes of one that was kept

std::string first_line(const std::string& text) {
  return text.substr(0, std::min(text.find('\n'), longest_reason));
}

// A pass says what it did not look at.
std::string skips_of(const validate::Report& report) {
  const auto count = std::count_if(report.checks.begin(), report.checks.end(),
                                   [](const validate::Check& check) { return check.verdict == Verdict::skipped; });
  return count == 0 ? "" : count_text(static_cast<std::uint64_t>(count), "check") + " skipped";
}

std::string start_in(const std::string& report) {
  return deploy::text_field(nlohmann::ordered_json::parse(report, nullptr, false), "startedAt");
}

NodeVerdict judge(const deploy::GpuNodeAnswer& answer) {
  NodeVerdict out{.node = answer.node, .reason = answer.problem};
  if (!answer.problem.empty()) return out;
  const auto begin = answer.log.find('{');  // warnings on stderr come first
  if (begin == std::string::npos) {
    out.reason = "gpu-smoke ended with " + std::to_string(answer.exit_code) +
                 (answer.log.empty() ? " and said nothing" : ": " + first_line(answer.log));
    return out;
  }
  auto json = answer.log.substr(begin);
  auto report = validate::gpu_report(json);
  if (!report) {
    out.reason = report.error().message;
    return out;
  }
  const auto verdict = validate::overall(*report);
  if (validate::exit_code(verdict) != answer.exit_code) {
    out.reason = "gpu-smoke ended with " + std::to_string(answer.exit_code) + ", and its report says " +
                 validate::to_string(verdict);
    return out;
  }
  out.verdict = verdict;
  out.reason = verdict == Verdict::pass ? skips_of(*report) : first_reason(*report);
  out.check = validate::GpuCheck{std::move(*report), std::move(json)};
  return out;
}

std::string memory_text(std::int64_t mebibytes) {
  return mebibytes == 0 ? "-" : human_bytes(static_cast<std::uint64_t>(mebibytes) << 20U);
}

}  // namespace

std::vector<NodeVerdict> judge_nodes(const std::vector<deploy::GpuNodeAnswer>& answers) {
  std::vector<NodeVerdict> out;
  for (const auto& answer : answers) out.push_back(judge(answer));
  return out;
}

bool decides(const NodeVerdict& node, bool quick) {
  return node.verdict == Verdict::fail || (node.verdict == Verdict::pass && !quick);
}

std::string started_at(const NodeVerdict& node) {
  return node.check ? start_in(node.check->json) : "";
}

int exit_code(const std::vector<NodeVerdict>& nodes) {
  for (const auto worst : {Verdict::fail, Verdict::error, Verdict::inconclusive})
    if (std::any_of(nodes.begin(), nodes.end(), [&](const NodeVerdict& one) { return one.verdict == worst; }))
      return validate::exit_code(worst);
  return 0;
}

std::string file_name_of(std::string host) {
  for (char& c : host) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!plain) c = '-';
  }
  while (!host.empty() && host.front() == '.') host.erase(0, 1);
  return host.empty() ? "localhost" : host;
}

std::filesystem::path report_file(const std::filesystem::path& root, const std::string& environment,
                                  const std::string& node) {
  return root / ".mlctl" / "gpu" / environment / (file_name_of(node) + ".json");
}

deploy::GpuReportOf kept_reports(const std::filesystem::path& root, const std::string& environment) {
  return [root, environment](const std::string& node) -> std::optional<deploy::GpuReport> {
    const auto text = read_file(report_file(root, environment, node), report_limit);
    if (!text) return std::nullopt;
    const auto report = validate::gpu_report(*text);
    if (!report) return std::nullopt;
    return deploy::GpuReport{validate::overall(*report) == Verdict::fail, start_in(*text)};
  };
}

std::string to_text(const std::vector<NodeVerdict>& nodes, const Style& style) {
  Rows rows;
  std::size_t fit = 0;
  for (const auto& one : nodes) {
    fit += one.verdict == Verdict::pass ? 1 : 0;
    rows.push_back({escape_control(one.node.name), std::to_string(one.node.count),
                    one.node.model.empty() ? "-" : escape_control(one.node.model), memory_text(one.node.memory),
                    paint(validate::to_string(one.verdict), validate::tone_of(one.verdict), style),
                    escape_control(first_line(one.reason))});
  }
  return render_table({"node", "gpus", "model", "memory", "verdict", "reason"}, rows, style) + std::to_string(fit) +
         " of " + count_text(nodes.size(), "node") + " fit\n";
}

nlohmann::ordered_json to_json(const std::vector<NodeVerdict>& nodes) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& one : nodes) {
    nlohmann::ordered_json node = {{"node", one.node.name},   {"gpus", one.node.count},
                                   {"model", one.node.model}, {"memoryMiB", one.node.memory},
                                   {"mark", one.node.mark},   {"verdict", validate::to_string(one.verdict)},
                                   {"reason", one.reason}};
    if (one.check) node["report"] = nlohmann::ordered_json::parse(one.check->json, nullptr, false);
    out.push_back(std::move(node));
  }
  return out;
}

}  // namespace mlctl::release
