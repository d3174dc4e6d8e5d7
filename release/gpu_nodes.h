// What gpu-smoke's answers from the nodes of a cluster mean. A node is fit only by a report that says so; an answer
// that is no report, or does not agree with the exit code, is an error, never a pass.
#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "deploy/gpu/check.h"
#include "deploy/gpu/room.h"
#include "validate/gpu.h"

namespace mlctl::release {

struct NodeVerdict {
  deploy::GpuNode node;
  validate::Verdict verdict = validate::Verdict::error;
  std::string reason;                       // as it came; of a pass: how many checks were skipped, or ""
  std::optional<validate::GpuCheck> check;  // nullopt: there is no report
};
[[nodiscard]] std::vector<NodeVerdict> judge_nodes(const std::vector<deploy::GpuNodeAnswer>& answers);

// Whether it says for certain that the node is fit or not: a quick look (deploy/gpu/job.h) finds some faults and proves
// the absence of none.
[[nodiscard]] bool decides(const NodeVerdict& node, bool quick);
[[nodiscard]] std::string started_at(const NodeVerdict& node);  // RFC 3339, as its report says; "": it does not

// 1: one is unfit; else 3: one could not be asked; else 5: one is undecided; else 0.
[[nodiscard]] int exit_code(const std::vector<NodeVerdict>& nodes);

// As a file's name: whatever is no letter, digit, '-' or '.' becomes '-'.
[[nodiscard]] std::string file_name_of(std::string host);
// Where the reports of an environment's nodes stay, a file for each.
[[nodiscard]] std::filesystem::path report_file(const std::filesystem::path& root, const std::string& environment,
                                                const std::string& node);
// Of these reports, read when they are asked for. A file that is no report is none.
[[nodiscard]] deploy::GpuReportOf kept_reports(const std::filesystem::path& root, const std::string& environment);

[[nodiscard]] std::string to_text(const std::vector<NodeVerdict>& nodes, const Style& style);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<NodeVerdict>& nodes);

}  // namespace mlctl::release
