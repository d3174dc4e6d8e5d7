// The files of a model under the project's rules: what `files:` selects, never the gate's data of any environment, from
// the folder or from a commit. The same in every environment: the digest must not depend on where a version goes.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/files.h"
#include "registry/git.h"
#include "release/project.h"

namespace mlctl::release {

[[nodiscard]] Result<registry::FileRules> file_rules(const Project& project, const ModelEntry& model);

// As they stand beside model.yaml now. `git` (may be null) tells which files are ignored.
[[nodiscard]] Result<std::vector<registry::ModelFile>> files_in_folder(const Project& project, const ModelEntry& model,
                                                                       const registry::Git* git);

// The model's folder relative to the root of the repository, "" for the root itself: the project may lie below it.
[[nodiscard]] std::string folder_in_git(const Project& project, const registry::Git& git, const ModelEntry& model);
// What in the model's folder differs from HEAD, relative to the root of the repository.
[[nodiscard]] Result<std::vector<std::string>> changed_files(const Project& project, const registry::Git& git,
                                                             const ModelEntry& model);
// The model.yaml of `now`'s folder at a commit. Error{usage}: it is not there, or names another model.
[[nodiscard]] Result<ModelEntry> model_at(const Project& project, const registry::Git& git, const ModelEntry& now,
                                          const std::string& commit);
// The files of a model (as of model_at) at a commit.
[[nodiscard]] Result<std::vector<registry::ModelFile>> files_at(const Project& project, const registry::Git& git,
                                                                const ModelEntry& model, const std::string& commit);

}  // namespace mlctl::release
