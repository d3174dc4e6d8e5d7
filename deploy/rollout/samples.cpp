#include "deploy/rollout/samples.h"

#include <algorithm>
#include <cmath>

#include "base/terminal.h"
#include "deploy/rollout/series.h"

namespace mlctl::deploy {
namespace {

constexpr std::size_t label_limit = 64;  // of one series

bool is_counted(const Series& series, const MetricNames& names) {
  if (names.path_label.empty()) return true;
  const auto path = series.labels.find(names.path_label);
  return path != series.labels.end() && path->second.find(names.path_part) != std::string::npos;
}

// False: the value is none that a counter has.
bool add(const Series& series, const MetricNames& names, PodSample& sample) {
  if (!is_count(series.value)) return false;
  if (series.name == names.requests) {
    const auto code = label(series, names.code_label);
    sample.requests += series.value;
    if (code.size() == 3 && code.front() == '5') sample.errors += series.value;
    return true;
  }
  const auto edge = number_of(label(series, "le"));
  if (!edge || std::isnan(*edge)) return false;
  sample.buckets[*edge] += series.value;
  return true;
}

// Reads one line of the text format from the front; every take_… is false where the line is not such a thing.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  [[nodiscard]] std::string_view take_name() {
    const auto end = std::find_if(rest_.begin(), rest_.end(), [](char c) { return c == '{' || c == ' ' || c == '\t'; });
    const auto name = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(name.size());
    return name;
  }

  [[nodiscard]] bool take_labels(std::map<std::string, std::string>& into) {
    skip_blanks();
    if (!rest_.starts_with('{')) return true;
    rest_.remove_prefix(1);
    for (;;) {
      skip_blanks();
      if (rest_.starts_with('}')) break;
      if (into.size() >= label_limit || !take_label(into)) return false;
      skip_blanks();
      if (rest_.starts_with(','))
        rest_.remove_prefix(1);
      else if (!rest_.starts_with('}'))
        return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  // A time stamp or an exemplar may follow.
  [[nodiscard]] std::optional<double> take_value() {
    skip_blanks();
    return number_of(rest_.substr(0, rest_.find_first_of(" \t")));
  }

 private:
  void skip_blanks() {
    while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
  }

  bool take_label(std::map<std::string, std::string>& into) {
    const auto equals = rest_.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string name(rest_.substr(0, equals));
    rest_.remove_prefix(equals + 1);
    if (!rest_.starts_with('"')) return false;
    std::string value;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        into[name] = std::move(value);
        return true;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) {
        ++i;
        value += rest_[i] == 'n' ? '\n' : rest_[i];
      } else {
        value += rest_[i];
      }
    }
    return false;
  }

  std::string_view rest_;
};

Error bad_line(std::size_t line, const std::string& why) {
  return {Error::Kind::corrupt, "line " + std::to_string(line) + " of what it counts: " + why, ""};
}

// "": not one of the series that were asked for.
std::string pod_of(const Series& series, const MetricNames& names) {
  const bool wanted = series.name == names.requests || series.name == names.latency + "_bucket";
  return wanted && is_counted(series, names) ? label(series, "pod") : "";
}

// A Prometheus that scrapes a pod by two jobs has each of its series twice: only one of them counts, the one that saw
// more (both only rise).
using ByJob = std::map<std::string, PodSample>;
std::map<std::string, PodSample> one_job_each(std::map<std::string, ByJob> pods) {
  std::map<std::string, PodSample> out;
  for (auto& [pod, jobs] : pods) {
    auto most = jobs.begin();
    for (auto job = jobs.begin(); job != jobs.end(); ++job)
      if (job->second.requests > most->second.requests) most = job;
    out[pod] = std::move(most->second);
  }
  return out;
}

Error no_counter(const std::string& pod) {
  return {Error::Kind::corrupt, "what Prometheus has of pod " + escape_control(pod) + " is no counter", ""};
}

}  // namespace

Result<std::optional<PodSample>> parse_exposition(std::string_view text, const MetricNames& names) {
  if (text.size() > prometheus_limit) return bad_line(0, "larger than " + human_bytes(prometheus_limit));
  const std::string bucket = names.latency + "_bucket";
  PodSample sample;
  std::size_t found = 0, number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    Line reader(line);
    const auto name = reader.take_name();
    if (name != names.requests && name != bucket) continue;
    Series series{.name = std::string(name)};
    if (!reader.take_labels(series.labels)) return bad_line(number, "labels that are not closed, or too many");
    const auto value = reader.take_value();
    if (!value) return bad_line(number, "no number");
    series.value = *value;
    if (!is_counted(series, names)) continue;
    if (++found > series_limit) return bad_line(number, "too many series");
    if (!add(series, names, sample)) return bad_line(number, "no counter has such a value");
  }
  return found == 0 ? std::optional<PodSample>() : std::optional(std::move(sample));
}

std::string instant_query(const MetricNames& names, const std::string& name_space,
                          const std::vector<std::string>& pod_prefixes) {
  std::string pods;
  for (const auto& prefix : pod_prefixes) pods += (pods.empty() ? "" : "|") + promql_regex(prefix) + "-.*";
  return "{__name__=~\"" + promql_regex(names.requests) + "|" + promql_regex(names.latency) + "_bucket\",namespace=\"" +
         promql_text(name_space) + "\",pod=~\"" + pods + "\"}";
}

Result<std::map<std::string, PodSample>> parse_query(std::string_view body, const MetricNames& names) {
  const auto all = parse_vector(body);
  if (!all) return all.error();
  std::map<std::string, ByJob> out;
  for (const auto& series : *all) {
    const auto pod = pod_of(series, names);
    if (!pod.empty() && !add(series, names, out[pod][label(series, "job")])) return no_counter(pod);
  }
  return one_job_each(std::move(out));
}

Result<std::vector<std::map<std::string, PodSample>>> parse_range(std::string_view body, const MetricNames& names,
                                                                  double start, double step, std::size_t points) {
  const auto series = parse_matrix(body, start, step, points);
  if (!series) return series.error();
  std::vector<std::map<std::string, ByJob>> all(points);
  for (const auto& one : *series) {
    const auto pod = pod_of(one.series, names);
    if (pod.empty()) continue;
    for (const auto& [place, value] : one.values) {
      Series point = one.series;
      point.value = value;
      if (!add(point, names, all[place][pod][label(point, "job")])) return no_counter(pod);
    }
  }
  std::vector<std::map<std::string, PodSample>> out;
  for (auto& point : all) out.push_back(one_job_each(std::move(point)));
  return out;
}

}  // namespace mlctl::deploy
