// The test groups, one per file, and the evidence that they start from.
#pragma once

#include <string>

#include "report.h"

namespace gpu_smoke::test {

void test_gemm_problem();
void test_kernel();
void test_bus_ids_and_text();
void test_observe();
void test_options();
void test_report();
void test_verdict_gpu();
void test_verdict_node();
// Through the real dlopen, against fake_nvml.cpp.
void test_nvml_scenario(const std::string& scenario);

// A report of a healthy and a broken GPU, for the check against schema.json.
int print_sample_report();

// One GPU on which everything is well.
Evidence healthy();
const Check& find_check(const Report& report, const std::string& name);

}  // namespace gpu_smoke::test
