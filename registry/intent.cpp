#include "registry/intent.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/terminal.h"
#include "registry/intent_detail.h"

namespace mlctl::registry {

using namespace intent;

namespace {

Error lightweight(const std::string& name) {
  return {Error::Kind::conflict, "tag " + name + " exists, but is lightweight and says nothing",
          "`git tag -d " + name + "`, at origin too, then run the command again"};
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What a registration that is there already means for this one.
Result<bool> compare(const VersionTag& there, const Registration& wanted) {
  const std::string what = to_string(wanted.model) + "@" + to_string(wanted.version);
  if (there.commit != wanted.commit)
    return Error{Error::Kind::conflict,
                 what + " is registered at another commit\ntag " + there.commit + "\nwanted " + wanted.commit,
                 "versions are immutable: register another version"};
  if (there.digest && *there.digest != wanted.digest)
    return Error{Error::Kind::conflict,
                 what + " is registered with another digest\ntag " + to_string(*there.digest) + "\nwanted " +
                     to_string(wanted.digest),
                 "versions are immutable: register another version"};
  return true;
}

bool was_registered(const ModelTags& tags, const Version& version) {
  return std::any_of(tags.history().begin(), tags.history().end(),
                     [&](const auto& event) { return event.what.version == version; });
}

// Is the newest assignment this request already?
Result<bool> resumes(const Assignment& newest, const AssignRequest& request) {
  if (newest.commit != request.commit || newest.version != request.version) return false;
  if (request.expected) return newest.n == *request.expected && newest.denied == request.denied;
  if (!newest.digest || *newest.digest == request.digest) return true;
  return Error{Error::Kind::conflict,
               newest.tag + " assigned another digest\ntag " + to_string(*newest.digest) + "\nwanted " +
                   to_string(request.digest),
               ""};
}

Status may_assign(const Git& git, const ModelTags& tags, const std::optional<Assignment>& newest,
                  const AssignRequest& request) {
  const std::string what = to_string(request.model) + "@" + to_string(request.version);
  if (request.expected || request.denied) return ok();
  if (const auto* end = tags.deprecation(); end != nullptr && !request.force)
    return Error{
        Error::Kind::denied,
        what + ": the model is deprecated, says " + end->tag + " by " + escape_control(end->tagger),
        "`mlctl register " + to_string(request.model) + "` a new version, or say --force: either takes that back"};
  if (!request.allow && tags.denied(request.stage).count(request.digest) != 0)
    return Error{Error::Kind::denied, what + " was denied in " + request.stage + ": its files were taken back there",
                 "`mlctl assign " + what + " " + request.stage + " --allow-denied` takes that back"};
  const auto* last = tags.newest_event(request.stage);
  if (const auto n = last != nullptr ? last->what.counter.value_or(0) : 0; request.seen && n != *request.seen)
    return Error{Error::Kind::conflict,
                 what + " was judged before " + (last != nullptr ? last->tag : "the stage was emptied") +
                     ": it may not be fit to replace what is there now",
                 "run the command again: it is judged against what " + request.stage + " has now"};
  if (!newest || newest->commit == request.commit) return ok();
  auto older = git.is_ancestor(request.commit, newest->commit);
  if (!older) return older.error();
  if (*older)
    return Error{Error::Kind::denied,
                 what + " is older than " + to_string(newest->version) + ", which " + newest->tag + " assigned",
                 "`mlctl undo " + to_string(request.model) + " --env " + request.stage + "` goes back"};
  auto newer = git.is_ancestor(newest->commit, request.commit);
  if (!newer) return newer.error();
  if (*newer || request.force) return ok();
  return Error{Error::Kind::denied,
               what + ": its history has parted from that of " + to_string(newest->version) + ", which " + newest->tag +
                   " assigned",
               "merge them, or say --force"};
}

// True: the newest assignment is this request; false: it may be taken; or why not.
Result<bool> said_already(const Git& git, const ModelTags& tags, const std::optional<Assignment>& newest,
                          const AssignRequest& request) {
  auto same = newest ? resumes(*newest, request) : Result<bool>(false);
  if (!same || *same) return same;
  auto may = may_assign(git, tags, newest, request);
  if (!may) return may.error();
  return false;
}

// An assignment with the same number has another name, so that origin took both; it counts, this does not.
Result<Taken> confirm(Git& git, const UnassignRequest& request, const Taken& made) {
  auto all = current_tags(git, made.pushed);
  if (!all) return all.error();
  const ModelTags tags(request.model, *all);
  const auto* newest = tags.newest_event(request.stage);
  if (newest != nullptr && newest->what.kind == TagEvent::Kind::assignment && newest->what.counter == made.n)
    return number_taken(to_string(request.model), made.n, tags.next_counter());
  return made;
}

}  // namespace

Result<Taken> register_version(Git& git, const Registration& registration) {
  auto remote = pushes(git, registration.push);
  if (!remote) return remote.error();
  const std::string what = to_string(registration.model) + " " + to_string(registration.version);
  const std::string message =
      format_message("Register " + what, {registration.version, registration.digest, std::nullopt, std::nullopt});
  Refusals refusals;
  for (int tries = 0; tries < tries_limit; ++tries) {
    if (interrupted()) return interrupted_error();
    auto all = current_tags(git, *remote);
    if (!all) return all.error();
    const ModelTags tags(registration.model, *all);
    const auto there = tags.find(registration.version);
    if (there)
      if (auto same = compare(*there, registration); !same) return same.error();
    if (there && !tags.deprecated()) {
      if (*remote)
        if (auto pushed = push_existing(git, *all, there->tag); !pushed) return pushed.error();
      return Taken{there->tag, 0, true, *remote};
    }
    TagEvent event{TagEvent::Kind::registration, registration.model, registration.version, "", std::nullopt};
    // A version that was deregistered comes back under a number: its plain name is taken. So does the first one after
    // a deprecation, which may have been said within the same second.
    if (was_registered(tags, registration.version) || tags.deprecated()) event.counter = tags.next_counter();
    const std::string name = tag_name(event);
    if (holds(tags.ignored(), name)) return lightweight(name);
    auto created = create(git, name, registration.commit, message, *remote);
    if (created) return Taken{name, 0, false, *remote};
    if (!is_conflict(created)) return created.error();
    if (auto again = refusals.note(name, created.error()); !again) return again.error();
  }
  return gave_up(what);
}

Status check_assignable(const Git& git, const ModelTags& tags, const AssignRequest& request) {
  auto newest = tags.assignment(request.stage);
  if (!newest) return newest.error();
  auto said = said_already(git, tags, *newest, request);
  return said ? ok() : Status(said.error());
}

Result<Taken> assign(Git& git, const AssignRequest& request) {
  auto remote = pushes(git, request.push);
  if (!remote) return remote.error();
  const std::string what = to_string(request.model) + " " + to_string(request.version);
  TagMessage lines{request.version, request.digest, request.denied, std::nullopt};
  if (request.allow) lines.allowed = request.digest;
  const std::string message = format_message("Assign " + what + " to " + request.stage, lines);
  Refusals refusals;
  for (int tries = 0; tries < tries_limit; ++tries) {
    if (interrupted()) return interrupted_error();
    auto all = current_tags(git, *remote);
    if (!all) return all.error();
    const ModelTags tags(request.model, *all);
    auto newest = tags.assignment(request.stage);
    if (!newest) return newest.error();
    auto said = said_already(git, tags, *newest, request);
    if (!said) return said.error();
    if (*said && *remote)
      if (auto pushed = push_existing(git, *all, (*newest)->tag); !pushed) return pushed.error();
    if (*said) return Taken{(*newest)->tag, (*newest)->n, true, *remote};
    auto made = take(git, tags, {TagEvent::Kind::assignment, request.model, std::nullopt, request.stage, std::nullopt},
                     request.commit, message, request.expected, *remote, refusals);
    if (!made) return made.error();
    if (*made) return **made;
  }
  return gave_up(what);
}

Result<Taken> unassign(Git& git, const UnassignRequest& request) {
  auto remote = pushes(git, request.push);
  if (!remote) return remote.error();
  const std::string what = to_string(request.model) + " from " + request.stage;
  const std::string message =
      format_message("Unassign " + what, {std::nullopt, std::nullopt, request.denied, std::nullopt});
  Refusals refusals;
  for (int tries = 0; tries < tries_limit; ++tries) {
    if (interrupted()) return interrupted_error();
    auto all = current_tags(git, *remote);
    if (!all) return all.error();
    const ModelTags tags(request.model, *all);
    const ModelEvent* newest = tags.newest_event(request.stage);
    if (newest == nullptr) return Taken{"", 0, true, false};
    if (newest->what.kind == TagEvent::Kind::unassignment) {
      if (*remote)
        if (auto pushed = push_existing(git, *all, newest->tag); !pushed) return pushed.error();
      return Taken{newest->tag, newest->what.counter.value_or(0), true, *remote};
    }
    auto made =
        take(git, tags, {TagEvent::Kind::unassignment, request.model, std::nullopt, request.stage, std::nullopt},
             newest->commit, message, request.expected, *remote, refusals);
    if (!made) return made.error();
    if (*made) return confirm(git, request, **made);
  }
  return gave_up(what);
}

}  // namespace mlctl::registry
