// `mlctl init`: looks at a folder, plans model.yaml, mlctl.yaml and the line in .gitignore. Nothing that exists is
// overwritten, and what is written passes load_project.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/files.h"

namespace mlctl::release {

struct SeenFile {
  std::string path;  // relative to the model's folder
  registry::Format format = registry::Format::unknown;
};

struct InitRequest {
  std::filesystem::path folder;  // of the model
  std::string name;              // "" takes the folder's
  bool github = false;           // also a workflow
};

struct InitFile {
  std::string path;     // relative to the root
  std::string content;  // what will stand there
  bool exists = false;  // kept as it is
};

struct InitPlan {
  std::filesystem::path root;  // of the project: where mlctl.yaml is, else the repository's, else the folder itself
  std::string model;
  std::vector<SeenFile> seen;
  std::vector<InitFile> files;
  std::vector<std::string> notes;  // what a person should know or do next
};

// Reads only. Error{usage}: no such folder, no file of a known model format directly in it, a name that cannot be one,
// a project whose `models:` does not reach the folder.
[[nodiscard]] Result<InitPlan> plan_init(const InitRequest& request);
// Writes the files that do not exist; .gitignore is extended. Repeating it changes nothing.
[[nodiscard]] Status perform_init(const InitPlan& plan);

// Pure: the texts.
[[nodiscard]] std::string model_text(const std::string& name, const std::vector<SeenFile>& seen);
[[nodiscard]] std::string project_text(const std::string& models_pattern);
// A legal name from a folder's: "Credit Risk_2" -> "credit-risk-2"; "" when nothing is left.
[[nodiscard]] std::string name_from_folder(const std::string& folder);

}  // namespace mlctl::release
