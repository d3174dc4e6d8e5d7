#include "release/project.h"

#include <algorithm>
#include <set>

#include "base/filesystem.h"
#include "base/units.h"
#include "registry/remote_address.h"
#include "release/glob.h"
#include "release/steps.h"

namespace mlctl::release {
namespace {

namespace fs = std::filesystem;

Result<Node> load_file(const fs::path& path, const std::string& shown, const Field& table) {
  auto text = read_file(path, document_limit);
  if (!text) return text.error();
  auto node = parse_yaml(*text, shown);
  if (!node) return node.error();
  if (auto checked = as_status(check_config(*node, table)); !checked) return checked.error();
  return node;
}

Result<fs::path> find_root(const fs::path& from) {
  std::error_code failed;
  fs::path folder = fs::weakly_canonical(from, failed);
  if (failed || !fs::is_directory(folder, failed))
    return Error{Error::Kind::usage, "no such folder: " + from.string(), "give --project an existing folder"};
  for (;; folder = folder.parent_path()) {
    // A link that leads nowhere is there too: reading it says so.
    if (fs::exists(fs::symlink_status(folder / "mlctl.yaml", failed))) return folder;
    if (folder == folder.parent_path()) break;
  }
  return Error{Error::Kind::not_found, "no mlctl.yaml in " + from.string() + " or above it",
               "write one with `mlctl init`"};
}

// One path is the other, or stands below it.
bool share_a_folder(const deploy::Environment& a, const deploy::Environment& b) {
  if (!a.gitops || !b.gitops || a.gitops->branch != b.gitops->branch) return false;
  const auto one = a.gitops->path + "/", two = b.gitops->path + "/";
  return one.rfind(two, 0) == 0 || two.rfind(one, 0) == 0;
}

// As a release goes through them: the last one is where a version has arrived.
Status put_in_order(std::vector<deploy::Environment>& environments) {
  std::vector<After> after;
  for (const auto& environment : environments) after.push_back({environment.name, environment.after});
  auto order = release_order(after);
  if (!order) return order.error();
  const auto place = [&](const deploy::Environment& environment) {
    return std::find(order->begin(), order->end(), environment.name);
  };
  std::stable_sort(environments.begin(), environments.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return ok();
}

// `trust:` of the project, or of an environment.
Status add_trust(Project& project, const std::string& environment, const Node& from) {
  const Node* node = from.find("trust");
  if (node == nullptr) return ok();
  auto trust = registry::decode_trust(*node);
  if (!trust) return trust.error();
  project.trust[environment] = std::move(*trust);
  return ok();
}

Status decode_project(Project& project) {
  const auto registry = get_string(project.document, "registry").value_or(".mlctl/registry");
  if (registry.find("://") != std::string::npos) {
    auto address = registry::parse_remote_address(registry);
    if (!address)
      return Error{Error::Kind::usage,
                   to_string(project.document.find("registry")->position) + ": " + address.error().message,
                   address.error().hint + "; or a folder"};
    project.remote = registry;
  } else {
    project.registry = (project.root / registry).lexically_normal();
  }
  if (const Node* list = project.document.find("environments"))
    for (const auto& item : list->items) {
      auto environment = deploy::decode_environment(item);
      if (!environment) return environment.error();
      for (const auto& other : project.environments)
        if (other.name == environment->name)
          return Error{Error::Kind::usage, to_string(item.position) + ": a second environment named " + other.name, ""};
      for (const auto& other : project.environments)
        if (share_a_folder(other, *environment))
          return Error{Error::Kind::usage,
                       to_string(item.position) + ": the gitops folders of " + other.name + " and " +
                           environment->name + " overlap on branch " + other.gitops->branch,
                       "give each a path of its own, e.g. `gitops: {path: deploy/" + environment->name + "}`"};
      if (auto added = add_trust(project, environment->name, item); !added) return added;
      project.environments.push_back(std::move(*environment));
    }
  if (auto added = add_trust(project, "", project.document); !added) return added;
  if (auto ordered = put_in_order(project.environments); !ordered) return ordered;
  if (const Node* list = project.document.find("tenants"))
    for (const auto& item : list->items) {
      auto tenant = deploy::decode_tenant(item);
      if (!tenant) return tenant.error();
      for (const auto& other : project.tenants)
        if (other.name == tenant->name || other.name_space == tenant->name_space)
          return Error{Error::Kind::usage,
                       to_string(item.position) + ": tenant " + tenant->name + " has the " +
                           (other.name == tenant->name ? "name" : "namespace") + " of tenant " + other.name,
                       "a namespace belongs to one tenant"};
      project.tenants.push_back(std::move(*tenant));
    }
  if (const Node* map = project.document.find("runtimes"))
    for (const auto& entry : map->entries) {
      auto runtime = deploy::decode_runtime(entry.key, entry.value);
      if (!runtime) return runtime.error();
      project.runtimes[entry.key] = std::move(*runtime);
    }
  return ok();
}

Status check_tenant(const Project& project, const ModelEntry& model) {
  const std::string where = to_string(model.document.find("name")->position) + ": ";
  if (project.tenants.empty() && model.name.tenant.empty()) return ok();
  if (project.tenants.empty())
    return Error{Error::Kind::usage, where + "the project has no tenants, so a model's name has one part",
                 "name it " + model.name.name + ", or add `tenants:` to mlctl.yaml"};
  for (const auto& tenant : project.tenants)
    if (tenant.name == model.name.tenant) return ok();
  std::vector<std::string> names;
  for (const auto& tenant : project.tenants) names.push_back(tenant.name);
  const auto near = nearest(model.name.tenant, names);
  return Error{
      Error::Kind::usage, where + "no tenant '" + model.name.tenant + "' in mlctl.yaml",
      near.empty() ? "a model of a tenant is named TENANT/NAME" : "did you mean " + near + "/" + model.name.name + "?"};
}

Result<ModelEntry> entry_from(const Project& project, Node document, const std::string& folder) {
  auto name = registry::parse_model_name(get_string(document, "name").value_or(""));
  if (!name) return name.error().context(to_string(document.position));
  ModelEntry entry{*name, folder, std::move(document)};
  if (auto known = check_tenant(project, entry); !known) return known.error();
  return entry;
}

Status load_models(Project& project, const std::vector<std::string>& paths) {
  for (const auto& path : paths) {
    auto document = load_file(project.root / path, path, model_table());
    if (!document) return document.error();
    const auto folder = fs::path(path).parent_path().generic_string();
    auto entry = entry_from(project, std::move(*document), folder.empty() ? "." : folder);
    if (!entry) return entry.error();
    project.models.push_back(std::move(*entry));
  }
  std::sort(project.models.begin(), project.models.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < project.models.size(); ++i)
    if (project.models[i - 1].name == project.models[i].name)
      return Error{Error::Kind::usage,
                   "two models are named " + to_string(project.models[i].name) + ": " + project.models[i - 1].folder +
                       " and " + project.models[i].folder,
                   ""};
  return ok();
}

// A level for an environment that nobody has would be ignored without a word, and a stricter gate with it.
Status check_environments(const Project& project) {
  for (const auto& model : project.models) {
    const Node* own = model.document.find("environments");
    if (own == nullptr) continue;
    for (const auto& entry : own->entries)
      if (auto known = find_environment(project, entry.key); !known)
        return Error{Error::Kind::usage, to_string(entry.position) + ": " + known.error().message, known.error().hint};
  }
  return ok();
}

Result<std::vector<std::string>> model_paths(const Project& project) {
  return glob(project.root, get_string(project.document, "models").value_or("models/*/model.yaml"));
}

// Where a model.yaml stands that no pattern of a project names: beside `root`, and in `folder` as a person writes it.
void add_beside(const fs::path& root, const std::string& folder, std::vector<std::string>& paths) {
  std::error_code failed;
  std::vector<fs::path> folders{root};
  if (!folder.empty()) folders.insert(folders.end(), {fs::current_path(failed) / folder, root / folder});
  for (const auto& candidate : folders) {
    const auto whole = fs::weakly_canonical(candidate / "model.yaml", failed);
    if (failed || !fs::is_regular_file(whole, failed)) continue;
    auto path = whole.lexically_relative(root).generic_string();
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(std::move(path));
  }
}

const Node* defaults_of(const Project& project, const std::string& environment) {
  const Node* list = project.document.find("environments");
  if (list == nullptr) return nullptr;
  for (const auto& item : list->items)
    if (get_string(item, "name") == environment) return item.find("defaults");
  return nullptr;
}

// A copy with the level's name, or nothing: merge_levels skips null pointers.
const Node* leveled(const Node* node, const std::string& level, std::vector<Node>& kept) {
  if (node == nullptr) return nullptr;
  kept.push_back(at_level(*node, level));
  return &kept.back();
}

const ModelEntry* by_folder(const Project& project, std::string_view text) {
  std::error_code failed;
  for (const auto& base : {fs::current_path(failed), project.root}) {
    const auto wanted = fs::weakly_canonical(base / fs::path(text), failed);
    for (const auto& model : project.models)
      if (!failed && fs::weakly_canonical(project.root / model.folder, failed) == wanted) return &model;
  }
  return nullptr;
}

}  // namespace

Result<Project> load_project(const fs::path& from) {
  auto root = find_root(from);
  if (!root) return root.error();
  Project project{.root = *root};
  auto document = load_file(*root / "mlctl.yaml", "mlctl.yaml", project_table());
  if (!document) return document.error();
  project.document = with_defaults(at_level(std::move(*document), "project"), project_table());
  if (auto decoded = decode_project(project); !decoded) return decoded.error();
  auto paths = model_paths(project);
  if (!paths) return paths.error();
  if (auto loaded = load_models(project, *paths); !loaded) return loaded.error();
  if (auto known = check_environments(project); !known) return known.error();
  return project;
}

Result<Project> open_project(const fs::path& from, const std::string& model_folder) {
  auto root = find_root(from);
  if (root || root.error().kind != Error::Kind::not_found) return load_project(from);
  std::error_code failed;
  Project project{.root = fs::weakly_canonical(from, failed), .document = built_in(project_table())};
  if (failed) return system_error(failed.value(), "cannot read", from);
  if (auto decoded = decode_project(project); !decoded) return decoded.error();
  auto paths = model_paths(project);
  if (!paths) return paths.error();
  add_beside(project.root, model_folder, *paths);
  if (auto loaded = load_models(project, *paths); !loaded) return loaded.error();
  return project;
}

Result<const ModelEntry*> find_model(const Project& project, std::string_view text) {
  std::vector<const ModelEntry*> last_part;
  std::vector<std::string> names;
  for (const auto& model : project.models) {
    if (to_string(model.name) == text) return &model;
    if (model.name.name == text) last_part.push_back(&model);
    names.push_back(to_string(model.name));
  }
  if (last_part.size() == 1) return last_part.front();
  if (last_part.size() > 1)
    return Error{Error::Kind::usage, "several models are named '" + std::string(text) + "'",
                 "write it whole: " + to_string(last_part[0]->name) + " or " + to_string(last_part[1]->name)};
  if (const ModelEntry* model = by_folder(project, text)) return model;
  const auto near = nearest(text, names);
  return Error{Error::Kind::not_found,
               "no model '" + std::string(text.substr(0, 200)) + "' in " + project.root.string(),
               near.empty() ? "`mlctl list` names the models" : "did you mean " + near + "?"};
}

Result<ModelEntry> parse_model(const Project& project, std::string_view text, const std::string& folder) {
  const std::string shown = folder == "." ? "model.yaml" : folder + "/model.yaml";
  auto document = parse_yaml(text, shown);
  if (!document) return document.error();
  if (auto checked = as_status(check_config(*document, model_table())); !checked) return checked.error();
  return entry_from(project, std::move(*document), folder);
}

Result<Node> merged(const Project& project, const ModelEntry& model, const std::string& environment) {
  const Node* own = nullptr;
  if (!environment.empty()) {
    if (auto known = find_environment(project, environment); !known) return known.error();
    own = find_path(model.document, "environments");
    own = own == nullptr ? nullptr : own->find(environment);
  }
  std::vector<Node> kept;
  kept.reserve(4);  // pointers into it must stay
  std::vector<const Node*> levels;
  levels.push_back(leveled(project.document.find("defaults"), "project defaults", kept));
  levels.push_back(
      leveled(environment.empty() ? nullptr : defaults_of(project, environment), "defaults of " + environment, kept));
  levels.push_back(leveled(&model.document, "model", kept));
  levels.push_back(leveled(own, "model for " + environment, kept));
  return with_defaults(merge_levels(levels), model_table());
}

Result<const deploy::Environment*> find_environment(const Project& project, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& environment : project.environments) {
    if (environment.name == name) return &environment;
    names.push_back(environment.name);
  }
  const auto near = nearest(name, names);
  std::string all;
  for (const auto& one : names) all += (all.empty() ? "" : ", ") + one;
  return Error{
      Error::Kind::not_found, "no environment '" + std::string(name.substr(0, 200)) + "' in mlctl.yaml",
      near.empty() ? (names.empty() ? "the project has none" : "there is " + all) : "did you mean " + near + "?"};
}

std::string namespace_of(const Project& project, const registry::ModelName& model) {
  for (const auto& tenant : project.tenants)
    if (tenant.name == model.tenant) return tenant.name_space;
  return get_string(project.document, "namespace").value_or("default");
}

}  // namespace mlctl::release
