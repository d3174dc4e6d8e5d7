// How long rendering takes for a fleet, and comparing it with a folder: empty, the same, every model one N later.
// Usage: render-fleet [MODELS]; 5000 when not said. Prints one line for each; needs no repository and no registry.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "deploy/gitops.h"
#include "deploy/plan.h"

using namespace mlctl;
using namespace mlctl::deploy;

namespace {

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::cerr << "render-fleet: " << result.error().message << '\n';
  std::exit(1);
}

Node model_config() {
  const Field table{.type = Field::Type::object, .fields = {serving_table(), rollout_table()}};
  return with_defaults(
      must(parse_yaml("serving: {autoscale: {min: 2, max: 40}, gpu: {memory: 24Gi, arch: '>=8.6'}}", "model.yaml")),
      table);
}

template <typename Work>
auto timed(const std::string& what, Work work) {
  const auto start = system_clock().steady();
  auto result = work();
  std::cout << what << ": " << human_duration(system_clock().steady() - start) << std::endl;
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 5000;
  const Environment environment{
      .name = "prod", .pull = "registry.example/models", .route = Route{"infra", "public", "models.example"}};
  const std::map<std::string, Runtime> runtimes{
      {"mlserver", {"mlserver", "registry.example/mlserver@sha256:" + std::string(64, 'a'), "mlserver"}}};
  std::vector<Tenant> tenants;
  for (int i = 0; i < 50; ++i)
    tenants.push_back({"team-" + std::to_string(i), "team-" + std::to_string(i), {{"pods", "500"}}});
  std::vector<Candidate> candidates;
  const Node config = model_config();
  Desired desired{.environment = "prod"};
  for (int i = 0; i < count; ++i) {
    const auto& tenant = tenants[static_cast<std::size_t>(i) % tenants.size()];
    candidates.push_back({.model = {tenant.name, "model-" + std::to_string(i)},
                          .version = {1, 0, 0, "", ""},
                          .digest = digest_of(std::to_string(i)),
                          .image = digest_of("image" + std::to_string(i)),
                          .commit = std::string(40, 'c'),
                          .assignment = 7,
                          .config = config,
                          .name_space = tenant.name_space});
    desired.models.push_back({candidates.back().model, 8});
  }
  const Surroundings around{environment, tenants, runtimes};
  desired.files =
      timed("render " + std::to_string(count) + " models", [&] { return must(plan_files(candidates, around)); });
  Folder folder{.where = {"deploy/prod", "deploy"}};
  auto plan = timed("compare with an empty folder", [&] { return must(plan_folder(folder, desired)); });
  folder.files = plan.writes;
  plan = timed("compare with the same folder", [&] { return must(plan_folder(folder, desired)); });
  if (!plan.empty()) return 1;
  for (auto& candidate : candidates) candidate.assignment = 8;
  desired.files = must(plan_files(candidates, around));
  plan = timed("compare when every model changed", [&] { return must(plan_folder(folder, desired)); });
  std::size_t bytes = 0;
  for (const auto& file : desired.files) bytes += file.text.size();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::cout << desired.files.size() << " files, " << bytes / 1024 / 1024 << " MiB, " << plan.changes.changes.size()
            << " changed objects, peak memory " << usage.ru_maxrss / 1024 << " MiB\n";
}
