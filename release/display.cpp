#include "release/display.h"

#include <algorithm>
#include <utility>

#include "validate/markdown.h"
#include "validate/report.h"

namespace mlctl::release {
namespace {

using validate::markdown_text;
using validate::Verdict;

std::string took(const Outcome& outcome) {
  if (!outcome.reused_from.empty()) return "as in " + outcome.reused_from;
  const auto seconds = outcome.finished - outcome.started;
  return seconds.count() < 2 ? "" : human_duration(seconds);  // these are whole seconds: one may have been a moment
}

// Everything but the name of the step.
std::string body(const Outcome& outcome, const Style& style) {
  const auto tone = validate::tone_of(outcome.verdict);
  std::string line = paint(validate::to_string(outcome.verdict), tone, style);
  if (!outcome.summary.empty()) line += "  " + escape_control(outcome.summary);
  if (const auto time = took(outcome); !time.empty())
    line += "  " + paint("(" + escape_control(time) + ")", Tone::dim, style);
  return line;
}

std::string mark(Verdict verdict, const Style& style) {
  return paint(symbol(validate::symbol_of(verdict), style), validate::tone_of(verdict), style);
}

const Outcome* outcome_of(const Release& release, const Step& step) {
  for (const auto& outcome : release.outcomes)
    if (outcome.step == step) return &outcome;
  return nullptr;
}

std::string padded(const char* name) {
  std::string text = name;
  text.resize(std::max<std::size_t>(text.size(), 9), ' ');
  return text;
}

}  // namespace

std::string render_line(const Outcome& outcome, const Style& style) {
  return mark(outcome.verdict, style) + " " + to_string(outcome.step) + "  " + body(outcome, style) + "\n";
}

std::string render_tree(const Release& release, const std::optional<Running>& running, const Style& style) {
  std::string out = paint(escape_control(release.model + " " + release.version), Tone::strong, style) + "\n";
  std::string environment;
  for (const auto& step : release.plan) {
    if (!step.environment.empty() && step.environment != environment)
      out += "  " + escape_control(step.environment) + "\n";
    environment = step.environment;
    const std::string indent = environment.empty() ? "  " : "    ";
    const std::string name = padded(to_string(step.kind));
    if (const Outcome* outcome = outcome_of(release, step)) {
      out += indent + mark(outcome->verdict, style) + " " + name + " " + body(*outcome, style) + "\n";
      for (const auto& note : outcome->notes)
        out += indent + "  " + paint(escape_control(note), Tone::dim, style) + "\n";
    } else if (running && running->step == step) {
      out += indent + paint(symbol(Symbol::running, style), Tone::warn, style) + " " + name + " running" +
             (running->detail.empty() ? "" : "  " + paint(escape_control(running->detail), Tone::dim, style)) + "\n";
    } else {
      out += indent + paint(symbol(Symbol::skip, style) + " " + name + " waiting", Tone::dim, style) + "\n";
    }
  }
  return out;
}

std::string render_live(const Release& release, const std::optional<Running>& running, const Style& style) {
  const auto tree = render_tree(release, running, style);
  const auto row = style.width - 1;  // some terminals go on in the next row when the last column is written
  std::string out;
  for (std::size_t start = 0, end = 0; start < tree.size(); start = end + 1) {
    end = tree.find('\n', start);
    out += cut_to_width(std::string_view(tree).substr(start, end - start), row, style) + "\n";
  }
  return out;
}

std::string render_verdict(const Release& release, const std::string& report_path, const Style& style) {
  const auto verdict = verdict_of(release);
  std::string out = mark(verdict, style) + " " + escape_control(release.model + " " + release.version) + " ";
  if (verdict == Verdict::pass) {
    out += "released\n";
  } else {
    out += "not released";
    if (!release.outcomes.empty()) {
      const auto& last = release.outcomes.back().step.kind == StepKind::report && release.outcomes.size() > 1
                             ? release.outcomes[release.outcomes.size() - 2]
                             : release.outcomes.back();
      out += ": " + to_string(last.step) + " " + validate::to_string(last.verdict);
    }
    out += '\n';
  }
  if (!report_path.empty()) out += "  report  " + escape_control(report_path) + "\n";
  return out;
}

std::string to_markdown(const Release& release) {
  const auto verdict = verdict_of(release);
  std::string out = "## " + markdown_text(release.model + " " + release.version) + ": " +
                    (verdict == Verdict::pass ? "released" : "not released") + "\n\n";
  out += "| | step | verdict | why |\n| --- | --- | --- | --- |\n";
  Style style;
  for (const auto& outcome : release.outcomes) {
    out += "| " + symbol(validate::symbol_of(outcome.verdict), style) + " | " + markdown_text(to_string(outcome.step)) +
           " | " + validate::to_string(outcome.verdict) + " | " + markdown_text(outcome.summary);
    if (!outcome.reused_from.empty()) out += " (as in " + markdown_text(outcome.reused_from) + ")";
    for (const auto& note : outcome.notes) out += "<br>" + markdown_text(note);
    out += " |\n";
  }
  out +=
      "\ndigest `" + release.digest + "`, commit `" + release.commit + "`, tag `" + escape_control(release.tag) + "`\n";
  for (const auto& outcome : release.outcomes)
    if (outcome.report && outcome.reused_from.empty()) out += "\n" + validate::to_markdown(*outcome.report);
  return validate::cut_markdown(std::move(out), validate::summary_limit);
}

}  // namespace mlctl::release
