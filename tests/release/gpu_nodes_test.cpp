#include "release/gpu_nodes.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/filesystem.h"

using namespace mlctl;
using namespace mlctl::release;
using validate::Verdict;

namespace {

std::string report(const std::string& verdict, const std::string& more = "") {
  return R"({"schemaVersion":1,"host":"n1","verdict":")" + verdict + R"(",)" + more +
         R"("checks":[{"name":"cuda","verdict":"pass"}],"gpus":[{"name":"L4","checks":[{"name":"memory","verdict":")" +
         verdict + R"(","reason":"bit 3 is stuck"}]}]})";
}

constexpr const char* partly =
    R"({"schemaVersion":1,"host":"n1","verdict":"pass","checks":[{"name":"cuda","verdict":"pass"}],)"
    R"("gpus":[{"name":"L4","checks":[{"name":"gemm-fp16","verdict":"skipped","reason":"no libcublasLt"}]}]})";

}  // namespace

TEST_CASE("a node is fit only by a report that says so") {
  struct Case {
    const char* what;
    deploy::GpuNodeAnswer answer;
    Verdict verdict;
    const char* reason;
    int code;
  };
  for (const auto& c : std::vector<Case>{
           {"fit", {.log = report("pass"), .exit_code = 0}, Verdict::pass, "", 0},
           {"fit, behind warnings of a driver",
            {.log = "warning: x\n" + report("pass"), .exit_code = 0},
            Verdict::pass,
            "",
            0},
           {"fit, by what was looked at",
            {.log = std::string(partly), .exit_code = 0},
            Verdict::pass,
            "1 check skipped",
            0},
           {"unfit", {.log = report("fail"), .exit_code = 1}, Verdict::fail, "gpu 0 memory: bit 3 is stuck", 1},
           {"undecided",
            {.log = report("inconclusive"), .exit_code = 5},
            Verdict::inconclusive,
            "gpu 0 memory: bit 3 is stuck",
            5},
           {"a pass that ended with 1",
            {.log = report("pass"), .exit_code = 1},
            Verdict::error,
            "gpu-smoke ended with 1, and its report says pass",
            3},
           {"a recorded trace",
            {.log = report("pass", R"("replayedFrom":"trace.json",)"), .exit_code = 0},
            Verdict::error,
            "gpu-smoke's report: it judges a recorded trace, trace.json, and not this machine",
            3},
           {"another program",
            {.log = "exec format error", .exit_code = 255},
            Verdict::error,
            "gpu-smoke ended with 255: exec format error",
            3},
           {"silence", {.log = "", .exit_code = 0}, Verdict::error, "gpu-smoke ended with 0 and said nothing", 3},
           {"half of a report",
            {.log = report("pass").substr(0, 40), .exit_code = 0},
            Verdict::error,
            "gpu-smoke's report: not JSON",
            3},
           {"no answer",
            {.exit_code = -1, .problem = "the node is not ready"},
            Verdict::error,
            "the node is not ready",
            3}}) {
    INFO(std::string(c.what));
    const auto judged = judge_nodes({c.answer});
    CHECK(judged.front().verdict == c.verdict);
    CHECK(judged.front().reason == c.reason);
    CHECK(judged.front().check.has_value() == (c.verdict != Verdict::error));
    CHECK(exit_code(judged) == c.code);
  }
}

TEST_CASE("a fault is one by a quick look too, and its absence is shown by a whole check alone") {
  struct Case {
    const char* what;
    const char* verdict;
    int code;
    bool quick, decides;
  };
  for (const auto& c :
       {Case{"a pass", "pass", 0, false, true}, Case{"a quick pass", "pass", 0, true, false},
        Case{"a fault", "fail", 1, false, true}, Case{"a fault at a glance", "fail", 1, true, true},
        Case{"undecided", "inconclusive", 5, false, false}, Case{"could not find out", "error", 3, false, false}}) {
    INFO(std::string(c.what));
    const auto judged =
        judge_nodes({{.log = report(c.verdict, R"("startedAt":"2026-01-02T03:04:05Z",)"), .exit_code = c.code}});
    CHECK(decides(judged.front(), c.quick) == c.decides);
    CHECK(started_at(judged.front()) == "2026-01-02T03:04:05Z");
  }
  CHECK(!decides(NodeVerdict{}, false));
  CHECK(started_at(NodeVerdict{}).empty());
}

TEST_CASE("the worst node decides, and all are shown") {
  std::vector<deploy::GpuNodeAnswer> answers{{.log = report("pass"), .exit_code = 0},
                                             {.exit_code = -1, .problem = "not\x1b[2J ready"},
                                             {.log = report("inconclusive"), .exit_code = 5}};
  answers[0].node = {.name = "a", .count = 8, .model = "NVIDIA-L4", .memory = 23034};
  answers[1].node.name = "b";
  answers[2].node.name = "c";
  const auto judged = judge_nodes(answers);
  CHECK(exit_code(judged) == 3);
  Style style = Style::plain();
  style.terminal = true;
  style.width = 100;
  CHECK(to_text(judged, style) ==
        "NODE  GPUS  MODEL      MEMORY    VERDICT       REASON\n"
        "a     8     NVIDIA-L4  22.5 GiB  pass\n"
        "b     0     -          -         error         not\\x1b[2J ready\n"
        "c     0     -          -         inconclusive  gpu 0 memory: bit 3 is stuck\n"
        "1 of 3 nodes fit\n");
  const auto json = to_json(judged);
  CHECK(json[0]["report"]["verdict"] == "pass");
  CHECK(json[1]["verdict"] == "error");
  CHECK(!json[1].contains("report"));
}

TEST_CASE("what was found on a node is kept for whoever asks whether there is room") {
  const auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  const auto& root = folder->path();
  const auto started = R"("startedAt":"2026-01-02T03:04:05Z",)";
  REQUIRE(write_file(report_file(root, "prod", "a"), report("pass", started)));
  REQUIRE(write_file(report_file(root, "prod", "b"), report("fail", started)));
  REQUIRE(write_file(report_file(root, "prod", "undecided"), report("inconclusive", started)));
  REQUIRE(write_file(report_file(root, "prod", "played"), report("pass", R"("replayedFrom":"trace.json",)")));
  REQUIRE(write_file(report_file(root, "prod", "broken"), "{"));
  const auto of = kept_reports(root, "prod");
  CHECK(!of("a")->unfit);
  CHECK(of("b")->unfit);
  CHECK(of("b")->when == "2026-01-02T03:04:05Z");
  CHECK(!of("undecided")->unfit);
  for (const char* none : {"played", "broken", "never", "../prod/b"}) {
    CAPTURE(none);
    CHECK(!of(none));
  }
  CHECK(!kept_reports(root, "staging")("b"));
}
