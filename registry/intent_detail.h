// How a tag that says something is taken: the steps that registering, assigning and withdrawing have in common.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "registry/git.h"
#include "registry/intent.h"
#include "registry/tags.h"

namespace mlctl::registry::intent {

inline constexpr int tries_limit = 50;  // how many others may be faster before we give up

// Whether tags go to origin: asked for, and there is one.
[[nodiscard]] Result<bool> pushes(const Git& git, bool asked);
[[nodiscard]] Result<std::vector<GitTag>> current_tags(Git& git, bool remote);
// Origin first: who creates the tag there has it. A process that dies in between finds it by the next fetch.
[[nodiscard]] Status create(Git& git, const std::string& name, const ObjectId& commit, const std::string& message,
                            bool remote);
// A tag that is here already may not be there yet: an earlier run was cut off, or did not push.
[[nodiscard]] Status push_existing(Git& git, const std::vector<GitTag>& tags, const std::string& name);
[[nodiscard]] bool is_conflict(const Status& status);

// A name that origin refuses and still does not have was not taken by somebody faster: a rule there forbids it.
class Refusals {
 public:
  // ok(): look again. Error{denied}: what origin said.
  Status note(const std::string& name, const Error& error);

 private:
  std::string name_;
  int times_ = 0;
};

[[nodiscard]] Error gave_up(const std::string& what);
[[nodiscard]] Error number_taken(const std::string& model, std::uint64_t expected, std::uint64_t next);

// Creates the event's tag with the next number; nullopt: somebody was faster, look again.
[[nodiscard]] Result<std::optional<Taken>> take(Git& git, const ModelTags& tags, TagEvent event, const ObjectId& commit,
                                                const std::string& message, std::optional<std::uint64_t> expected,
                                                bool remote, Refusals& refusals);

}  // namespace mlctl::registry::intent
