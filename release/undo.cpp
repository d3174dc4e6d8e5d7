#include "release/undo.h"

#include <algorithm>

#include "release/files.h"
#include "release/locate.h"

namespace mlctl::release {
namespace {

// Recorded by the assignment, else by its version's tag, else found.
Status fill_digest(const registry::ModelTags& tags, registry::Assignment& assignment, const FindDigest& find) {
  if (assignment.digest) return ok();
  if (const auto version = tags.find(assignment.version)) assignment.digest = version->digest;
  if (assignment.digest) return ok();
  auto found = find(assignment);
  if (!found) return found.error().context(assignment.tag + " records no digest");
  assignment.digest = *found;
  return ok();
}

// The N under which its version was assigned first.
std::uint64_t first_of(const std::vector<registry::Assignment>& past, const registry::Assignment& from) {
  auto first = from.n;
  for (const auto& assignment : past)
    if (assignment.version == from.version) first = std::min(first, assignment.n);
  return first;
}

}  // namespace

FindDigest digest_finder(const Project& project, const registry::Git& git, registry::Store& store,
                         const ModelEntry& model) {
  return [&](const registry::Assignment& assignment) -> Result<Digest> {
    auto then = model_at(project, git, model, assignment.commit);
    if (!then) return then.error();
    auto located = locate(project, &git, store, *then, assignment.version, assignment.commit, std::nullopt);
    if (!located) return located.error();
    return located->digest;
  };
}

Result<UndoPlan> plan_undo(const registry::ModelTags& tags, const std::string& environment, const FindDigest& find,
                           const std::set<std::uint64_t>& aborted) {
  const auto name = to_string(tags.model());
  auto newest = tags.assignment(environment);
  if (!newest) return newest.error();
  if (!*newest)
    return Error{Error::Kind::not_found, "nothing of " + name + " is assigned to " + environment,
                 "`mlctl history " + name + "` shows what was"};
  auto past = tags.assignments(environment);
  if (!past) return past.error();
  UndoPlan plan{.model = tags.model(), .environment = environment, .from = **newest, .n = tags.next_counter()};
  if (auto filled = fill_digest(tags, plan.from, find); !filled) return filled.error();
  const auto denied = tags.denied(environment);
  const auto first = first_of(*past, plan.from);
  for (auto& assignment : *past) {
    if (assignment.n >= plan.from.n || tags.withdrawal(assignment.version) != nullptr) continue;
    if (aborted.count(assignment.n) != 0) continue;
    if (auto filled = fill_digest(tags, assignment, find); !filled) return filled.error();
    const bool same_files = *assignment.digest == *plan.from.digest;
    if (same_files ? assignment.n >= first : denied.count(*assignment.digest) != 0) continue;
    plan.to = std::move(assignment);
    break;
  }
  if (!plan.to || *plan.to->digest != *plan.from.digest) plan.denied = plan.from.digest;
  return plan;
}

Result<registry::Taken> take_back(registry::Git& git, const UndoPlan& plan, bool push) {
  if (!plan.to)
    return registry::unassign(
        git, {.model = plan.model, .stage = plan.environment, .push = push, .denied = plan.denied, .expected = plan.n});
  return registry::assign(git, {.model = plan.model,
                                .stage = plan.environment,
                                .version = plan.to->version,
                                .digest = *plan.to->digest,
                                .commit = plan.to->commit,
                                .push = push,
                                .denied = plan.denied,
                                .expected = plan.n});
}

bool is_unfinished(const registry::ModelTags& tags, const std::string& environment,
                   const deploy::LiveAssignment& live) {
  const registry::ModelEvent* newest = nullptr;
  for (const auto& event : tags.history())
    if (event.what.stage == environment && event.what.counter &&
        (newest == nullptr || *event.what.counter > *newest->what.counter))
      newest = &event;
  if (newest == nullptr || !newest->lines.denied) return false;
  const bool removes = newest->what.kind == registry::TagEvent::Kind::unassignment;
  if (removes) return live.n.has_value();
  const auto assigned = tags.assignment(environment);
  const bool has_all = assigned && *assigned && (*assigned)->digest && to_string(*(*assigned)->digest) == live.digest;
  return !has_all && (!live.n || *live.n < *newest->what.counter);
}

}  // namespace mlctl::release
