// The project's two files put together: mlctl.yaml at the root, one model.yaml beside each model. Each house owns the
// tables of its sections; here they become the tables of the files, and the levels become one value for each field:
// built-in < project `defaults` < environment `defaults` < model < model's `environments: {ENV: …}`.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/document.h"
#include "base/result.h"
#include "deploy/config.h"
#include "registry/name.h"
#include "registry/trust_config.h"

namespace mlctl::release {

struct ModelEntry {
  registry::ModelName name;
  std::string folder;  // relative to the root, "/" between parts; "." for the root itself
  Node document;       // model.yaml, checked
};

struct Project {
  std::filesystem::path root;
  Node document;                                  // mlctl.yaml, checked; an empty map when there is none
  std::filesystem::path registry;                 // the folder of the registry, absolute; empty when it is remote
  std::string remote;                             // oci://HOST/PATH, or ""
  std::vector<ModelEntry> models;                 // sorted by name
  std::vector<deploy::Environment> environments;  // in the order of the file
  std::vector<deploy::Tenant> tenants;
  std::map<std::string, deploy::Runtime> runtimes;
  std::map<std::string, registry::TrustConfig> trust;  // of environments that have their own; "": the project's
};

[[nodiscard]] const Field& project_table();
[[nodiscard]] const Field& model_table();

// Looks upwards from `from` for mlctl.yaml. Error{not_found} with the hint `mlctl init` when there is none;
// Error{usage} for everything wrong in any of the files, two models of one name, a model whose tenant is unknown, a
// registry that is neither a folder nor oci://HOST/PATH.
[[nodiscard]] Result<Project> load_project(const std::filesystem::path& from);

// As load_project; where no mlctl.yaml is found, a project of defaults with its root at `from`: its models are those of
// the default pattern, one beside, and one in the folder `model_folder` (relative to the working directory or `from`;
// may be anything else). For what works with nothing but a registry and a model.
[[nodiscard]] Result<Project> open_project(const std::filesystem::path& from, const std::string& model_folder = {});

// By name, by a last part that only one model has, or by a folder that holds a model.yaml (relative to the working
// directory or to the root). Error{not_found} names the nearest.
[[nodiscard]] Result<const ModelEntry*> find_model(const Project& project, std::string_view text);
// A model.yaml as of another time: `text` from a commit's tree, `folder` where it stood.
[[nodiscard]] Result<ModelEntry> parse_model(const Project& project, std::string_view text, const std::string& folder);
// All levels of a model in an environment ("" for none), defaults filled in.
[[nodiscard]] Result<Node> merged(const Project& project, const ModelEntry& model, const std::string& environment);

[[nodiscard]] Result<const deploy::Environment*> find_environment(const Project& project, std::string_view name);
// Of the model's tenant, else the project's `namespace:`, else "default".
[[nodiscard]] std::string namespace_of(const Project& project, const registry::ModelName& model);

}  // namespace mlctl::release
