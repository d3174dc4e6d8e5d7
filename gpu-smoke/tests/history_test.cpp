#include "history.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "check.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/gpu-smoke-history.XXXXXX";
    path = mkdtemp(name) != nullptr ? name : "";
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

void runs_that_pass_are_remembered() {
  const Folder folder;
  const std::string inner = folder.path + "/made";
  std::string error;
  for (int i = 0; i < 52; ++i) {
    Evidence evidence = healthy();
    CHECK_IN(error, load_history(inner, evidence.history, error));
    CHECK(evidence.history.size() == static_cast<std::size_t>(std::min(i, 50)));
    evidence.cuda.gpus[0].copy.attempts_gb_s = {2900.0 + i};
    const Run run{"2026-01-02T03:04:05Z", "node-1", 1, ""};
    CHECK_IN(error, add_to_history(inner, judge(evidence, {}), run, error));
  }
  std::vector<PastRun> runs;
  CHECK(load_history(inner, runs, error) && runs.size() == 50);
  CHECK(runs.back().uuid == "GPU-1" && runs.back().names[2] == "copy" && runs.back().values[2] == 2951);
  CHECK(runs.front().values[2] == 2902);
}

void runs_that_fail_are_not() {
  const Folder folder;
  std::string error;
  Evidence evidence = healthy();
  add_gpu(evidence);
  evidence.cuda.gpus[0].copy.attempts_gb_s = {1000};
  CHECK(add_to_history(folder.path, judge(evidence, {}), {}, error));
  CHECK(!std::filesystem::exists(folder.path + "/GPU-1.json") && std::filesystem::exists(folder.path + "/GPU-2.json"));
}

void a_name_leads_nowhere_else() {
  const Folder folder;
  std::string error;
  Evidence evidence = healthy();
  evidence.nvml.gpus[0].uuid = "../outside";
  CHECK(add_to_history(folder.path + "/in", judge(evidence, {}), {}, error));
  CHECK(!std::filesystem::exists(folder.path + "/outside.json"));
}

void a_broken_history_is_an_error() {
  const Folder folder;
  std::ofstream(folder.path + "/GPU-1.json") << "{\"runs\": [{\"uuid\": 5}]}";
  std::vector<PastRun> runs;
  std::string error;
  CHECK(!load_history(folder.path, runs, error) && error.find("GPU-1.json") != std::string::npos);
  error.clear();
  CHECK(load_history(folder.path + "/none", runs, error) && error.empty());
  CHECK(!add_to_history("/proc/nowhere", judge(healthy(), {}), {}, error) && !error.empty());
}

}  // namespace

void test_history() {
  runs_that_pass_are_remembered();
  runs_that_fail_are_not();
  a_name_leads_nowhere_else();
  a_broken_history_is_an_error();
}

}  // namespace gpu_smoke::test
