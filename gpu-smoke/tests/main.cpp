#include <cstring>

#include "check.h"
#include "tests.h"

int main(int argc, char** argv) {
  using namespace gpu_smoke::test;
  if (argc == 2 && std::strcmp(argv[1], "--sample-report") == 0) return print_sample_report();
  if (argc == 3 && std::strcmp(argv[1], "--nvml") == 0) {
    test_nvml_scenario(argv[2]);
  } else {
    test_gemm_problem();
    test_kernel();
    test_bus_ids_and_text();
    test_observe();
    test_options();
    test_report();
    test_verdict_gpu();
    test_verdict_node();
  }
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 && checks > 0 ? 0 : 1;
}
