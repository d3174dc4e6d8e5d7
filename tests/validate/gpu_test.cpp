#include "validate/gpu.h"

#include <doctest/doctest.h>

namespace mlctl::validate {
namespace {

std::string node(const std::string& verdict, const std::string& node_check, const std::string& gpu_check) {
  const std::string gpus = gpu_check.empty() ? "[]"
                                             : R"([{"index":0,"name":"H100","checks":[{"name":"gemm","verdict":")" +
                                                   gpu_check + R"(","reason":"r","warnings":["hot"]}]}])";
  return R"({"schemaVersion":1,"host":"n1","verdict":")" + verdict + R"(","checks":[{"name":"cuda","verdict":")" +
         node_check + R"(","reason":"r"}],"gpus":)" + gpus + "}";
}

TEST_CASE("gpu_report: a report is believed only when it is whole and agrees with itself") {
  struct Case {
    const char* name;
    std::string json;
    bool accepted;
    Verdict verdict = Verdict::error;
  };
  for (const auto& c : std::vector<Case>{
           {"a fit GPU", node("pass", "pass", "pass"), true, Verdict::pass},
           {"a faulty GPU", node("fail", "pass", "fail"), true, Verdict::fail},
           {"a check that the chip cannot do is no fault", node("pass", "pass", "skipped"), true, Verdict::pass},
           {"no driver", node("error", "error", ""), true, Verdict::error},
           {"a pass over a failed check", node("pass", "pass", "fail"), false},
           {"a pass without a GPU", node("pass", "pass", ""), false},
           {"a failure that no check explains", node("fail", "pass", "pass"), false},
           {"a verdict that nobody knows", node("great", "pass", "pass"), false},
           {"a check's verdict that nobody knows", node("pass", "pass", "great"), false},
           {"another schema version", R"({"schemaVersion":2,"verdict":"pass","checks":[],"gpus":[]})", false},
           {"a recorded trace", R"({"replayedFrom":"t.json",)" + node("pass", "pass", "pass").substr(1), false},
           {"no checks at all", R"({"schemaVersion":1,"verdict":"pass","gpus":[]})", false},
           {"checks of another type", R"({"schemaVersion":1,"verdict":"pass","checks":[7],"gpus":[]})", false},
           {"cut in the middle", R"({"schemaVersion":1,"verd)", false},
           {"nothing", "", false},
       }) {
    CAPTURE(c.name);
    const auto report = gpu_report(c.json);
    REQUIRE(bool(report) == c.accepted);
    if (report)
      CHECK(overall(*report) == c.verdict);
    else
      CHECK(report.error().kind == Error::Kind::corrupt);
  }
}

}  // namespace
}  // namespace mlctl::validate
