// What git tags say about a model, in GTO's grammar: fraud/credit-risk@v1.2.3 registers, fraud/credit-risk#prod#7
// assigns. Only annotated tags count. Events of a stage, and of a version, are ordered by the counter N, by time only
// where there is none; a deprecation is taken back by any later event, so that it goes by time. Pure. Source: GTO,
// https://github.com/iterative/gto (grammar), config.md 2 and 7 to 9 for our lines in messages: "version: v…", "digest:
// sha256:…", "denied: sha256:…", "allowed: sha256:…".
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "registry/git.h"
#include "registry/name.h"

namespace mlctl::registry {

struct TagEvent {
  enum class Kind { registration, deregistration, assignment, unassignment, deprecation, creation };
  Kind kind = Kind::registration;
  ModelName model;
  std::optional<Version> version;  // of (de)registrations
  std::string stage;               // of (un)assignments
  std::optional<std::uint64_t> counter;
  bool operator==(const TagEvent&) const = default;
};
[[nodiscard]] const char* to_string(TagEvent::Kind kind);
// nullopt: somebody else's tag, or a name that no model of ours may have.
[[nodiscard]] std::optional<TagEvent> parse_tag(std::string_view name);
[[nodiscard]] std::string tag_name(const TagEvent& event);

// The lines that mlctl writes into a tag's message.
struct TagMessage {
  std::optional<Version> version;
  std::optional<Digest> digest;
  std::optional<Digest> denied;   // not to be installed here again
  std::optional<Digest> allowed;  // takes a denial back
  bool unclear = false;           // a line that should be a digest and is none, or several
};
[[nodiscard]] TagMessage parse_message(std::string_view message);
[[nodiscard]] std::string format_message(const std::string& title, const TagMessage& lines);

struct ModelEvent {
  TagEvent what;
  std::string tag;
  ObjectId commit;
  TagMessage lines;
  std::string tagger, email;
  WallTime time{};
};
struct VersionTag {
  Version version;
  ObjectId commit;
  std::optional<Digest> digest;  // none: made by hand
  std::string tagger, email;
  WallTime time{};
  std::string tag;
  bool unclear = false;  // as TagMessage has it
};
struct Assignment {
  std::uint64_t n = 0;
  std::string stage;
  ObjectId commit;
  Version version;
  std::optional<Digest> digest;
  std::optional<Digest> denied;  // what this assignment was the way back from
  std::string tagger, email;
  WallTime time{};
  std::string tag;
};

class ModelTags {
 public:
  // Takes what belongs to `model` from all tags of the repository.
  ModelTags(const ModelName& model, const std::vector<GitTag>& tags);

  [[nodiscard]] const ModelName& model() const { return model_; }
  [[nodiscard]] std::vector<VersionTag> versions() const;  // registered and not deregistered, in semver order
  [[nodiscard]] std::optional<VersionTag> find(const Version& version) const;
  // Error{usage}: two versions on one commit; Error{not_found}: none.
  [[nodiscard]] Result<VersionTag> version_at(const ObjectId& commit) const;
  // The newest by N; nullopt when there is none or it was unassigned. Error as version_at when an assignment made by
  // hand does not tell which version it means.
  [[nodiscard]] Result<std::optional<Assignment>> assignment(std::string_view stage) const;
  // All assignments of a stage, newest first, without unassignments: for the baseline and the way back.
  [[nodiscard]] Result<std::vector<Assignment>> assignments(std::string_view stage) const;
  // The newest (un)assignment by N, or nullptr.
  [[nodiscard]] const ModelEvent* newest_event(std::string_view stage) const { return newest(stage, false); }
  [[nodiscard]] std::vector<std::string> stages() const;  // that were ever assigned
  [[nodiscard]] std::set<Digest> denied(std::string_view stage) const;
  // The newest event of all when it is a deprecation, else nullptr.
  [[nodiscard]] const ModelEvent* deprecation() const;
  [[nodiscard]] bool deprecated() const { return deprecation() != nullptr; }
  // What took back a version that was registered once; nullptr when it is registered, or never was.
  [[nodiscard]] const ModelEvent* withdrawal(const Version& version) const;
  // 1 + the highest counter over all tags of the model, lightweight ones too: their names are taken.
  [[nodiscard]] std::uint64_t next_counter() const;
  // By time, then counter, then name.
  [[nodiscard]] const std::vector<ModelEvent>& history() const { return events_; }
  // The newest assignment by time when that is another than by N, which is what other tools would take.
  [[nodiscard]] std::optional<std::string> time_order_differs(std::string_view stage) const;
  // The assignment that other tools fall back to when the stage was unassigned: GTO takes a stage from one version, and
  // then the one before it is there again. Here an unassigned stage runs nothing.
  [[nodiscard]] std::optional<std::string> assigned_elsewhere(std::string_view stage) const;
  // Named like ours but lightweight, or leading to no commit: reported, never counted.
  [[nodiscard]] const std::vector<std::string>& ignored() const { return ignored_; }

 private:
  [[nodiscard]] const ModelEvent* newest(std::string_view stage, bool by_time) const;
  [[nodiscard]] const ModelEvent* newest_of(const Version& version) const;
  [[nodiscard]] Result<Assignment> resolve(const ModelEvent& event) const;
  ModelName model_;
  std::vector<ModelEvent> events_;
  std::vector<std::string> ignored_;
  std::uint64_t highest_ = 0;
};

// Every model that the tags name, sorted.
[[nodiscard]] std::vector<ModelName> models_of(const std::vector<GitTag>& tags);

}  // namespace mlctl::registry
