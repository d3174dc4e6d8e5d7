// What `mlctl init` writes.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "release/init.h"
#include "release/init_detail.h"

namespace mlctl::release {
namespace {

using registry::Format;
using registry::Role;

// A string as YAML writes it, without the newline.
std::string yaml_scalar(const std::string& text) {
  auto yaml = to_yaml(text);
  yaml.pop_back();
  return yaml;
}

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

bool starts_with_any(const std::string& text, std::initializer_list<const char*> starts) {
  return std::any_of(starts.begin(), starts.end(), [&](const char* start) { return text.rfind(start, 0) == 0; });
}

bool is_golden(const SeenFile& file) {
  return file.format == Format::json && starts_with_any(file_name(file.path), {"golden"});
}

// What trains or tests a model is not needed to serve it.
bool is_served(const SeenFile& file) {
  const auto name = file_name(file.path);
  if (file.format == Format::unknown || is_golden(file)) return false;
  if (name == "model.yaml" || name == "mlctl.yaml") return false;
  const auto role = role_of(file.format);
  if (role == Role::doc || file.format == Format::csv) return false;
  return role != Role::code || !starts_with_any(name, {"train", "test", "make", "setup", "conftest"});
}

std::string files_section(const std::vector<SeenFile>& seen) {
  std::string text = "files:\n";
  for (const auto& file : seen) {
    if (is_served(file)) text += "  - " + yaml_scalar(file.path) + "  # " + to_string(file.format) + "\n";
  }
  return text;
}

std::string gate_section(const std::vector<SeenFile>& seen) {
  const auto golden = std::find_if(seen.begin(), seen.end(), is_golden);
  const auto table =
      std::find_if(seen.begin(), seen.end(), [](const SeenFile& file) { return file.format == Format::csv; });
  const auto data = table == seen.end() ? std::string("holdout.csv") : yaml_scalar(table->path);
  const std::string accuracy = "accuracy: {data: " + data + ", label: y, metric: auc, margin: 0.005}\n";
  if (golden == seen.end()) {
    return "# The gate: what a version must show before it is assigned to an environment. Give it golden cases or a\n"
           "# hold-out set, then remove the #.\n"
           "# gate:\n"
           "#   load: {rate: 60/s, duration: 3m, arrivals: poisson}\n"
           "#   latency: {limit: {p99: 100ms}, slower: {p50: 10%}}\n"
           "#   parity: {cases: golden.json, tolerance: {absolute: 1e-5}}\n"
           "#   " +
           accuracy;
  }
  return "gate:\n"
         "  load: {rate: 60/s, duration: 3m, arrivals: poisson}\n"
         "  latency: {limit: {p99: 100ms}, slower: {p50: 10%}}  # slower: than the version it replaces\n"
         "  parity: {cases: " +
         yaml_scalar(golden->path) +
         ", tolerance: {absolute: 1e-5}}\n"
         "  # " +
         accuracy;
}

}  // namespace

std::string model_text(const std::string& name, const std::vector<SeenFile>& seen) {
  return "# `mlctl explain FIELD` says what a field means.\n"
         "apiVersion: mlctl/v1\n"
         "kind: Model\n"
         "name: " +
         yaml_scalar(name) + "\n" + files_section(seen) +
         "serving:\n"
         "  runtime: mlserver\n"
         "  resources: {cpu: 500m, memory: 1Gi}\n" +
         gate_section(seen);
}

std::string project_text(const std::string& models_pattern) {
  return "# `mlctl explain FIELD` says what a field means.\n"
         "apiVersion: mlctl/v1\n"
         "kind: Project\n"
         "registry: .mlctl/registry\n"
         "models: " +
         yaml_scalar(models_pattern) +
         "\n"
         "environments:  # in the order of a release\n"
         "  - name: staging\n"
         "    gitops: {path: deploy/staging, branch: deploy}\n"
         "    # pull: oci://HOST/PATH  # where pods pull models from; needed to render\n"
         "  - name: prod\n"
         "    after: staging\n"
         "    gitops: {path: deploy/prod, branch: deploy}\n"
         "    # pull: oci://HOST/PATH\n"
         "# runtimes:  # the images that serve, by digest; needed to render\n"
         "#   mlserver: {image: HOST/mlserver@sha256:DIGEST}\n";
}

std::string workflow_text() {
  return R"(# A version tag (MODEL@vX.Y.Z) is taken through the whole chain, with a report on the run's page.
# mlctl must be on the runner's PATH: build it in a step, or run in an image that has it.
name: mlctl
on:
  push:
    tags: ["**@v*"]
permissions:
  contents: write  # assignment tags and the GitOps branch
concurrency:
  group: mlctl-release
  cancel-in-progress: false
jobs:
  release:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0, fetch-tags: true}
      # The checkout replaces the annotated tag that started this run by a lightweight one.
      - run: git fetch --force --tags origin
      - uses: actions/cache@v4
        with: {path: .mlctl, key: "mlctl-${{ github.run_id }}", restore-keys: mlctl-}
      - run: mlctl release
)";
}

std::string name_from_folder(const std::string& folder) {
  std::string name;
  for (const char c : folder) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const bool legal = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (legal) {
      name += lower;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name = name.substr(0, 32);
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

}  // namespace mlctl::release
