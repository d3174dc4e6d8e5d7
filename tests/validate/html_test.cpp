#include "validate/html.h"

#include <doctest/doctest.h>

#include "validate/svg.h"

namespace mlctl::validate {
namespace {

Page page() {
  Report report;
  report.kind = "gate";
  report.environment = "prod";
  report.model = "fraud/credit-risk";
  report.version = "v1.2.0";
  report.baseline_version = "v1.1.0";
  report.checks = {{"slower p50",
                    Verdict::fail,
                    "1.31 times",
                    {{"some-rule", Severity::high, "<b>\"f\"</b>", "a & b", "do 'this'"}},
                    {{.name = "p50 ratio",
                      .value = 1.31,
                      .unit = "",
                      .interval = Interval{1.27, 1.35, 0.9},
                      .limit = 1.1,
                      .better = Better::less,
                      .samples = 120,
                      .note = "block bootstrap"}}},
                   {"gpu", Verdict::skipped, "no GPU here", {}, {}}};
  report.distributions = {distribution_of("Latency", "candidate", "ms", {1, 2, 3, 50}),
                          distribution_of("Latency", "baseline", "ms", {1, 2, 2, 9})};
  report.distributions[0].marks = {{"p99 limit", 40}};
  report.series = {{"Latency over time", "candidate", "candidate p50", "ms", "s", {{0, 1}, {1, 2}, {2, 1.5}}}};
  Page out = page_of(report);
  out.steps = {{"gate", "prod", Verdict::fail, "1.31 times", std::chrono::seconds(41)},
               {"render", "prod", std::nullopt, "", std::nullopt}};
  return out;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_CASE("the page needs nothing but itself") {
  const auto html = to_html(page());
  for (const char* outside : {"<script", "http:", "https:", "src=", "href=", "url(", "@import", "<link"}) {
    CAPTURE(std::string(outside));
    CHECK(html.find(outside) == std::string::npos);
  }
  CHECK(html.find("default-src 'none'") != std::string::npos);
}

TEST_CASE("the page says every verdict in words, and why") {
  const auto html = to_html(page());
  for (const char* said :
       {"fraud/credit-risk v1.2.0", ">fail<", ">skipped<", ">not reached<", "slower p50: 1.31 times", "outside", "41 s",
        "compared with v1.1.0", "p99 limit 40 ms", "candidate p50", "at most 1.1", "block bootstrap"}) {
    CAPTURE(std::string(said));
    CHECK(html.find(said) != std::string::npos);
  }
}

TEST_CASE("the page escapes what came from outside") {
  auto hostile = page();
  hostile.title = "</title><script>alert(1)</script>";
  hostile.facts = {{"tag", "\x1b[31m\xff"}};
  hostile.reports[0].distributions[0].arm = "<svg onload=x>";
  hostile.reports[0].series[0].name = "\" onmouseover=\"x";
  const auto html = to_html(hostile);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("<svg onload") == std::string::npos);
  CHECK(html.find("\" onmouseover=\"x") == std::string::npos);
  CHECK(html.find('\x1b') == std::string::npos);
  CHECK(html.find("&lt;b&gt;&quot;f&quot;&lt;/b&gt;") != std::string::npos);
  CHECK(html.find("a &amp; b") != std::string::npos);
}

TEST_CASE("what a server printed keeps its lines") {
  auto several = page();
  several.reports[0].checks[1].reason = "its last lines:\n<b>one\ntwo";
  CHECK(to_html(several).find("its last lines:<br>&lt;b&gt;one<br>two</td>") != std::string::npos);
}

TEST_CASE("tags that open also close") {
  const auto html = to_html(page());
  for (const char* tag : {"table", "tbody", "tr", "td", "section", "div", "svg", "text", "ul", "li", "dl", "h2", "h3",
                          "p", "span", "figure"}) {
    CAPTURE(std::string(tag));
    const std::string name = tag;
    CHECK(count(html, "<" + name + ">") + count(html, "<" + name + " ") == count(html, "</" + name + ">"));
  }
}

TEST_CASE("a page of nothing is still a page") {
  const auto html = to_html({});
  CHECK(html.find("</html>") != std::string::npos);
  Report empty;
  CHECK(to_html(page_of(empty)).find("nothing was checked") != std::string::npos);
}

TEST_CASE("where an interval lies") {
  Metric metric{.name = "m",
                .value = 1,
                .unit = "",
                .interval = Interval{0.5, 1.5, 0.9},
                .limit = 2,
                .better = Better::less,
                .samples = 1,
                .note = ""};
  CHECK(interval_place(metric) == "inside");
  metric.limit = 1.2;
  CHECK(interval_place(metric) == "crosses the limit");
  metric.limit = 0.4;
  CHECK(interval_place(metric) == "outside");
  metric.better = Better::more;
  CHECK(interval_place(metric) == "inside");
  metric.interval = Interval{};
  CHECK(interval_place(metric) == "crosses the limit");
  metric.limit.reset();
  CHECK(interval_place(metric).empty());
  CHECK(interval_plot(metric).empty());
}

TEST_CASE("plots survive degenerate data") {
  const double inf = Interval::unbounded;
  const auto one = distribution_of("Latency", "candidate", "ms", {3});
  const auto none = distribution_of("Latency", "baseline", "ms", {});
  const auto zero = distribution_of("Latency", "baseline", "ms", {0, 0, -1});
  const auto drawn = distribution_plot({&one, &none, &zero});
  CHECK(drawn.find("nan") == std::string::npos);
  CHECK(drawn.find("inf") == std::string::npos);
  const Series flat{"t", "candidate", "n", "ms", "s", {{0, 0}, {0, 0}, {1, inf}}};
  const Series empty{"t", "candidate", "n", "ms", "s", {}};
  const auto line = series_plot({&flat, &empty});
  CHECK(line.find("nan") == std::string::npos);
  CHECK(line.find("inf") == std::string::npos);
  CHECK(distribution_plot({}).empty());
  CHECK(series_plot({}).empty());
}

TEST_CASE("ticks are round numbers") {
  CHECK(linear_ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(linear_ticks(0, 0.9, 5).size() <= 11);
  CHECK(linear_ticks(3, 3, 5) == std::vector<double>{3});
  CHECK(log_ticks(0.9, 11) == std::vector<double>{1, 2, 5, 10});
  CHECK(log_ticks(0, 11).empty());
}

}  // namespace
}  // namespace mlctl::validate
