// What would change: desired objects against those that are there. diff prints a ChangeSet and apply performs that very
// one; an empty ChangeSet writes nothing.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

struct FieldChange {
  std::string path;           // "spec.template.spec.containers[0].image"
  std::string before, after;  // JSON; "" when absent
  bool operator==(const FieldChange&) const = default;
};

struct FieldOwner {
  std::string field, owner;  // ".spec.replicas", "kubectl-edit"
  bool operator==(const FieldOwner&) const = default;
};

struct Change {
  enum class Kind { create, change, remove };
  Kind kind = Kind::create;
  ObjectKey object;
  std::vector<FieldChange> fields;    // of a change
  std::vector<FieldOwner> conflicts;  // fields of the cluster that somebody else owns
  bool operator==(const Change&) const = default;
};

struct ChangeSet {
  std::vector<Change> changes;  // in the order of the desired objects, removals last
  std::size_t unchanged = 0;
  [[nodiscard]] bool empty() const { return changes.empty(); }
  bool operator==(const ChangeSet&) const = default;
};

// Pure. What differs, leaf by leaf in the order of paths; contents of Secrets and values of variables are hidden.
[[nodiscard]] std::vector<FieldChange> field_changes(const nlohmann::ordered_json& before,
                                                     const nlohmann::ordered_json& after);
// Pure. Objects are the same when API version, kind, namespace and name are; key order does not count.
[[nodiscard]] ChangeSet diff(const Objects& desired, const Objects& live);

[[nodiscard]] const char* to_string(Change::Kind kind);  // "create", "change", "remove"
[[nodiscard]] std::string to_text(const ChangeSet& set, const Style& style);
[[nodiscard]] nlohmann::ordered_json to_json(const ChangeSet& set);

}  // namespace mlctl::deploy
