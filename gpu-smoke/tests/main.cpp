#include <cstdlib>
#include <cstring>

#include "check.h"
#include "tests.h"

int main(int argc, char** argv) {
  using namespace gpu_smoke::test;
  if (argc == 2 && std::strcmp(argv[1], "--sample-report") == 0) return print_sample_report();
  if (argc == 3 && std::strcmp(argv[1], "--healthy-trace") == 0) return print_healthy_trace(std::atoi(argv[2]));
  if (argc == 3 && std::strcmp(argv[1], "--nvml") == 0) {
    test_nvml_scenario(argv[2]);
  } else {
    test_gemm_problem();
    test_kernels();
    test_bus_ids_and_text();
    test_history();
    test_kernel_log();
    test_near_gpu();
    test_observe();
    test_options();
    test_reference();
    test_report();
    test_sampler();
    test_trace();
    test_verdict_gpu();
    test_verdict_node();
    test_verdict_speed();
  }
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 && checks > 0 ? 0 : 1;
}
