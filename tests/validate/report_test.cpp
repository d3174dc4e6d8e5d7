#include "validate/report.h"

#include <cmath>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace mlctl::validate {
namespace {

Check check(std::string name, Verdict verdict, std::string reason = {}) {
  return {std::move(name), verdict, std::move(reason), {}, {}};
}

Report full_report() {
  Report report;
  report.kind = "gate";
  report.model = "fraud/credit-risk";
  report.version = "v1.2.0";
  report.environment = "prod";
  report.baseline_version = "v1.1.0";
  report.seed = 18446744073709551615U;
  report.machine = {{"cores", "2"}};
  report.accept = {"gpu"};
  report.checks = {check("gpu", Verdict::skipped, "no GPU here"),
                   check("latency p99", Verdict::fail, "above the limit")};
  report.checks[1].metrics = {{.name = "p99",
                               .value = 61.25,
                               .unit = "ms",
                               .interval = Interval{58.5, Interval::unbounded, 0.95},
                               .limit = 50.0,
                               .better = Better::less,
                               .samples = 10800,
                               .note = "order statistic"}};
  report.checks[1].findings = {{"late", Severity::high, "m.ubj", "slow", "fewer trees"}};
  report.distributions = {distribution_of("Latency", "candidate", "ms", {1, 2, 3, 4, 100})};
  report.series = {{"Latency over time", "candidate", "p50", "ms", "s", {{0, 1}, {1, 2.5}}}};
  return report;
}

TEST_CASE("overall: fail closed") {
  struct Case {
    std::string name;
    std::vector<Check> checks;
    std::vector<std::string> accept;
    Verdict expected;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing was checked: skipped", {}, {}, Verdict::skipped},
           {"all pass", {check("a", Verdict::pass)}, {}, Verdict::pass},
           {"a skip is not a pass",
            {check("a", Verdict::pass), check("b", Verdict::skipped, "no GPU")},
            {},
            Verdict::skipped},
           {"a skip accepted by name", {check("a", Verdict::pass), check("b", Verdict::skipped)}, {"b"}, Verdict::pass},
           {"another name accepts nothing", {check("b", Verdict::skipped)}, {"c"}, Verdict::skipped},
           {"a first version has nothing to compare with",
            {check("a", Verdict::skipped, "first version")},
            {},
            Verdict::pass},
           {"only skips can be accepted", {check("a", Verdict::fail)}, {"a"}, Verdict::fail},
           {"inconclusive wins over skipped",
            {check("a", Verdict::skipped), check("b", Verdict::inconclusive)},
            {},
            Verdict::inconclusive},
           {"error wins over inconclusive",
            {check("a", Verdict::error), check("b", Verdict::inconclusive)},
            {},
            Verdict::error},
           {"fail wins over all", {check("a", Verdict::fail), check("b", Verdict::error)}, {}, Verdict::fail},
       }) {
    CAPTURE(c.name);
    Report report;
    report.checks = c.checks;
    report.accept = c.accept;
    CHECK(overall(report) == c.expected);
  }
}

TEST_CASE("a verdict's exit code") {
  CHECK(exit_code(Verdict::pass) == 0);
  CHECK(exit_code(Verdict::fail) == 1);
  CHECK(exit_code(Verdict::skipped) == 1);
  CHECK(exit_code(Verdict::error) == 3);
  CHECK(exit_code(Verdict::inconclusive) == 5);
}

TEST_CASE("number_text") {
  CHECK(number_text(12.3456, "ms") == "12.35 ms");
  CHECK(number_text(0.5, "ms") == "0.5 ms");
  CHECK(number_text(10800) == "10,800");
  CHECK(number_text(-1234567) == "-1,234,567");
  CHECK(number_text(999.96) == "1000");
  CHECK(number_text(Interval::unbounded, "ms") == "unbounded");
  CHECK(number_text(0) == "0");
  CHECK(number_text(1e-7) == "1e-07");
}

TEST_CASE("metric_text says value, interval, limit and sample size") {
  Metric metric{.name = "p99",
                .value = 12.3,
                .unit = "ms",
                .interval = Interval{11.9, 12.8, 0.95},
                .limit = 50.0,
                .better = Better::less,
                .samples = 10800,
                .note = ""};
  CHECK(metric_text(metric) == "12.3 ms, 95 % interval 11.9 to 12.8 ms, limit at most 50 ms, n = 10,800");
  metric.interval = Interval{-Interval::unbounded, 12.8, 0.95};
  metric.better = Better::more;
  metric.note = "Wilson";
  CHECK(metric_text(metric) == "12.3 ms, 95 % upper bound 12.8 ms, limit at least 50 ms, n = 10,800 (Wilson)");
  metric.interval = Interval{};
  CHECK(metric_text(metric).find("no finite 95 % interval") != std::string::npos);
}

TEST_CASE("a distribution keeps quantiles within its bucket width of one percent") {
  std::vector<double> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(i);
  values.push_back(std::nan(""));
  const auto d = distribution_of("Latency", "candidate", "ms", values);
  CHECK(d.samples() == 1000);
  CHECK(d.smallest == 1);
  CHECK(d.largest == 1000);
  CHECK(d.quantile(0.5) == doctest::Approx(500).epsilon(0.011));
  CHECK(d.quantile(0.99) == doctest::Approx(990).epsilon(0.011));
  CHECK(d.quantile(1) == 1000);
  CHECK(distribution_of("", "", "", {}).quantile(0.5) == 0);
}

TEST_CASE("windowed_quantile takes one point per window that holds something") {
  const Series raw{"t", "candidate", "n", "ms", "s", {{0.1, 5}, {0.9, 1}, {0.5, 3}, {2.5, 7}, {std::nan(""), 1}}};
  const auto median = windowed_quantile(raw, 1, 0.5);
  REQUIRE(median.points.size() == 2);
  CHECK(median.points[0].x == 0.5);
  CHECK(median.points[0].y == 3);
  CHECK(median.points[1].x == 2.5);
  CHECK(median.points[1].y == 7);
}

TEST_CASE("a report survives JSON unchanged") {
  const auto written = to_json(full_report());
  const auto read = report_from_json(nlohmann::json::parse(written.dump()));
  REQUIRE(read);
  CHECK(to_json(*read).dump() == written.dump());
  CHECK(read->checks[1].metrics[0].interval->high == Interval::unbounded);
  CHECK(written["verdict"] == "fail");
  CHECK(written["schemaVersion"] == 1);
}

TEST_CASE("a report read from JSON has the verdict that it was written with") {
  Report report;
  report.kind = "gate";
  report.accept = {"gpu", "caf\xe9"};
  report.checks = {check("errors", Verdict::pass), check("gpu", Verdict::skipped, "no GPU here"),
                   check("caf\xe9", Verdict::skipped)};
  REQUIRE(overall(report) == Verdict::pass);
  const auto read = report_from_json(nlohmann::json::parse(to_json(report).dump()));
  REQUIRE(read);
  CHECK(overall(*read) == Verdict::pass);
  report.accept = {};
  const auto strict = report_from_json(nlohmann::json::parse(to_json(report).dump()));
  REQUIRE(strict);
  CHECK(overall(*strict) == Verdict::skipped);
}

TEST_CASE("report_from_json refuses what is no report") {
  const auto good = nlohmann::json::parse(to_json(full_report()).dump());
  struct Case {
    std::string name;
    const char* pointer;
    nlohmann::json value;
  };
  for (const auto& c : std::vector<Case>{
           {"another schema version", "/schemaVersion", 2},
           {"a verdict nobody knows", "/checks/0/verdict", "perhaps"},
           {"a check without a name", "/checks/0/name", 7},
           {"checks that are no list", "/checks", "none"},
           {"a check that is no object", "/checks/0", 3},
           {"a severity nobody knows", "/checks/1/findings/0/severity", "meh"},
           {"a time that is none", "/started", "yesterday"},
           {"a point of three numbers", "/series/0/points/0", {1, 2, 3}},
           {"a negative count", "/distributions/0/buckets/0", {1, -2}},
       }) {
    CAPTURE(c.name);
    auto document = good;
    document[nlohmann::json::json_pointer(c.pointer)] = c.value;
    const auto read = report_from_json(document);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == Error::Kind::corrupt);
  }
}

TEST_CASE("a report in text says every verdict in words and escapes what came from outside") {
  auto report = full_report();
  report.checks[1].findings[0].file = "evil\x1b[31m.bin";
  const auto text = to_text(report, Style::plain());
  CHECK(text.find("gate fraud/credit-risk v1.2.0 for prod, compared with v1.1.0") == 0);
  CHECK(text.find("latency p99 fail: above the limit") != std::string::npos);
  CHECK(text.find("limit at most 50 ms") != std::string::npos);
  CHECK(text.find("\nhint: late: fewer trees\n") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("what a server printed keeps its lines, and no line is a command to a runner") {
  Report report{.kind = "gate", .model = "m"};
  report.checks = {check("server", Verdict::fail)};
  report.checks[0].reason = "it ended; its last lines:\n</pre>\x1b[2J\n::error::b\n| - c";
  const auto text = to_text(report, Style::plain());
  CHECK_MESSAGE(
      text.find("its last lines:\n      | </pre>\\x1b[2J\n      | ::error::b\n      | | - c\n") != std::string::npos,
      text);
  const auto markdown = to_markdown(report);
  CHECK_MESSAGE(
      markdown.find("its last lines: ⏎ &lt;/pre&gt;\\\\x1b\\[2J ⏎ ::error::b ⏎ \\| - c |\n") != std::string::npos,
      markdown);
}

TEST_CASE("Markdown of a report: names from outside stay text, and the summary fits its page") {
  auto report = full_report();
  report.checks[1].findings[0].file = "<img src=x>|`[a](http://b)@team";
  const auto text = to_markdown(report);
  CHECK(text.find("<img") == std::string::npos);
  CHECK(text.find("&lt;img src=x&gt;\\|\\`\\[a\\](http\\://b)@<!-- -->team") != std::string::npos);
  report.checks[1].findings.assign(20000, {"r", Severity::low, "f", std::string(100, 'x'), ""});
  const auto cut = to_markdown(report);
  CHECK(cut.size() <= 1'048'576);
  CHECK(cut.find("The rest was cut") != std::string::npos);
}

}  // namespace
}  // namespace mlctl::validate
