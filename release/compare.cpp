// The pure half of comparing: lists against lists.
#include "release/compare.h"

#include <algorithm>
#include <set>

namespace mlctl::release {
namespace {

using registry::PackedFile;

bool same_content(const PackedFile& a, const PackedFile& b) {
  return a.digest == b.digest && a.size == b.size && a.link == b.link;
}

// What went and came again under another name: each at most once, in the order of paths. Empty files are all alike.
void pair_renames(std::vector<FileChange>& changes) {
  std::map<std::pair<Digest, std::string>, std::vector<std::size_t>> gone;
  for (std::size_t i = changes.size(); i-- > 0;)
    if (changes[i].change == Change::removed && changes[i].before->size > 0)
      gone[{changes[i].before->digest, changes[i].before->link}].push_back(i);
  std::set<std::size_t> taken;
  for (auto& change : changes) {
    if (change.change != Change::added) continue;
    const auto found = gone.find({change.after->digest, change.after->link});
    if (found == gone.end() || found->second.empty()) continue;
    const auto from = found->second.back();
    found->second.pop_back();
    change.change = Change::renamed;
    change.before = changes[from].before;
    change.from = changes[from].path;
    taken.insert(from);
  }
  std::vector<FileChange> kept;
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (taken.count(i) == 0) kept.push_back(std::move(changes[i]));
  changes = std::move(kept);
}

// Both sorted by `key`: calls `both` with a pointer to each side's, nullptr where a side has none.
template <typename T, typename Key, typename Both>
void walk(const std::vector<T>& before, const std::vector<T>& after, const Key& key, const Both& both) {
  auto a = before.begin();
  auto b = after.begin();
  while (a != before.end() || b != after.end()) {
    const bool left = b == after.end() || (a != before.end() && key(*a) < key(*b));
    const bool right = a == before.end() || (b != after.end() && key(*b) < key(*a));
    both(right ? nullptr : &*a, left ? nullptr : &*b);
    if (!right) ++a;
    if (!left) ++b;
  }
}

}  // namespace

const char* to_string(Change change) {
  switch (change) {
    case Change::added:
      return "added";
    case Change::removed:
      return "removed";
    case Change::changed:
      return "changed";
    case Change::renamed:
      return "renamed";
    case Change::mode:
      return "mode";
  }
  return "changed";
}

std::vector<FileChange> compare_files(const std::vector<PackedFile>& before, const std::vector<PackedFile>& after) {
  std::vector<FileChange> changes;
  walk(
      before, after, [](const PackedFile& file) -> const std::string& { return file.path; },
      [&](const PackedFile* a, const PackedFile* b) {
        if (a != nullptr && b != nullptr && same_content(*a, *b) && a->executable == b->executable) return;
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): one of the two is there
        FileChange change{Change::changed, b != nullptr ? b->path : a->path, "", {}, {}};
        if (a != nullptr) change.before = *a;
        if (b != nullptr) change.after = *b;
        if (a == nullptr) change.change = Change::added;
        if (b == nullptr) change.change = Change::removed;
        if (a != nullptr && b != nullptr && same_content(*a, *b)) change.change = Change::mode;
        changes.push_back(std::move(change));
      });
  pair_renames(changes);
  return changes;
}

std::vector<TensorChange> compare_tensors(const std::vector<validate::TensorLine>& before,
                                          const std::vector<validate::TensorLine>& after) {
  std::vector<TensorChange> changes;
  walk(
      before, after, [](const validate::TensorLine& line) -> const std::string& { return line.name; },
      [&](const validate::TensorLine* a, const validate::TensorLine* b) {
        if (a != nullptr && b != nullptr && *a == *b) return;
        changes.push_back({a == nullptr   ? Change::added
                           : b == nullptr ? Change::removed
                                          : Change::changed,
                           // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): one of the two is there
                           b != nullptr ? b->name : a->name, a != nullptr ? validate::to_string(*a) : "",
                           b != nullptr ? validate::to_string(*b) : ""});
      });
  return changes;
}

std::vector<ValueChange> compare_values(const Values& before, const Values& after) {
  std::set<std::string> keys;
  for (const auto* values : {&before, &after})
    for (const auto& [key, value] : *values) keys.insert(key);
  std::vector<ValueChange> changes;
  for (const auto& key : keys) {
    const auto a = before.find(key), b = after.find(key);
    ValueChange change{key, {}, {}};
    if (a != before.end()) change.before = a->second;
    if (b != after.end()) change.after = b->second;
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace mlctl::release
