#include <set>

#include "validate/report.h"

namespace mlctl::validate {
namespace {

// What a server printed keeps its lines, below and behind a bar: with blanks alone before it, a line that begins with
// `::` would be a command to GitHub's runner.
std::string lines_text(const std::string& text) {
  std::string out;
  for (const char c : escape_control(text, true)) {
    out += c;
    if (c == '\n') out += "      | ";
  }
  return out;
}

std::string title(const Report& report) {
  const auto host = report.machine.find("host");  // a report of a machine is of no model
  std::string text = report.kind;
  if (!report.model.empty())
    text += " " + report.model;
  else if (host != report.machine.end())
    text += " " + host->second;
  if (!report.version.empty()) text += " " + report.version;
  if (!report.environment.empty()) text += " for " + report.environment;
  if (!report.baseline_version.empty()) text += ", compared with " + report.baseline_version;
  return escape_control(text);
}

Tone tone_of(Severity severity) {
  switch (severity) {
    case Severity::critical:
    case Severity::high:
      return Tone::bad;
    case Severity::medium:
      return Tone::warn;
    case Severity::low:
      return Tone::dim;
  }
  return Tone::bad;
}

// What the check's own line says already is not said again.
std::string finding_text(const Finding& finding, const Check& check, const Style& style) {
  std::string text =
      "    " + paint(to_string(finding.severity), tone_of(finding.severity), style) + "  " + finding.rule;
  if (!finding.file.empty() && finding.file != check.name) text += "  " + escape_control(finding.file);
  if (finding.message != check.reason) text += ": " + lines_text(finding.message);
  return text + "\n";
}

std::string check_text(const Check& check, const Style& style) {
  std::string text = "  " + paint(symbol(symbol_of(check.verdict), style), tone_of(check.verdict), style) + " " +
                     escape_control(check.name) + " " + paint(to_string(check.verdict), tone_of(check.verdict), style);
  if (!check.reason.empty()) text += ": " + lines_text(check.reason);
  text += '\n';
  for (const auto& metric : check.metrics) {
    text += "      " + escape_control(metric.name) + ": " + escape_control(metric_text(metric)) + "\n";
  }
  for (const auto& finding : check.findings) text += finding_text(finding, check, style);
  return text;
}

// One hint per rule, below everything.
std::string hints_text(const Report& report) {
  std::string text;
  std::set<std::string> told;
  for (const auto& check : report.checks) {
    for (const auto& finding : check.findings) {
      if (finding.hint.empty() || !told.insert(finding.rule).second) continue;
      text += (told.size() == 1 ? "\nhint: " : "hint: ") + finding.rule + ": " + escape_control(finding.hint) + "\n";
    }
  }
  return text;
}

}  // namespace

std::string to_text(const Report& report, const Style& style) {
  std::string text = paint(title(report), Tone::strong, style) + "\n";
  for (const auto& check : report.checks) text += check_text(check, style);
  if (report.checks.empty()) text += "  nothing was checked\n";
  return text + hints_text(report);
}

}  // namespace mlctl::validate
