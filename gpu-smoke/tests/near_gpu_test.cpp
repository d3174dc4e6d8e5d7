#include "near_gpu.h"

#include <filesystem>
#include <fstream>

#include "check.h"
#include "tests.h"

namespace gpu_smoke::test {
namespace {

int cpus_now() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : -1;
}

int one_of_ours() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) return cpu;
  }
  return -1;
}

void lists_are_read() {
  CHECK((parse_cpu_list("3") == std::vector<int>{3}));
  CHECK((parse_cpu_list("0-2,8,10-11") == std::vector<int>{0, 1, 2, 8, 10, 11}));
  for (const char* wrong : {"", "a", "1-", "-1", "2-1", "1,,2", "1;2", "0-99999999", "99999999999"}) {
    CHECK_IN(wrong, parse_cpu_list(wrong).empty());
  }
}

void a_thread_goes_to_its_gpu_and_back() {
  const std::filesystem::path devices = std::filesystem::current_path() / "near_gpu_test";
  std::filesystem::create_directories(devices / "0000:c1:00.0");
  std::ofstream(devices / "0000:c1:00.0" / "local_cpulist") << one_of_ours() << "\n";
  const int before = cpus_now();
  {
    const NearGpu near("0000:C1:00.0", devices.string());
    CHECK(near.moved());
    CHECK(cpus_now() == 1);
  }
  CHECK(cpus_now() == before);
  {
    const NearGpu unknown("0000:C2:00.0", devices.string());
    CHECK(!unknown.moved());
    CHECK(cpus_now() == before);
  }
  std::filesystem::remove_all(devices);
}

}  // namespace

void test_near_gpu() {
  lists_are_read();
  a_thread_goes_to_its_gpu_and_back();
}

}  // namespace gpu_smoke::test
