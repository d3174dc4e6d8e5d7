#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "deploy/gitops.h"
#include "deploy/render.h"

namespace mlctl::deploy {
namespace {

constexpr std::size_t listed_limit = 100;  // models named in one commit message

std::string in_folder(const Folder& folder, const std::string& path) {
  return folder.where.path + "/" + path;
}

// A file of ours says so in its first line; where somebody cut that off, its objects still do.
std::string owner_of(const std::string& text, const Objects& objects) {
  if (const auto author = author_of(text)) return *author;
  for (const auto& object : objects) {
    const auto annotations = object.value("/metadata/annotations"_json_pointer, nlohmann::ordered_json::object());
    if (!annotations.is_object()) continue;
    for (const auto& [key, prefix] : {std::pair{model_annotation, ""}, std::pair{tenant_annotation, "tenant "}})
      if (const auto found = annotations.find(key); found != annotations.end() && found->is_string())
        return prefix + found->get<std::string>();
  }
  return "";
}

Error not_ours(const Folder& folder, const std::string& path, const std::string& owner) {
  return {Error::Kind::conflict,
          in_folder(folder, path) + (owner.empty() ? " was not written by mlctl" : " belongs to " + owner),
          "move it away on branch " + folder.where.branch + ", or choose another `gitops.path`"};
}

// Whatever is no file of YAML at the path itself, or where its folder must be.
Status check_place(const Folder& folder, const std::string& path) {
  for (const auto& place : {path, path.substr(0, path.find('/'))})
    if (const auto found = folder.others.find(place); found != folder.others.end())
      return Error{Error::Kind::conflict,
                   in_folder(folder, place) + " is " + found->second + ", not a file that mlctl wrote",
                   "move it away on branch " + folder.where.branch};
  return ok();
}

Error newer_there(const Folder& folder, const std::string& path, std::uint64_t there, std::uint64_t here) {
  return {Error::Kind::denied,
          in_folder(folder, path) + " carries assignment " + std::to_string(there) + ", newer than " +
              std::to_string(here) + (here == 0 ? " (none)" : "") + ", the newest known here",
          "`git fetch --tags`, then try again; a higher assignment is never overwritten by a lower one"};
}

class Planner {
 public:
  Planner(const Folder& folder, const Desired& desired) : folder_(folder), desired_(desired) {
    for (const auto& chosen : desired.models) known_[to_string(chosen.model)] = chosen.known;
  }

  Status plan_file(const DesiredFile& file) {
    if (auto place = check_place(folder_, file.path); !place) return place;
    const auto live = folder_.files.find(file.path);
    if (live == folder_.files.end()) {
      for (const auto& key : file.keys) plan.changes.changes.push_back({Change::Kind::create, key, {}, {}});
      return write(file);
    }
    if (live->second == file.text) {
      plan.changes.unchanged += file.keys.size();
      return ok();
    }
    auto there = parse_file(live->second, in_folder(folder_, file.path));
    if (!there) return there.error();
    const auto owner = owner_of(live->second, *there);
    if (owner != owner_name(file)) return not_ours(folder_, file.path, owner);
    const auto n = assignment_of(*there);
    const auto own = file.spec() != nullptr ? static_cast<std::uint64_t>(file.spec()->assignment) : 0;
    if (own > 0 && n > own) return newer_there(folder_, file.path, n, own);
    auto wanted = objects_of(file);
    if (!wanted) return wanted.error();
    auto set = diff(*wanted, *there);
    plan.changes.unchanged += set.unchanged;
    if (set.empty()) return ok();
    std::move(set.changes.begin(), set.changes.end(), std::back_inserter(plan.changes.changes));
    return write(file);
  }

  // Files that a chosen model had and should not have any more: it was unassigned, or its namespace is another.
  Status plan_removals() {
    std::set<std::string> wanted;
    for (const auto& file : desired_.files) wanted.insert(file.path);
    for (const auto& [path, text] : folder_.files) {
      if (wanted.count(path) != 0) continue;
      const auto author = author_of(text);
      // Of a whole fleet's files only those are parsed that are ours to remove, or that no longer say whose they are.
      if (author && known_.count(*author) == 0) continue;
      auto there = parse_file(text, in_folder(folder_, path));
      if (!there && !author && !is_place_of_chosen(path)) continue;
      if (!there) return there.error();
      const auto owner = owner_of(text, *there);
      const auto known = known_.find(owner);
      if (known == known_.end()) continue;
      if (const auto n = assignment_of(*there); n > known->second) return newer_there(folder_, path, n, known->second);
      for (const auto& object : *there) plan.changes.changes.push_back({Change::Kind::remove, key_of(object), {}, {}});
      plan.deletions.push_back(path);
      removed_.insert(owner);
    }
    return ok();
  }

  // "MODEL VERSION to ENV (#N)", or how many models and then a line for each.
  [[nodiscard]] std::string message() const {
    std::vector<std::string> lines;
    const Spec* single = nullptr;
    for (const auto* file : written_) {
      if (file->spec() == nullptr) continue;
      single = file->spec();
      lines.push_back(title(*single, ""));
    }
    for (const auto& model : removed_)
      if (!is_written(model)) lines.push_back(model + " removed");
    if (lines.empty()) return "Tenants of " + desired_.environment + "\n";
    if (lines.size() > 1) return listed(lines);
    if (single == nullptr) return lines[0] + " from " + desired_.environment + "\n";
    return title(*single, " to " + desired_.environment) + "\n\nDigest: " + to_string(single->digest) + "\n" +
           (single->commit.empty() ? "" : "Commit: " + single->commit + "\n");
  }

  FolderPlan plan;

 private:
  static std::string owner_name(const DesiredFile& file) {
    return file.spec() != nullptr ? to_string(file.spec()->model) : author_of(file.text).value_or("");
  }
  [[nodiscard]] bool is_place_of_chosen(const std::string& path) const {
    const auto file = std::filesystem::path(path).filename();
    return std::any_of(desired_.models.begin(), desired_.models.end(),
                       [&](const Chosen& chosen) { return file == chosen.model.name + ".yaml"; });
  }
  [[nodiscard]] bool is_written(const std::string& model) const {
    return std::any_of(written_.begin(), written_.end(), [&](const auto* file) {
      return file->spec() != nullptr && to_string(file->spec()->model) == model;
    });
  }
  static std::string title(const Spec& spec, const std::string& where) {
    return to_string(spec.model) + " " + to_string(spec.version) + where +
           (spec.assignment > 0 ? " (#" + std::to_string(spec.assignment) + ")" : "");
  }
  [[nodiscard]] std::string listed(const std::vector<std::string>& lines) const {
    std::string out = std::to_string(lines.size()) + " models to " + desired_.environment + "\n\n";
    for (std::size_t i = 0; i < std::min(lines.size(), listed_limit); ++i) out += lines[i] + "\n";
    if (lines.size() > listed_limit) out += "and " + std::to_string(lines.size() - listed_limit) + " more\n";
    return out;
  }
  Status write(const DesiredFile& file) {
    plan.writes[file.path] = file.text;
    written_.push_back(&file);
    return ok();
  }

  const Folder& folder_;
  const Desired& desired_;
  std::map<std::string, std::uint64_t> known_;
  std::vector<const DesiredFile*> written_;
  std::set<std::string> removed_;
};

}  // namespace

Result<FolderPlan> plan_folder(const Folder& folder, const Desired& desired) {
  Planner planner(folder, desired);
  for (const auto& file : desired.files)
    if (auto planned = planner.plan_file(file); !planned) return planned.error();
  if (auto planned = planner.plan_removals(); !planned) return planned.error();
  if (!planner.plan.empty()) planner.plan.message = planner.message();
  return std::move(planner.plan);
}

Result<std::optional<std::uint64_t>> live_assignment(const Folder& folder, const registry::ModelName& model) {
  std::optional<std::uint64_t> highest;
  const auto name = to_string(model);
  for (const auto& [path, text] : folder.files) {
    const auto author = author_of(text);
    if (author && *author != name) continue;
    auto objects = parse_file(text, in_folder(folder, path));
    if (!objects && !author && std::filesystem::path(path).filename() != model.name + ".yaml") continue;
    if (!objects) return objects.error();
    if (owner_of(text, *objects) != name) continue;
    highest = std::max(highest.value_or(0), assignment_of(*objects));
  }
  return highest;
}

}  // namespace mlctl::deploy
