// One model of every kind that can be rendered. Here they must render; api_server_test.sh has a real API server judge
// the files, which are written below $MLCTL_VARIANTS when that is set.
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "deploy/plan.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;

TEST_CASE("variants for a real API server") {
  const std::string image = "registry.example/mlctl@sha256:" + std::string(64, 'b');
  const std::vector<std::pair<std::string, std::string>> variants{
      {"cpu", "{}"},
      {"replicas", "serving: {autoscale: {min: 3}}"},
      {"autoscaled", "serving: {autoscale: {min: 2, max: 40, cpu: 70%}}"},
      {"pulled", "serving: {mount: {init: '" + image + "'}}"},
      {"gpu", "serving: {gpu: {}}"},
      {"gpu-recent", "serving: {gpu: {count: 2, memory: 24Gi, arch: '>=8.6'}, resources: {cpu: '4', memory: 16Gi}}"},
      {"secret", "serving: {env: [{name: TOKEN, secret: {name: feature-store, key: token.v1}}]}"},
      {"labelled", "labels: {team: risk, example.com/tier: '1', on: 'true', empty: ''}"},
      {"slow-to-end", "rollout: {drain: {timeout: 10m}}"},
      {"resources", "serving: {resources: {cpu: '1.5', memory: 1500M, ephemeral-storage: 2Gi, example.com/fpga: '1'}}"},
      {"a" + std::string(30, 'b') + "c", "{}"},
  };
  const auto where = test::environment(
      "{name: prod, pull: 'oci://registry.example:5000/models', route: {gateway: infra/public, host: "
      "'*.models.example'}, podMonitor: {labels: {release: kube-prometheus-stack}}}");
  const std::vector<Tenant> tenants{
      test::tenant(
          "{name: fraud, quota: {requests.cpu: '40', requests.nvidia.com/gpu: '8', limits.memory: 1.5Ti, pods: '500', "
          "count/deployments.apps: '100', services: '50'}}"),
      test::tenant("{name: ads, namespace: marketing}")};
  std::vector<Candidate> candidates;
  for (const auto& [name, yaml] : variants) {
    candidates.push_back(test::candidate(yaml));
    candidates.back().model.name = name;
  }
  candidates.push_back(test::candidate());
  candidates.back().model = {"ads", "clicks"};
  candidates.back().name_space = "marketing";
  candidates.push_back(test::candidate());
  candidates.back().model = {"", "alone"};
  candidates.back().name_space = "default";

  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  const auto files = plan_files(candidates, {where, tenants, runtimes});
  REQUIRE_MESSAGE(files, files.error().message);
  CHECK(files->size() == candidates.size() + tenants.size());
  if (const char* folder = std::getenv("MLCTL_VARIANTS"))
    for (const auto& file : *files) REQUIRE(write_file(std::filesystem::path(folder) / file.path, file.text));
}
