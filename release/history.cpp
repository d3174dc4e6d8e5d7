#include "release/history.h"

#include <algorithm>

namespace mlctl::release {
namespace {

HistoryLine line_of(const registry::ModelTags& tags, const registry::ModelEvent& event) {
  HistoryLine line{event, "", ""};
  auto version = event.what.version ? event.what.version : event.lines.version;
  auto digest = event.lines.digest;
  // An assignment made by hand says its version by its commit only.
  if (!version && event.what.kind == registry::TagEvent::Kind::assignment)
    if (const auto here = tags.version_at(event.commit)) {
      version = here->version;
      if (!digest) digest = here->digest;
    }
  if (version) line.version = to_string(*version);
  if (digest) line.digest = to_string(*digest);
  return line;
}

}  // namespace

History history_of(const registry::ModelTags& tags) {
  History history{tags.model(), {}, {}};
  for (const auto& event : tags.history()) history.lines.push_back(line_of(tags, event));
  std::reverse(history.lines.begin(), history.lines.end());
  for (const auto& tag : tags.ignored())
    history.warnings.push_back("tag " + tag + " is lightweight, or leads to no commit: it does not count");
  for (const auto& stage : tags.stages()) {
    if (const auto assigned = tags.assignment(stage); !assigned)
      history.warnings.push_back(stage + ": " + assigned.error().message);
    if (const auto by_time = tags.time_order_differs(stage))
      history.warnings.push_back(stage + ": by time the newest assignment is " + *by_time +
                                 ", by number it is another; the number counts, other tools may take the time");
    if (const auto tag = tags.assigned_elsewhere(stage))
      history.warnings.push_back(stage + ": nothing is assigned; other tools fall back to " + *tag +
                                 ", because they unassign one version, not the stage");
  }
  return history;
}

}  // namespace mlctl::release
