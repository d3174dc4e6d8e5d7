#include "kernel_log.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "check.h"
#include "tests.h"
#include "verdict.h"

namespace gpu_smoke::test {
namespace {

const char* const kLog =
    "6,100,5000000,-;nvidia: module license taints kernel.\n"
    "4,101,5100000,-;NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.65.06\n"
    "4,102,6000000,-;NVRM: Xid (PCI:0000:c1:00): 31, pid=77, name=python, Ch 00000008\n"
    " SUBSYSTEM=pci\n"
    "4,103,7000000,-;NVRM: Xid (PCI:0000:C2:00): 79, GPU has fallen off the bus.\n"
    "4,104,8000000,-;NVRM: Xid (nonsense\n"
    "4,105,9000000,-;NVRM: Xid (PCI:0000:c1:00): 64, pid='<unknown>'\n";

void xids_are_read_with_their_gpu_and_time() {
  const auto xids = parse_xids(kLog, 103);
  CHECK(xids.size() == 3);
  CHECK(xids[0].pci_bus_id == "00000000:c1:00" && xids[0].code == 31 && !xids[0].during_test);
  CHECK(xids[1].pci_bus_id == "00000000:c2:00" && xids[1].code == 79 && !xids[1].before_reload);
  CHECK(xids[2].code == 64 && xids[2].during_test);
  const std::string reloaded = std::string(kLog) + "4,106,9100000,-;NVRM: loading NVIDIA UNIX x86_64\n";
  CHECK(parse_xids(reloaded, 103)[2].before_reload);
  CHECK(parse_xids("", 0).empty());
}

void a_log_file_is_read_to_its_end() {
  char name[] = "/tmp/gpu-smoke-log.XXXXXX";
  const int file = mkstemp(name);
  CHECK(file >= 0);
  std::ofstream(name) << kLog;
  CHECK(kernel_log_position(name) == 105);
  const KernelLog log = read_kernel_log(name, 105);
  CHECK(log.readable && log.xids.size() == 3 && !log.xids[2].during_test);
  std::remove(name);
  CHECK(kernel_log_position(name) == 0 && !read_kernel_log(name, 0).readable);
}

struct Case {
  const char* behaviour;
  Xid xid;
  Verdict verdict;
  std::size_t warnings;
};

const Case kCases[] = {
    {"79 needs a restart", {"00000000:c1:00", 79, false, false}, Verdict::fail, 0},
    {"which loading the driver again is not", {"00000000:c1:00", 79, false, true}, Verdict::fail, 0},
    {"64 needs a reset", {"00000000:c1:00", 64, false, false}, Verdict::fail, 0},
    {"which loading the driver again is", {"00000000:c1:00", 64, false, true}, Verdict::pass, 1},
    {"48 is fatal", {"00000000:c1:00", 48, false, false}, Verdict::fail, 0},
    {"13 was some application's", {"00000000:c1:00", 13, false, false}, Verdict::pass, 1},
    {"unless it is ours", {"00000000:c1:00", 13, true, false}, Verdict::fail, 0},
    {"an unknown one warns", {"00000000:c1:00", 999, false, false}, Verdict::pass, 1},
    {"and fails during the test", {"00000000:c1:00", 999, true, false}, Verdict::fail, 0},
    {"63 is no fault", {"00000000:c1:00", 63, true, false}, Verdict::pass, 0},
    {"another GPU's is not ours", {"00000000:c2:00", 79, true, false}, Verdict::pass, 0},
};

void each_class_has_its_verdict() {
  for (const auto& row : kCases) {
    Evidence evidence = healthy();
    evidence.kernel_log.xids = {row.xid};
    const Check& check = find_check(judge(evidence, {}), "xid");
    CHECK_IN(row.behaviour, check.verdict == row.verdict && check.warnings.size() == row.warnings);
    CHECK_IN(row.behaviour, check.cause == (row.verdict == Verdict::fail ? "xid" : ""));
  }
}

// Every Xid that NVIDIA's catalogue gives a class to, as facts/gpu.md lists them: not a copy of the code's own table.
struct Named {
  XidClass kind;
  std::vector<unsigned> codes;
  Verdict earlier, reloaded, during;
  std::size_t warnings;  // when it was earlier
};

// clang-format off: a table
const Named kNamed[] = {
    {XidClass::reset, {46, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158},
     Verdict::fail, Verdict::pass, Verdict::fail, 0},
    {XidClass::restart, {79, 160}, Verdict::fail, Verdict::fail, Verdict::fail, 0},
    {XidClass::fatal, {48, 54, 57, 58, 61, 74, 90, 144, 145, 146, 147, 148, 149, 150},
     Verdict::fail, Verdict::pass, Verdict::fail, 0},
    {XidClass::application, {8, 13, 31, 32, 68, 69, 94}, Verdict::pass, Verdict::pass, Verdict::fail, 1},
    {XidClass::ignore, {43, 63, 92, 93, 121, 137, 154}, Verdict::pass, Verdict::pass, Verdict::pass, 0},
};
// clang-format on

void every_named_xid_has_its_verdict() {
  const auto judged = [](unsigned code, bool during_test, bool before_reload) {
    Evidence evidence = healthy();
    evidence.kernel_log.xids = {{"00000000:c1:00", code, during_test, before_reload}};
    return find_check(judge(evidence, {}), "xid");
  };
  std::size_t count = 0;
  for (const auto& row : kNamed) {
    for (const unsigned code : row.codes) {
      const std::string name = "Xid " + std::to_string(code);
      ++count;
      CHECK_IN(name, classify_xid(code) == row.kind);
      CHECK_IN(name, judged(code, false, false).verdict == row.earlier);
      CHECK_IN(name, judged(code, false, false).warnings.size() == row.warnings);
      CHECK_IN(name, judged(code, false, true).verdict == row.reloaded);
      CHECK_IN(name, judged(code, true, false).verdict == row.during);
    }
  }
  CHECK(count == 44);
}

void an_unread_log_is_not_observed() {
  Evidence evidence = healthy();
  evidence.kernel_log = {false, "/dev/kmsg: Operation not permitted", {}};
  CHECK(find_check(judge(evidence, {}), "xid").cause == "not-observed");
  CHECK(find_check(judge(evidence, {}), "xid").verdict == Verdict::skipped);
  CHECK(judge(evidence, {{}, true, ""}).verdict == Verdict::fail);
}

}  // namespace

void test_kernel_log() {
  xids_are_read_with_their_gpu_and_time();
  a_log_file_is_read_to_its_end();
  each_class_has_its_verdict();
  every_named_xid_has_its_verdict();
  an_unread_log_is_not_observed();
}

}  // namespace gpu_smoke::test
