#include "release/check_files.h"

#include <algorithm>
#include <system_error>

#include "base/filesystem.h"
#include "registry/files.h"
#include "registry/pull.h"
#include "registry/query.h"
#include "release/files.h"
#include "validate/files.h"

namespace mlctl::release {
namespace {

namespace fs = std::filesystem;

Result<std::vector<registry::ModelFile>> one_file(const fs::path& path) {
  const auto name = path.filename().string();
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  auto files = registry::collect_files(folder, {.patterns = {{name, std::nullopt, {}}}, .excluded = {}});
  if (!files) return files.error();
  // A name may look like a pattern.
  std::erase_if(*files, [&](const registry::ModelFile& file) { return file.path != name; });
  return files;
}

}  // namespace

Result<validate::Report> check_path(const fs::path& path, Progress& progress, Clock& clock) {
  std::error_code code;
  const auto status = fs::status(path, code);
  if (!fs::exists(status)) return Error{Error::Kind::not_found, "there is no " + path.string(), ""};
  const bool folder = fs::is_directory(status);
  auto files = folder ? registry::collect_files(path, {}) : one_file(path);
  if (!files) return files.error();
  const bool lone = !folder && files->size() == 1;
  const fs::path beside = path.has_parent_path() ? path.parent_path() : fs::path(".");
  auto report = lone ? validate::validate_lone_file(beside, files->front(), progress, clock)
                     : validate::validate_files(folder ? path : beside, *files, progress, clock);
  report.model = path.string();
  return report;
}

Result<validate::Report> check_model(const Project& project, const ModelEntry& model, const registry::Git* git,
                                     Progress& progress, Clock& clock) {
  auto files = files_in_folder(project, model, git);
  if (!files) return files.error();
  auto report = validate::validate_files(project.root / model.folder, *files, progress, clock);
  report.model = to_string(model.name);
  return report;
}

Result<validate::Report> check_version(registry::Store& store, const Found& version, Progress& progress, Clock& clock) {
  auto folder = TemporaryFolder::create();
  if (!folder) return folder.error();
  if (auto pulled = registry::pull(store, version.model, version.digest, folder->path(), progress); !pulled) {
    return pulled.error();
  }
  auto description = registry::describe(store, version.model, version.digest);
  if (!description) return description.error();
  auto files = registry::collect_files(folder->path(), {});
  if (!files) return files.error();
  for (auto& file : *files) {
    const auto packed = std::find_if(description->files.begin(), description->files.end(),
                                     [&](const auto& one) { return one.path == file.path; });
    if (packed != description->files.end()) file.role = packed->role;
  }
  auto report = validate::validate_files(folder->path(), *files, progress, clock);
  report.model = to_string(version.model);
  report.version = version.version ? to_string(*version.version) : "";
  report.digest = to_string(version.digest);
  return report;
}

}  // namespace mlctl::release
