#include "release/fleet.h"

#include <algorithm>
#include <set>

#include "deploy/plan.h"
#include "release/files.h"
#include "release/gpu_nodes.h"
#include "release/locate.h"
#include "release/reference.h"
#include "release/select.h"

namespace mlctl::release {
namespace {

using registry::ModelName;
using registry::ModelTags;

constexpr std::size_t named_in_a_note = 5;

struct Look {
  ModelName model;
  registry::Version version;
};
struct Words {
  std::vector<ModelName> chosen;
  std::vector<Look> looks;
};

Result<Look> parse_look(const Project& project, const std::string& text) {
  const auto at = text.find('@');
  auto version = registry::parse_version(at == std::string::npos ? text : text.substr(at + 1));
  if (!version)
    return Error{Error::Kind::usage, "a look takes MODEL@VERSION, not '" + text + "'", "e.g. credit-risk@v1.2.3"};
  auto model = find_model(project, text.substr(0, at));
  if (!model) return model.error();
  return Look{(*model)->name, std::move(*version)};
}

// Words with @ or # are references; a folder may hold neither (names of models cannot).
Result<Words> read_words(const Project& project, const FleetRequest& request) {
  Words words;
  std::vector<std::string> names;
  std::set<ModelName> seen;
  for (const auto& text : request.models) {
    if (text.find_first_of("@#") == std::string::npos) {
      names.push_back(text);
      continue;
    }
    auto look = parse_look(project, text);
    if (!look) return look.error();
    if (!seen.insert(look->model).second)
      return Error{Error::Kind::usage, to_string(look->model) + " is named twice", ""};
    words.looks.push_back(std::move(*look));
  }
  if (words.looks.empty() || !names.empty() || !request.labels.empty()) {
    auto chosen = select_models(project, names, request.labels);
    if (!chosen) return chosen.error();
    words.chosen = std::move(*chosen);
  }
  for (const auto& model : words.chosen)
    if (seen.count(model) != 0 && !names.empty())
      return Error{Error::Kind::usage, to_string(model) + " is named twice", ""};
  return words;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), named_in_a_note); ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > named_in_a_note) out += " and " + std::to_string(names.size() - named_in_a_note) + " more";
  return out;
}

// By which N of the stage.
struct Stage {
  std::int64_t n = 0;
  bool way_back = false;
};

class Finder {
 public:
  Finder(const Project& project, registry::Git* git, registry::Store& store, const FleetRequest& request)
      : project_(project), git_(git), store_(store), environment_(request.environment), look_(request.look_number) {}

  Status read_tags() {
    if (git_ == nullptr) return ok();
    auto tags = all_tags(*git_);
    if (!tags) return tags.error();
    tags_ = by_model(*tags);
    return ok();
  }

  // What is wrong with one version is no reason to leave the other models waiting, unless nobody else is asked for.
  Status add_assigned(const ModelName& name, bool alone) {
    const auto tags = tags_of(name);
    auto assigned = tags.assignment(environment_);
    Status added = assigned ? add_newest(name, tags, *assigned) : Status(assigned.error().context(to_string(name)));
    if (added || alone || !is_of_the_version(added.error())) return added;
    leave(name, added.error());
    return ok();
  }

  // Without those that deploy::plan_files cannot have rendered.
  void drop_unrendered(const deploy::Surroundings& around) {
    std::erase_if(candidates, [&](const deploy::Candidate& candidate) {
      const auto checked = deploy::check_candidate(candidate, around);
      if (!checked) leave(candidate.model, checked.error());
      return !checked;
    });
  }

  Status add_look(const Look& look) {
    const auto tags = tags_of(look.model);
    known.push_back({look.model, newest_number(tags, environment_), namespace_of(project_, look.model)});
    const auto tag = tags.find(look.version);
    if (!tag) {
      if (git_ != nullptr)
        notes.push_back(to_string(look.model) + " " + to_string(look.version) +
                        " is not registered in git: served by the model.yaml that is here now");
      return add(look.model, look.version, "", std::nullopt, {look_, look_ > 0});
    }
    // What is assigned anyway is no mere look.
    const auto assigned = tags.assignment(environment_);
    const bool runs = assigned && *assigned && (*assigned)->version == look.version;
    return add(look.model, look.version, tag->commit, tag->digest,
               runs ? Stage{static_cast<std::int64_t>((*assigned)->n), (*assigned)->denied.has_value()}
                    : Stage{look_, look_ > 0});
  }

  // Models that are assigned and have no model.yaml here are left as they are; what was unassigned goes.
  void note_strangers() {
    for (const auto& [name, list] : tags_) {
      if (find_entry(name) != nullptr) continue;
      const ModelTags tags(name, list);
      const auto assigned = tags.assignment(environment_);
      const auto newest = newest_number(tags, environment_);
      if (assigned && *assigned)
        strangers.push_back(to_string(name));
      else if (assigned && newest > 0)
        known.push_back({name, newest, namespace_of(project_, name)});
    }
    if (!strangers.empty())
      notes.push_back("assigned to " + environment_ +
                      " without a model.yaml here, left as they are: " + listed(strangers));
  }

  std::vector<deploy::Candidate> candidates;
  std::vector<deploy::Chosen> known;
  std::vector<deploy::Unrendered> unrendered;
  std::vector<std::string> unassigned, strangers, notes;

 private:
  // And not of a registry or a disk that does not answer: that is everybody's.
  static bool is_of_the_version(const Error& error) {
    return error.kind == Error::Kind::usage || error.kind == Error::Kind::corrupt ||
           error.kind == Error::Kind::not_found || error.kind == Error::Kind::conflict;
  }

  void leave(const ModelName& name, const Error& why) {
    std::erase_if(known, [&](const deploy::Chosen& one) { return one.model == name; });
    unrendered.push_back({name, namespace_of(project_, name), why});
  }

  Status add_newest(const ModelName& name, const ModelTags& tags, const std::optional<registry::Assignment>& assigned) {
    known.push_back({name, newest_number(tags, environment_), namespace_of(project_, name)});
    if (!assigned) {
      unassigned.push_back(to_string(name));
      return ok();
    }
    if (const auto by_time = tags.time_order_differs(environment_))
      notes.push_back(to_string(name) + ": by time the newest assignment is " + *by_time + "; the number counts");
    return add(name, assigned->version, assigned->commit, assigned->digest,
               {static_cast<std::int64_t>(assigned->n), assigned->denied.has_value()});
  }

  [[nodiscard]] ModelTags tags_of(const ModelName& name) const {
    const auto found = tags_.find(name);
    return {name, found == tags_.end() ? std::vector<registry::GitTag>{} : found->second};
  }
  [[nodiscard]] const ModelEntry* find_entry(const ModelName& name) const {
    const auto& models = project_.models;
    const auto found =
        std::lower_bound(models.begin(), models.end(), name, [](const auto& m, const auto& n) { return m.name < n; });
    return found != models.end() && found->name == name ? &*found : nullptr;
  }

  Status add(const ModelName& name, const registry::Version& version, const std::string& commit,
             const std::optional<Digest>& recorded, Stage stage) {
    ModelEntry entry = *find_entry(name);
    if (!commit.empty()) {
      auto then = model_at(project_, *git_, entry, commit);
      if (!then) return then.error().context(to_string(name) + " " + to_string(version));
      entry = std::move(*then);
    }
    auto located = locate(project_, git_, store_, entry, version, commit, recorded);
    if (!located) return located.error();
    auto config = merged(project_, entry, environment_);
    if (!config) return config.error();
    candidates.push_back({.model = name,
                          .version = version,
                          .digest = located->digest,
                          .image = located->image,
                          .commit = commit,
                          .assignment = stage.n,
                          .config = std::move(*config),
                          .name_space = namespace_of(project_, name),
                          .way_back = stage.way_back});
    return ok();
  }

  const Project& project_;
  registry::Git* git_;
  registry::Store& store_;
  const std::string& environment_;
  std::int64_t look_;
  std::map<ModelName, std::vector<registry::GitTag>> tags_;
};

}  // namespace

Result<std::set<std::string>> namespaces_of(const Project& project, const FleetRequest& request) {
  auto words = read_words(project, request);
  if (!words) return words.error();
  std::set<std::string> out;
  for (const auto& model : words->chosen) out.insert(namespace_of(project, model));
  for (const auto& look : words->looks) out.insert(namespace_of(project, look.model));
  return out;
}

std::uint64_t newest_number(const registry::ModelTags& tags, const std::string& stage) {
  std::uint64_t newest = 0;
  for (const auto& event : tags.history())
    if (event.what.stage == stage && event.what.counter) newest = std::max(newest, *event.what.counter);
  return newest;
}

std::map<ModelName, std::vector<registry::GitTag>> by_model(const std::vector<registry::GitTag>& tags) {
  std::map<ModelName, std::vector<registry::GitTag>> out;
  for (const auto& tag : tags)
    if (const auto event = registry::parse_tag(tag.name)) out[event->model].push_back(tag);
  return out;
}

Result<Fleet> find_fleet(const Project& project, registry::Git* git, registry::Store& store,
                         const FleetRequest& request) {
  auto environment = find_environment(project, request.environment);
  if (!environment) return environment.error();
  auto words = read_words(project, request);
  if (!words) return words.error();
  if (git == nullptr && words->looks.empty())
    return Error{Error::Kind::usage,
                 "what an environment should run is said by git tags, and there is no git repository here",
                 "name a version of the registry: `mlctl render MODEL@V --env " + request.environment + "`"};
  Finder finder(project, git, store, request);
  if (auto read = finder.read_tags(); !read) return read.error();
  const bool alone = words->chosen.size() + words->looks.size() == 1;
  for (const auto& model : words->chosen)
    if (auto added = finder.add_assigned(model, alone); !added) return added.error();
  for (const auto& look : words->looks)
    if (auto added = finder.add_look(look); !added) return added.error();
  if (request.models.empty() && request.labels.empty()) finder.note_strangers();

  const deploy::Surroundings around{**environment, project.tenants, project.runtimes, request.form};
  auto files = deploy::plan_files(finder.candidates, around);
  if (!files && !alone && words->looks.empty()) {
    finder.drop_unrendered(around);
    // What is wrong with all of them is the environment.
    if (!finder.candidates.empty()) files = deploy::plan_files(finder.candidates, around);
  }
  if (!files) return files.error();
  Fleet fleet{
      .environment = *environment,
      .desired = {request.environment, std::move(finder.known), std::move(*files), std::move(finder.unrendered)}};
  fleet.notes = std::move(finder.notes);
  fleet.gpu_report = kept_reports(project.root, request.environment);
  fleet.strangers = std::move(finder.strangers);
  if (!finder.unassigned.empty())
    fleet.notes.push_back("not assigned to " + request.environment + ": " + listed(finder.unassigned));
  return fleet;
}

}  // namespace mlctl::release
