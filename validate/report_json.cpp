#include <cmath>
#include <nlohmann/json.hpp>

#include "validate/report.h"

namespace mlctl::validate {
namespace {

using nlohmann::json;
using Ordered = nlohmann::ordered_json;

constexpr int schema_version = 1;
constexpr std::size_t list_limit = 1'000'000;

Ordered number(double value) {
  return std::isfinite(value) ? Ordered(value) : Ordered(nullptr);
}

// Strings from outside may hold any byte; JSON holds UTF-8 only.
std::string text_of(const std::string& raw) {
  return escape_control(raw, true);
}

Ordered write(const Finding& finding) {
  return {{"rule", text_of(finding.rule)},
          {"severity", to_string(finding.severity)},
          {"file", text_of(finding.file)},
          {"message", text_of(finding.message)},
          {"hint", text_of(finding.hint)}};
}

Ordered write(const Metric& metric) {
  Ordered out = {{"name", text_of(metric.name)}, {"value", number(metric.value)}, {"unit", text_of(metric.unit)}};
  if (metric.interval) {
    out["interval"] = {{"low", number(metric.interval->low)},
                       {"high", number(metric.interval->high)},
                       {"level", metric.interval->level}};
  }
  if (metric.limit) out["limit"] = number(*metric.limit);
  out["better"] = metric.better == Better::less ? "less" : "more";
  out["samples"] = metric.samples;
  if (!metric.note.empty()) out["note"] = text_of(metric.note);
  return out;
}

Ordered write(const Check& check);
Ordered write(const Distribution& d);
Ordered write(const Series& series);

template <typename T>
Ordered write_all(const std::vector<T>& values) {
  auto out = Ordered::array();
  for (const auto& value : values) out.push_back(write(value));
  return out;
}

Ordered write(const Check& check) {
  return {{"name", text_of(check.name)},
          {"verdict", to_string(check.verdict)},
          {"reason", text_of(check.reason)},
          {"findings", write_all(check.findings)},
          {"metrics", write_all(check.metrics)}};
}

Ordered write(const Distribution& d) {
  auto buckets = Ordered::array();
  for (const auto& bucket : d.buckets) buckets.push_back(Ordered::array({number(bucket.upper), bucket.count}));
  auto marks = Ordered::array();
  for (const auto& mark : d.marks) marks.push_back({{"label", text_of(mark.label)}, {"value", number(mark.value)}});
  return {{"title", text_of(d.title)},      {"arm", text_of(d.arm)},        {"unit", text_of(d.unit)},
          {"smallest", number(d.smallest)}, {"largest", number(d.largest)}, {"marks", std::move(marks)},
          {"buckets", std::move(buckets)}};
}

Ordered write(const Series& series) {
  auto points = Ordered::array();
  for (const auto& point : series.points) points.push_back(Ordered::array({number(point.x), number(point.y)}));
  return {{"title", text_of(series.title)}, {"arm", text_of(series.arm)},        {"name", text_of(series.name)},
          {"unit", text_of(series.unit)},   {"xLabel", text_of(series.x_label)}, {"points", std::move(points)}};
}

// Reading: remembers the first thing that was not as expected, so that the readers below stay straight lines.
struct Reader {
  std::string problem;

  void note(const std::string& what) {
    if (problem.empty()) problem = what;
  }
  const json* member(const json& from, const char* key) {
    if (!from.is_object()) {
      note("is not an object where `" + std::string(key) + "` is expected");
      return nullptr;
    }
    const auto found = from.find(key);
    return found == from.end() ? nullptr : &*found;
  }
  std::string text(const json& from, const char* key, bool required = false) {
    const json* value = member(from, key);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    if (value != nullptr || required) note("`" + std::string(key) + "` is not a string");
    return {};
  }
  double real(const json& from, const char* key, double absent) {
    const json* value = member(from, key);
    if (value == nullptr || value->is_null()) return absent;
    if (value->is_number()) return value->get<double>();
    note("`" + std::string(key) + "` is not a number");
    return absent;
  }
  std::uint64_t whole(const json& from, const char* key) {
    const json* value = member(from, key);
    if (value == nullptr) return 0;
    if (value->is_number_unsigned()) return value->get<std::uint64_t>();
    note("`" + std::string(key) + "` is not a whole number");
    return 0;
  }
  template <typename Read>
  auto list(const json& from, const char* key, Read read) {
    std::vector<decltype(read(from))> out;
    const json* value = member(from, key);
    if (value == nullptr) return out;
    if (!value->is_array() || value->size() > list_limit) {
      note("`" + std::string(key) + "` is not a list that can be read");
      return out;
    }
    for (const auto& item : *value) out.push_back(read(item));
    return out;
  }
  std::pair<double, double> pair(const json& from) {
    if (from.is_array() && from.size() == 2 && from[0].is_number() && from[1].is_number()) {
      return {from[0].get<double>(), from[1].get<double>()};
    }
    note("holds a point that is not two numbers");
    return {};
  }
  WallTime time(const json& from, const char* key) {
    const auto parsed = parse_rfc3339(text(from, key, true));
    if (!parsed) note("`" + std::string(key) + "` is not a time");
    return parsed ? *parsed : WallTime{};
  }
};

Finding read_finding(Reader& in, const json& from) {
  const auto severity = parse_severity(in.text(from, "severity", true));
  if (!severity) in.note("has an unknown severity");
  return {in.text(from, "rule", true), severity.value_or(Severity::critical), in.text(from, "file"),
          in.text(from, "message"), in.text(from, "hint")};
}

Metric read_metric(Reader& in, const json& from) {
  Metric metric{.name = in.text(from, "name", true),
                .value = in.real(from, "value", std::nan("")),
                .unit = in.text(from, "unit"),
                .interval = std::nullopt,
                .limit = std::nullopt,
                .better = in.text(from, "better") == "more" ? Better::more : Better::less,
                .samples = in.whole(from, "samples"),
                .note = in.text(from, "note")};
  if (const json* interval = in.member(from, "interval")) {
    metric.interval = Interval{in.real(*interval, "low", -Interval::unbounded),
                               in.real(*interval, "high", Interval::unbounded), in.real(*interval, "level", 0.95)};
  }
  if (in.member(from, "limit") != nullptr) metric.limit = in.real(from, "limit", std::nan(""));
  return metric;
}

Check read_check(Reader& in, const json& from) {
  const auto verdict = parse_verdict(in.text(from, "verdict", true));
  if (!verdict) in.note("has an unknown verdict");
  return {in.text(from, "name", true), verdict.value_or(Verdict::error), in.text(from, "reason"),
          in.list(from, "findings", [&](const json& item) { return read_finding(in, item); }),
          in.list(from, "metrics", [&](const json& item) { return read_metric(in, item); })};
}

Distribution read_distribution(Reader& in, const json& from) {
  return {in.text(from, "title"),
          in.text(from, "arm"),
          in.text(from, "unit"),
          in.real(from, "smallest", 0),
          in.real(from, "largest", 0),
          in.list(from, "buckets",
                  [&](const json& item) {
                    const auto [upper, count] = in.pair(item);
                    const bool countable = count >= 0 && count < 1e18;
                    if (!countable) in.note("holds a bucket without a count");
                    return Distribution::Bucket{upper, countable ? static_cast<std::uint64_t>(count) : 0};
                  }),
          in.list(from, "marks", [&](const json& item) {
            return Distribution::Mark{in.text(item, "label"), in.real(item, "value", 0)};
          })};
}

Series read_series(Reader& in, const json& from) {
  return {in.text(from, "title"),
          in.text(from, "arm"),
          in.text(from, "name"),
          in.text(from, "unit"),
          in.text(from, "xLabel"),
          in.list(from, "points", [&](const json& item) {
            const auto [x, y] = in.pair(item);
            return Series::Point{x, y};
          })};
}

}  // namespace

Ordered to_json(const Report& report) {
  Ordered out = {
      {"schemaVersion", schema_version},
      {"kind", text_of(report.kind)},
      {"model", text_of(report.model)},
      {"version", text_of(report.version)},
      {"digest", text_of(report.digest)},
      {"environment", text_of(report.environment)},
      {"baseline", {{"version", text_of(report.baseline_version)}, {"digest", text_of(report.baseline_digest)}}},
      {"verdict", to_string(overall(report))},
      {"started", rfc3339(report.started)},
      {"finished", rfc3339(report.finished)}};
  if (report.seed) out["seed"] = *report.seed;
  auto machine = Ordered::object();
  for (const auto& [name, value] : report.machine) machine[text_of(name)] = text_of(value);
  out["machine"] = std::move(machine);
  auto accept = Ordered::array();
  for (const auto& name : report.accept) accept.push_back(text_of(name));
  out["accept"] = std::move(accept);
  out["checks"] = write_all(report.checks);
  out["distributions"] = write_all(report.distributions);
  out["series"] = write_all(report.series);
  return out;
}

Result<Report> report_from_json(const json& document) {
  Reader in;
  const json* version = in.member(document, "schemaVersion");
  if (version == nullptr || *version != schema_version) {
    return Error{Error::Kind::corrupt,
                 "a report of another schema version: this mlctl reads " + std::to_string(schema_version), ""};
  }
  Report report;
  report.kind = in.text(document, "kind", true);
  report.model = in.text(document, "model", true);
  report.version = in.text(document, "version");
  report.digest = in.text(document, "digest");
  report.environment = in.text(document, "environment");
  if (const json* baseline = in.member(document, "baseline")) {
    report.baseline_version = in.text(*baseline, "version");
    report.baseline_digest = in.text(*baseline, "digest");
  }
  report.started = in.time(document, "started");
  report.finished = in.time(document, "finished");
  if (in.member(document, "seed") != nullptr) report.seed = in.whole(document, "seed");
  if (const json* machine = in.member(document, "machine"); machine != nullptr && machine->is_object()) {
    for (const auto& item : machine->items()) report.machine[item.key()] = in.text(*machine, item.key().c_str());
  }
  report.accept = in.list(document, "accept", [&](const json& item) {
    if (!item.is_string()) in.note("accepts something that is not a name");
    return item.is_string() ? item.get<std::string>() : std::string();
  });
  report.checks = in.list(document, "checks", [&](const json& item) { return read_check(in, item); });
  report.distributions =
      in.list(document, "distributions", [&](const json& item) { return read_distribution(in, item); });
  report.series = in.list(document, "series", [&](const json& item) { return read_series(in, item); });
  if (!in.problem.empty()) return Error{Error::Kind::corrupt, "a report that cannot be read: it " + in.problem, ""};
  return report;
}

}  // namespace mlctl::validate
