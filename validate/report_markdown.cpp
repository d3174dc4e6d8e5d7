#include "validate/markdown.h"
#include "validate/report.h"

namespace mlctl::validate {
namespace {

const char* mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "✅ pass";
    case Verdict::fail:
      return "❌ fail";
    case Verdict::inconclusive:
      return "❔ inconclusive";
    case Verdict::skipped:
      return "⏭️ skipped";
    case Verdict::error:
      return "⚠️ error";
  }
  return "⚠️ error";
}

std::string heading(const Report& report) {
  std::string text = "### " + markdown_text(report.kind) + ": " + markdown_text(report.model);
  if (!report.version.empty()) text += " " + markdown_text(report.version);
  if (!report.environment.empty()) text += " for " + markdown_text(report.environment);
  text += "\n\n**" + std::string(mark(overall(report))) + "**";
  if (!report.baseline_version.empty()) text += ", compared with " + markdown_text(report.baseline_version);
  if (!report.digest.empty()) text += " · `" + escape_control(report.digest) + "`";
  return text + "\n\n";
}

std::string check_rows(const Report& report) {
  std::string text = "| check | verdict | why |\n| --- | --- | --- |\n";
  for (const auto& check : report.checks) {
    text +=
        "| " + markdown_text(check.name) + " | " + mark(check.verdict) + " | " + markdown_text(check.reason) + " |\n";
  }
  return text + "\n";
}

std::string metric_rows(const Report& report) {
  std::string rows;
  for (const auto& check : report.checks) {
    for (const auto& metric : check.metrics) {
      rows += "| " + markdown_text(check.name) + " | " + markdown_text(metric.name) + " | " +
              markdown_text(metric_text(metric)) + " |\n";
    }
  }
  return rows.empty() ? rows : "| check | metric | value |\n| --- | --- | --- |\n" + rows + "\n";
}

std::string finding_rows(const Report& report) {
  std::string rows;
  for (const auto& check : report.checks) {
    for (const auto& finding : check.findings) {
      rows += std::string("| ") + to_string(finding.severity) + " | " + markdown_text(finding.rule) + " | " +
              markdown_text(finding.file) + " | " + markdown_text(finding.message) + " |\n";
    }
  }
  return rows.empty() ? rows : "| severity | rule | file | finding |\n| --- | --- | --- | --- |\n" + rows + "\n";
}

}  // namespace

std::string to_markdown(const Report& report) {
  return cut_markdown(heading(report) + check_rows(report) + metric_rows(report) + finding_rows(report), summary_limit);
}

}  // namespace mlctl::validate
