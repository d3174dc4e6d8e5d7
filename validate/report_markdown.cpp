#include <algorithm>

#include "validate/report.h"

namespace mlctl::validate {
namespace {

constexpr std::size_t summary_limit = 1'000'000;  // a step summary holds 1 MiB
constexpr std::size_t cell_limit = 2'000;

// Plain text in Markdown: HTML and every mark that could start a link, an image or a table cell is taken its meaning.
std::string escaped(std::string_view raw) {
  std::string clean = escape_control(raw.substr(0, std::min(raw.size(), cell_limit)));
  if (raw.size() > cell_limit) clean += " …";
  std::string text;
  for (const char c : clean) {
    switch (c) {
      case '&':
        text += "&amp;";
        break;
      case '<':
        text += "&lt;";
        break;
      case '>':
        text += "&gt;";
        break;
      case '@':
        text += "&#64;";
        break;  // nobody is notified by a file's name
      case '\\':
      case '`':
      case '*':
      case '_':
      case '[':
      case ']':
      case '|':
      case '#':
      case '~':
      case '!':
        text += '\\';
        text += c;
        break;
      default:
        text += c;
    }
  }
  return text;
}

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
  std::string text = "### " + escaped(report.kind) + ": " + escaped(report.model);
  if (!report.version.empty()) text += " " + escaped(report.version);
  if (!report.environment.empty()) text += " for " + escaped(report.environment);
  text += "\n\n**" + std::string(mark(overall(report))) + "**";
  if (!report.baseline_version.empty()) text += ", compared with " + escaped(report.baseline_version);
  if (!report.digest.empty()) text += " · `" + escape_control(report.digest) + "`";
  return text + "\n\n";
}

std::string check_rows(const Report& report) {
  std::string text = "| check | verdict | why |\n| --- | --- | --- |\n";
  for (const auto& check : report.checks) {
    text += "| " + escaped(check.name) + " | " + mark(check.verdict) + " | " + escaped(check.reason) + " |\n";
  }
  return text + "\n";
}

std::string metric_rows(const Report& report) {
  std::string rows;
  for (const auto& check : report.checks) {
    for (const auto& metric : check.metrics) {
      rows += "| " + escaped(check.name) + " | " + escaped(metric.name) + " | " + escaped(metric_text(metric)) + " |\n";
    }
  }
  return rows.empty() ? rows : "| check | metric | value |\n| --- | --- | --- |\n" + rows + "\n";
}

std::string finding_rows(const Report& report) {
  std::string rows;
  for (const auto& check : report.checks) {
    for (const auto& finding : check.findings) {
      rows += std::string("| ") + to_string(finding.severity) + " | " + escaped(finding.rule) + " | " +
              escaped(finding.file) + " | " + escaped(finding.message) + " |\n";
    }
  }
  return rows.empty() ? rows : "| severity | rule | file | finding |\n| --- | --- | --- | --- |\n" + rows + "\n";
}

// Cuts at the end of a line.
std::string cut(std::string text) {
  if (text.size() <= summary_limit) return text;
  text.resize(text.rfind('\n', summary_limit) + 1);
  return text + "\nThe rest was cut: a step summary holds 1 MiB.\n";
}

}  // namespace

std::string to_markdown(const Report& report) {
  return cut(heading(report) + check_rows(report) + metric_rows(report) + finding_rows(report));
}

}  // namespace mlctl::validate
