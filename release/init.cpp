#include "release/init.h"

#include <algorithm>
#include <fstream>
#include <optional>

#include "base/filesystem.h"
#include "base/terminal.h"
#include "registry/name.h"
#include "release/glob.h"
#include "release/init_detail.h"
#include "release/project.h"

namespace mlctl::release {
namespace {

namespace fs = std::filesystem;
using registry::Format;
using registry::Role;

constexpr std::size_t files_limit = 1000;  // looked at
constexpr std::uint64_t ignore_limit = 1U << 20U;

Error usage(std::string message, std::string hint = "") {
  return {Error::Kind::usage, std::move(message), std::move(hint)};
}

bool is_known_weights(const SeenFile& file) {
  return file.format != Format::unknown && role_of(file.format) == Role::weights;
}

// The first bytes tell; a file that cannot be read is unknown.
Format format_of(const fs::path& folder, const std::string& path) {
  std::ifstream file(folder / path, std::ios::binary);
  std::string bytes(registry::detect_bytes, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return registry::detect_format(path, bytes);
}

// Regular files at most two folders down; hidden ones and links are not looked at.
Result<std::vector<SeenFile>> look_at(const fs::path& folder) {
  std::vector<SeenFile> seen;
  std::error_code failed;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, failed);
  if (failed) return system_error(failed.value(), "cannot read folder", folder);
  for (const fs::recursive_directory_iterator end; it != end && seen.size() < files_limit; it.increment(failed)) {
    if (failed) return system_error(failed.value(), "cannot read folder", folder);
    const bool hidden = it->path().filename().string().rfind('.', 0) == 0;
    const bool folder_here = it->is_directory(failed) && !it->is_symlink(failed);
    if (folder_here && (hidden || it.depth() >= 2)) it.disable_recursion_pending();
    if (hidden || it->is_symlink(failed) || !it->is_regular_file(failed)) continue;
    const auto path = it->path().lexically_relative(folder).generic_string();
    if (!registry::check_path(path)) continue;
    seen.push_back({path, format_of(folder, path)});
  }
  std::sort(seen.begin(), seen.end(), [](const SeenFile& a, const SeenFile& b) { return a.path < b.path; });
  return seen;
}

std::string known_formats() {
  return "mlctl knows safetensors, GGUF, ONNX, XGBoost (JSON and UBJSON) and pickle";
}

Status check_seen(const std::vector<SeenFile>& seen, const fs::path& folder) {
  std::optional<std::string> deeper;
  for (const auto& file : seen) {
    if (!is_known_weights(file)) continue;
    if (file.path.find('/') == std::string::npos) return ok();
    if (!deeper) deeper = file.path;
  }
  if (!deeper) return usage("no model of a known format in " + folder.string(), known_formats());
  const auto below = (folder / *deeper).parent_path().lexically_normal().string();
  return usage("no model directly in " + folder.string() + ", but in " + below, "mlctl init " + below);
}

fs::path root_of(const fs::path& folder) {
  std::error_code failed;
  for (const char* mark : {"mlctl.yaml", ".git"}) {
    for (fs::path at = folder;; at = at.parent_path()) {
      if (fs::exists(fs::symlink_status(at / mark, failed))) return at;
      if (at == at.parent_path()) break;
    }
  }
  return folder;
}

std::string default_pattern(const std::string& folder) {
  if (folder == ".") return "model.yaml";
  const auto slash = folder.rfind('/');
  return slash == std::string::npos ? "*/model.yaml" : folder.substr(0, slash) + "/*/model.yaml";
}

Result<std::string> name_for(const InitRequest& request, const fs::path& folder,
                             const std::optional<Project>& project) {
  std::string name = request.name.empty() ? name_from_folder(folder.filename().string()) : request.name;
  if (name.empty())
    return usage("no model name can be made of the folder's: " + escape_control(folder.filename().string()),
                 "mlctl init --name NAME");
  const bool whole = name.find('/') != std::string::npos;
  if (project && !project->tenants.empty() && !whole) {
    if (project->tenants.size() > 1) {
      return usage("the project has tenants: whose model is it?",
                   "mlctl init --name " + project->tenants[0].name + "/" + name);
    }
    name = project->tenants[0].name + "/" + name;
  }
  if (whole && (!project || project->tenants.empty()))
    return usage("the project has no tenants, so a model's name has one part",
                 "mlctl init --name " + shell_word(name.substr(name.rfind('/') + 1)));
  auto parsed = registry::parse_model_name(name);
  if (!parsed) return usage(parsed.error().message, "mlctl init --name NAME");
  if (project) {
    for (const auto& model : project->models) {
      if (model.name == *parsed && fs::path(project->root / model.folder).lexically_normal() != folder) {
        return usage("there is a model " + name + " already, in " + model.folder, "mlctl init --name NAME");
      }
    }
  }
  return name;
}

// The pattern is matched part by part, as glob() does.
bool reaches(std::string_view pattern, std::string_view path) {
  for (;;) {
    const auto p = pattern.find('/');
    const auto f = path.find('/');
    if (!matches(pattern.substr(0, p), path.substr(0, f))) return false;
    if ((p == std::string_view::npos) != (f == std::string_view::npos)) return false;
    if (p == std::string_view::npos) return true;
    pattern.remove_prefix(p + 1);
    path.remove_prefix(f + 1);
  }
}

Result<InitFile> ignore_file(const fs::path& root) {
  InitFile file{".gitignore", "", false};
  auto text = read_file(root / file.path, ignore_limit);
  if (!text && text.error().kind != Error::Kind::not_found) return text.error();
  const std::string lines = "\n" + (text ? *text : "") + "\n";
  for (const char* line : {"\n.mlctl/\n", "\n/.mlctl/\n", "\n.mlctl\n", "\n/.mlctl\n"}) {
    file.exists = file.exists || lines.find(line) != std::string::npos;
  }
  file.content = text ? *text : "";
  if (!file.content.empty() && file.content.back() != '\n') file.content += '\n';
  file.content += "/.mlctl/\n";
  return file;
}

void add_notes(InitPlan& plan, const std::string& folder) {
  for (const auto& file : plan.seen) {
    if (file.format == Format::unknown) plan.notes.push_back(file.path + " is left out: its format is not known");
  }
  const bool settings = std::any_of(plan.seen.begin(), plan.seen.end(),
                                    [](const SeenFile& file) { return file.path == "model-settings.json"; });
  if (!settings) plan.notes.push_back("MLServer needs a model-settings.json that names the implementation");
  plan.notes.push_back("next: mlctl validate " + shell_word(folder == "." ? plan.root.string() : folder));
}

Status write_files(const InitPlan& plan) {
  for (const auto& file : plan.files) {
    if (file.exists) continue;
    if (auto written = write_file(plan.root / file.path, file.content); !written) return written.error();
  }
  return ok();
}

}  // namespace

Result<InitPlan> plan_init(const InitRequest& request) {
  std::error_code failed;
  const fs::path folder = fs::canonical(request.folder, failed);
  if (failed || !fs::is_directory(folder, failed)) return usage("no such folder: " + request.folder.string());
  InitPlan plan{.root = root_of(folder)};
  auto seen = look_at(folder);
  if (!seen) return seen.error();
  plan.seen = std::move(*seen);
  if (auto good = check_seen(plan.seen, request.folder); !good) return good.error();

  const auto relative = folder == plan.root ? "." : folder.lexically_relative(plan.root).generic_string();
  const auto model_path = relative == "." ? "model.yaml" : relative + "/model.yaml";
  std::optional<Project> project;
  if (fs::exists(fs::symlink_status(plan.root / "mlctl.yaml", failed))) {
    auto loaded = load_project(plan.root);
    if (!loaded) return loaded.error();
    project = std::move(*loaded);
    const auto pattern = get_string(project->document, "models").value_or("");
    if (!reaches(pattern, model_path)) {
      return usage("`models: " + pattern + "` in mlctl.yaml does not reach " + model_path,
                   "change the pattern, or move the folder");
    }
  }
  auto name = name_for(request, folder, project);
  if (!name) return name.error();
  plan.model = *name;
  plan.files.push_back({model_path, model_text(*name, plan.seen), fs::exists(folder / "model.yaml", failed)});
  plan.files.push_back({"mlctl.yaml", project_text(default_pattern(relative)), project.has_value()});
  auto ignore = ignore_file(plan.root);
  if (!ignore) return ignore.error();
  plan.files.push_back(std::move(*ignore));
  if (request.github) {
    const std::string workflow = ".github/workflows/mlctl.yml";
    plan.files.push_back({workflow, workflow_text(), fs::exists(plan.root / workflow, failed)});
  }
  add_notes(plan, relative);
  return plan;
}

Status perform_init(const InitPlan& plan) {
  Status done = write_files(plan);
  if (done) {
    auto project = load_project(plan.root);
    if (project) return ok();
    done = project.error();
  }
  // A half-made project would be in the way of the next try. A .gitignore may have been the user's, and does no harm.
  std::error_code failed;
  for (const auto& file : plan.files)
    if (!file.exists && file.path != ".gitignore") fs::remove(plan.root / file.path, failed);
  return done;
}

}  // namespace mlctl::release
