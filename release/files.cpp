#include "release/files.h"

#include <algorithm>
#include <filesystem>

#include "registry/digest_cache.h"

namespace mlctl::release {
namespace {

namespace fs = std::filesystem;

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() || folder == "." ? name : folder + "/" + name;
}

}  // namespace

Result<registry::FileRules> file_rules(const Project& project, const ModelEntry& model) {
  std::vector<std::string> environments{""};
  for (const auto& environment : project.environments) environments.push_back(environment.name);
  registry::FileRules rules;
  for (const auto& environment : environments) {
    auto config = merged(project, model, environment);
    if (!config) return config.error();
    if (environment.empty()) {
      auto decoded = registry::decode_files(*config);
      if (!decoded) return decoded.error();
      rules = std::move(*decoded);
    }
    for (const char* data : {"gate.parity.cases", "gate.accuracy.data"})
      if (auto path = get_string(*config, data)) rules.excluded.push_back(std::move(*path));
  }
  std::sort(rules.excluded.begin(), rules.excluded.end());
  rules.excluded.erase(std::unique(rules.excluded.begin(), rules.excluded.end()), rules.excluded.end());
  return rules;
}

Result<std::vector<registry::ModelFile>> files_in_folder(const Project& project, const ModelEntry& model,
                                                         const registry::Git* git) {
  auto rules = file_rules(project, model);
  if (!rules) return rules.error();
  const auto folder = project.root / model.folder;
  return registry::collect_files(folder, *rules, git, registry::open_digest_cache(folder));
}

// Both roots are without links already (load_project, libgit2): asking again for each of thousands of models adds up.
std::string folder_in_git(const Project& project, const registry::Git& git, const ModelEntry& model) {
  const auto folder = project.root.lexically_relative(git.root()) / model.folder;
  const auto text = folder.lexically_normal().generic_string();
  return text == "." || text == "./" ? "" : text;
}

Result<std::vector<std::string>> changed_files(const Project& project, const registry::Git& git,
                                               const ModelEntry& model) {
  const auto folder = folder_in_git(project, git, model);
  return git.dirty(folder.empty() ? std::vector<std::string>() : std::vector{folder});
}

Result<ModelEntry> model_at(const Project& project, const registry::Git& git, const ModelEntry& now,
                            const std::string& commit) {
  const auto short_commit = commit.substr(0, 12);
  const auto path = joined(now.folder, "model.yaml");
  const Error absent{Error::Kind::usage, "commit " + short_commit + " has no " + path,
                     "commit it: a version is what its commit holds"};
  auto entries = git.list_tree(commit, folder_in_git(project, git, now));
  if (!entries) return entries.error().kind == Error::Kind::not_found ? absent : entries.error();
  const auto found =
      std::find_if(entries->begin(), entries->end(), [](const auto& entry) { return entry.path == "model.yaml"; });
  if (found == entries->end()) return absent;
  auto text = git.read_blob(found->id, document_limit);
  if (!text) return text.error().context(path + " at commit " + short_commit);
  auto entry = parse_model(project, *text, now.folder);
  if (!entry) return entry.error().context("at commit " + short_commit);
  if (entry->name != now.name)
    return Error{
        Error::Kind::usage,
        path + " at commit " + short_commit + " names " + to_string(entry->name) + ", not " + to_string(now.name), ""};
  return entry;
}

Result<std::vector<registry::ModelFile>> files_at(const Project& project, const registry::Git& git,
                                                  const ModelEntry& model, const std::string& commit) {
  auto rules = file_rules(project, model);
  if (!rules) return rules.error();
  return registry::collect_files(git, commit, folder_in_git(project, git, model), *rules,
                                 registry::open_digest_cache(project.root / model.folder));
}

}  // namespace mlctl::release
