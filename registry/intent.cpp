#include "registry/intent.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/interrupt.h"

namespace mlctl::registry {
namespace {

constexpr int tries_limit = 50;    // how many others may be faster before we give up
constexpr int refusals_limit = 3;  // of one name that nobody took: its lock may be held while another push dies

std::string tag_ref(const std::string& name) {
  return "refs/tags/" + name;
}

// Whether tags go to origin: asked for, and there is one.
Result<bool> pushes(const Git& git, bool asked) {
  if (!asked) return false;
  auto remote = git.remote_url();
  if (!remote) return remote.error();
  return remote->has_value();
}

Result<std::vector<GitTag>> current_tags(Git& git, bool remote) {
  if (remote)
    if (auto fetched = git.fetch_tags(); !fetched) return fetched.error();
  return git.tags();
}

// Origin first: who creates the tag there has it. A process that dies in between finds it by the next fetch.
Status create(Git& git, const std::string& name, const ObjectId& commit, const std::string& message, bool remote) {
  auto id = git.make_tag(name, commit, message);
  if (!id) return id.error();
  if (remote)
    if (auto pushed = git.push({{*id, tag_ref(name)}}); !pushed) return pushed;
  return git.create_ref(tag_ref(name), *id);
}

// A tag that is here already may not be there yet: an earlier run was cut off, or did not push.
Status push_existing(Git& git, const std::vector<GitTag>& tags, const std::string& name) {
  for (const auto& tag : tags)
    if (tag.name == name) return git.push({{tag.object, tag_ref(name)}});
  return ok();
}

bool is_conflict(const Status& status) {
  return !status && status.error().kind == Error::Kind::conflict;
}

// A name that origin refuses and still does not have was not taken by somebody faster: a rule there forbids it.
class Refusals {
 public:
  // ok(): look again. Error{denied}: what origin said.
  Status note(const std::string& name, const Error& error) {
    times_ = name == name_ ? times_ + 1 : 1;
    name_ = name;
    if (times_ < refusals_limit) return ok();
    return Error{Error::Kind::denied, error.message, "a rule or a hook of the remote forbids tag " + name};
  }

 private:
  std::string name_;
  int times_ = 0;
};

Error gave_up(const std::string& what) {
  return {Error::Kind::conflict, what + ": others took every number first", "run the command again"};
}

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

Error taken(const std::string& model, std::uint64_t expected, std::uint64_t next) {
  return {Error::Kind::conflict,
          model + ": number " + std::to_string(expected) + " was taken; the next is " + std::to_string(next),
          "look again at what is assigned, then run the command again"};
}

// Creates the event's tag with the next number.
Result<std::optional<Taken>> take(Git& git, const ModelTags& tags, TagEvent event, const ObjectId& commit,
                                  const std::string& message, std::optional<std::uint64_t> expected, bool remote,
                                  Refusals& refusals) {
  event.counter = tags.next_counter();
  if (expected && *event.counter != *expected) return taken(to_string(event.model), *expected, *event.counter);
  const std::string name = tag_name(event);
  auto created = create(git, name, commit, message, remote);
  if (created) return std::optional(Taken{name, *event.counter, false, remote});
  if (!is_conflict(created)) return created.error();
  if (auto again = refusals.note(name, created.error()); !again) return again.error();
  return std::optional<Taken>();  // somebody was faster: look again
}

// An assignment with the same number has another name, so that origin took both; it counts, this does not.
Result<Taken> confirm(Git& git, const UnassignRequest& request, const Taken& made) {
  auto all = current_tags(git, made.pushed);
  if (!all) return all.error();
  const ModelTags tags(request.model, *all);
  const auto* newest = tags.newest_event(request.stage);
  if (newest != nullptr && newest->what.kind == TagEvent::Kind::assignment && newest->what.counter == made.n)
    return taken(to_string(request.model), made.n, tags.next_counter());
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
    if (const auto there = tags.find(registration.version)) {
      if (auto same = compare(*there, registration); !same) return same.error();
      if (*remote)
        if (auto pushed = push_existing(git, *all, there->tag); !pushed) return pushed.error();
      return Taken{there->tag, 0, true, *remote};
    }
    TagEvent event{TagEvent::Kind::registration, registration.model, registration.version, "", std::nullopt};
    // A version that was deregistered comes back under a number: its plain name is taken.
    if (was_registered(tags, registration.version)) event.counter = tags.next_counter();
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
