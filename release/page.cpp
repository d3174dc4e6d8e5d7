#include "release/page.h"

#include <algorithm>

#include "validate/html.h"

namespace mlctl::release {
namespace {

using validate::Verdict;

// The step that decided: the one that stopped it, else none.
const Outcome* deciding(const Release& release) {
  const auto found = std::find_if(release.outcomes.begin(), release.outcomes.end(),
                                  [](const Outcome& outcome) { return outcome.verdict != Verdict::pass; });
  return found == release.outcomes.end() ? nullptr : &*found;
}

validate::PageStep page_step(const Release& release, const Step& step) {
  validate::PageStep out{.name = to_string(step.kind), .environment = step.environment};
  for (const auto& outcome : release.outcomes) {
    if (outcome.step != step) continue;
    out.verdict = outcome.verdict;
    out.detail = outcome.summary;
    if (!outcome.reused_from.empty()) out.detail += " (as in " + outcome.reused_from + ")";
    for (const auto& note : outcome.notes) out.detail += "; " + note;
    if (outcome.finished > outcome.started) out.took = outcome.finished - outcome.started;
  }
  return out;
}

}  // namespace

std::string to_page(const Release& release) {
  validate::Page page;
  page.title = release.model + " " + release.version;
  page.subtitle = "release";
  const Outcome* stopped = deciding(release);
  page.verdict = stopped != nullptr ? stopped->verdict : verdict_of(release);
  page.summary = stopped != nullptr ? "Stopped at " + to_string(stopped->step) + ": " + stopped->summary
                                    : "Every step passed; the version is in every environment.";
  page.facts = {{"digest", release.digest},
                {"image", release.image},
                {"tag", release.tag},
                {"commit", release.commit},
                {"evidence", "not signed"}};
  for (const auto& step : release.plan) page.steps.push_back(page_step(release, step));
  for (const auto& outcome : release.outcomes)
    if (outcome.report && (outcome.reused_from.empty() || outcome.reused_from == "an earlier run"))
      page.reports.push_back(*outcome.report);
  page.made = release.finished;
  return validate::to_html(page);
}

}  // namespace mlctl::release
