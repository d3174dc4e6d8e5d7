// The test groups, one per file, and the evidence that they start from.
#pragma once

#include <string>

#include "report.h"

namespace gpu_smoke::test {

void test_gemm_problem();
void test_kernels();
void test_bus_ids_and_text();
void test_history();
void test_kernel_log();
void test_near_gpu();
void test_observe();
void test_options();
void test_reference();
void test_report();
void test_sampler();
void test_trace();
void test_verdict_gpu();
void test_verdict_node();
void test_verdict_speed();
// Through the real dlopen, against fake_nvml.cpp.
void test_nvml_scenario(const std::string& scenario);

// A trace of healthy GPUs, and a report of two of which one is broken, for the tests of the binary.
int print_healthy_trace(int gpus);
int print_sample_report();

// evidence.cpp: one H100 on which everything is well, and another like it.
Evidence healthy(Level level = Level::standard);
void add_gpu(Evidence& evidence);
Check find_check(const Report& report, const std::string& name);
bool has_check(const Report& report, const std::string& name);

}  // namespace gpu_smoke::test
