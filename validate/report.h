// What a run of checks found, as data: the gate, the static checks, the GPU check and a release all end in Reports,
// and every display (text, Markdown, JSON, HTML) is made from them. A number says what it is: unit, samples, interval.
// Strings may come from outside (file names, server answers): they are kept as they came and escaped by the displays.
#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"

namespace mlctl::validate {

enum class Verdict {
  pass,
  fail,
  inconclusive,  // asked, and the data do not decide
  skipped,       // not asked; the reason says why
  error,         // could not ask
};
enum class Severity {
  critical,  // runs code, or the file is not what it claims to be
  high,      // exploitable, or unusable
  medium,    // unknown: a person should look
  low,       // worth knowing; changes no verdict
};

struct Finding {
  std::string rule;  // id of a Rule ("safetensors-header"), see validate/rules.h
  Severity severity = Severity::medium;
  std::string file;     // as the user would name it; may be empty
  std::string message;  // what is wrong, with the numbers
  std::string hint;     // what to do; may be empty
};

struct Interval {
  static constexpr double unbounded = std::numeric_limits<double>::infinity();
  double low = -unbounded;  // one-sided intervals leave the other side unbounded
  double high = unbounded;
  double level = 0.95;
};

enum class Better { less, more };  // on which side of the limit a metric is good

struct Metric {
  std::string name;  // "p99 candidate", "p50 ratio", "auc difference"
  double value = 0;
  std::string unit;  // "ms", "%", "1/s"; empty: a plain number or ratio
  std::optional<Interval> interval;
  std::optional<double> limit;  // in the same unit; with it, the metric is drawn in the forest plot
  Better better = Better::less;
  std::uint64_t samples = 0;  // how many observations, blocks or pairs stand behind it
  std::string note;           // method: "block bootstrap, 120 blocks"
};

struct Check {
  std::string name;  // "latency p99", "accuracy", "safetensors"
  Verdict verdict = Verdict::skipped;
  std::string reason;  // why this verdict; what a server printed may follow in lines of its own
  std::vector<Finding> findings;
  std::vector<Metric> metrics;
};

// The only reason for which `skipped` is accepted without being named (config.md, rule 10).
inline constexpr std::string_view first_version = "first version";

// A distribution as a histogram: counts of values at most `upper` and above the bucket before. Only buckets that hold
// something, ascending. Distributions of one title are drawn in one plot.
struct Distribution {
  struct Bucket {
    double upper = 0;
    std::uint64_t count = 0;
  };
  struct Mark {  // a vertical line: a limit
    std::string label;
    double value = 0;
  };
  std::string title;  // "Latency"
  std::string arm;    // "candidate" or "baseline": decides the colour
  std::string unit;   // "ms"
  double smallest = 0;
  double largest = 0;
  std::vector<Bucket> buckets;
  std::vector<Mark> marks;

  [[nodiscard]] std::uint64_t samples() const;
  // The upper edge of the bucket that holds the value of rank ceil(q * n); 0 when empty. 0 < q <= 1.
  [[nodiscard]] double quantile(double q) const;
};
// Buckets whose edges stand 1 % apart (values at or below zero share one); not-finite values are left out.
[[nodiscard]] Distribution distribution_of(std::string title, std::string arm, std::string unit,
                                           const std::vector<double>& values);

// Something over time. Series of one title are drawn in one plot.
struct Series {
  struct Point {
    double x = 0;
    double y = 0;
  };
  std::string title;          // "Latency over time"
  std::string arm;            // "candidate" or "baseline": decides the colour
  std::string name;           // "candidate p50"
  std::string unit;           // of y: "ms"
  std::string x_label;        // "seconds since start"
  std::vector<Point> points;  // by ascending x; keep it below a few thousand
};
// The quantile `q` of y in each window of `width` of x (windows without points are left out): a series worth drawing
// from raw observations, which may come in any order.
[[nodiscard]] Series windowed_quantile(Series raw, double width, double q);

struct Report {
  std::string kind;              // "validate", "gate", "gpu", "release"
  std::string model;             // "fraud/credit-risk", or the path that was checked
  std::string version;           // "v1.2.3"; empty when there is none
  std::string digest;            // "sha256:…"
  std::string environment;       // "prod"; empty when the report is of none
  std::string baseline_version;  // empty: nothing to compare with
  std::string baseline_digest;
  std::vector<std::string> accept;  // checks whose `skipped` counts as passed, by name
  std::vector<Check> checks;
  std::map<std::string, std::string> machine;  // "cpu", "cores", "mlctl", "server": what the numbers depend on
  std::optional<std::uint64_t> seed;
  WallTime started{};
  WallTime finished{};
  std::vector<Distribution> distributions;
  std::vector<Series> series;
};

// Fail closed: fail over error over inconclusive over skipped over pass. A skipped check counts as passed when its name
// stands in report.accept or its reason is first_version. A report in which nothing was checked is `skipped`.
[[nodiscard]] Verdict overall(const Report& report);
[[nodiscard]] Verdict worst(Verdict a, Verdict b);  // by the same order
[[nodiscard]] int exit_code(Verdict verdict);       // 0, 1 fail or skipped, 5 inconclusive, 3 error
[[nodiscard]] const char* to_string(Verdict verdict);
[[nodiscard]] const char* to_string(Severity severity);
[[nodiscard]] std::optional<Verdict> parse_verdict(std::string_view text);
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view text);
[[nodiscard]] Symbol symbol_of(Verdict verdict);
[[nodiscard]] Tone tone_of(Verdict verdict);

// "12.3 ms", "4 %", "1.08": three or four significant digits, never an exponent below 1e6; "unbounded" for infinity.
[[nodiscard]] std::string number_text(double value, const std::string& unit = {});
// "12.3 ms, 95 % interval 11.9 to 12.8 ms, limit at most 50 ms, n = 10,800".
[[nodiscard]] std::string metric_text(const Metric& metric);

// schemaVersion 1; unbounded sides are null. report_from_json returns Error{corrupt} for anything but such a document.
[[nodiscard]] nlohmann::ordered_json to_json(const Report& report);
[[nodiscard]] Result<Report> report_from_json(const nlohmann::json& document);
// For terminals and logs: one block per check, findings and metrics below it.
[[nodiscard]] std::string to_text(const Report& report, const Style& style);
// For step summaries (at most 1 MiB, said where it was cut); everything from outside is escaped.
[[nodiscard]] std::string to_markdown(const Report& report);

}  // namespace mlctl::validate
