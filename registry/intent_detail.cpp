#include "registry/intent_detail.h"

namespace mlctl::registry::intent {
namespace {

constexpr int refusals_limit = 3;  // of one name that nobody took: its lock may be held while another push dies

std::string tag_ref(const std::string& name) {
  return "refs/tags/" + name;
}

}  // namespace

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

Status create(Git& git, const std::string& name, const ObjectId& commit, const std::string& message, bool remote) {
  auto id = git.make_tag(name, commit, message);
  if (!id) return id.error();
  if (remote)
    if (auto pushed = git.push({{*id, tag_ref(name)}}); !pushed) return pushed;
  return git.create_ref(tag_ref(name), *id);
}

Status push_existing(Git& git, const std::vector<GitTag>& tags, const std::string& name) {
  for (const auto& tag : tags)
    if (tag.name == name) return git.push({{tag.object, tag_ref(name)}});
  return ok();
}

bool is_conflict(const Status& status) {
  return !status && status.error().kind == Error::Kind::conflict;
}

Status Refusals::note(const std::string& name, const Error& error) {
  times_ = name == name_ ? times_ + 1 : 1;
  name_ = name;
  if (times_ < refusals_limit) return ok();
  return Error{Error::Kind::denied, error.message, "a rule or a hook of the remote forbids tag " + name};
}

Error gave_up(const std::string& what) {
  return {Error::Kind::conflict, what + ": others took every number first", "run the command again"};
}

Error number_taken(const std::string& model, std::uint64_t expected, std::uint64_t next) {
  return {Error::Kind::conflict,
          model + ": number " + std::to_string(expected) + " was taken; the next is " + std::to_string(next),
          "look again at what is assigned, then run the command again"};
}

Result<std::optional<Taken>> take(Git& git, const ModelTags& tags, TagEvent event, const ObjectId& commit,
                                  const std::string& message, std::optional<std::uint64_t> expected, bool remote,
                                  Refusals& refusals) {
  event.counter = tags.next_counter();
  if (expected && *event.counter != *expected) return number_taken(to_string(event.model), *expected, *event.counter);
  const std::string name = tag_name(event);
  auto created = create(git, name, commit, message, remote);
  if (created) return std::optional(Taken{name, *event.counter, false, remote});
  if (!is_conflict(created)) return created.error();
  if (auto again = refusals.note(name, created.error()); !again) return again.error();
  return std::optional<Taken>();  // somebody was faster: look again
}

}  // namespace mlctl::registry::intent
