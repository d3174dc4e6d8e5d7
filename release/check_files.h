// The static checks (validate/files.h) of what people name: a file, a folder, a model of the project, a version in the
// registry. The report carries the name, and the digest where there is one.
#pragma once
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/git.h"
#include "registry/store.h"
#include "release/project.h"
#include "release/reference.h"
#include "validate/report.h"

namespace mlctl::release {

// A file, or a folder and everything below it, whether or not a project knows it. Error{not_found}, and the errors of
// collect_files.
[[nodiscard]] Result<validate::Report> check_path(const std::filesystem::path& path, Progress& progress, Clock& clock);
// What `files:` selects, as it stands beside model.yaml now. `git` may be null.
[[nodiscard]] Result<validate::Report> check_model(const Project& project, const ModelEntry& model,
                                                   const registry::Git* git, Progress& progress, Clock& clock);
// A version's files, verified, with the roles that they were pushed with. They are copied into a temporary folder.
[[nodiscard]] Result<validate::Report> check_version(registry::Store& store, const Found& version, Progress& progress,
                                                     Clock& clock);

}  // namespace mlctl::release
