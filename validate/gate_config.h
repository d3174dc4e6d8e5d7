// The sections of the configuration that the gate owns: what a version must show (gate:) and how it is started on this
// machine (serving.local:). Tables for base/config.h, and what they decode to.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/document.h"
#include "base/result.h"

namespace mlctl::validate {

// The quantiles that a gate can be asked about, by name: p50, p90, p95, p99, p99.9.
struct Quantile {
  const char* name;
  double q;
};
[[nodiscard]] const std::vector<Quantile>& quantiles();
[[nodiscard]] const Quantile* find_quantile(std::string_view name);

enum class Arrivals { poisson, constant };

// Open loop: requests are sent at these times whatever the server does. Without a baseline the candidate gets all of
// `duration`; with one, blocks of about a second alternate and each arm gets half.
struct LoadConfig {
  double rate = 60;  // requests per second
  Duration duration = std::chrono::minutes(3);
  Arrivals arrivals = Arrivals::poisson;
  Duration warmup = std::chrono::seconds(5);  // sent before, judged by nobody
  int connections = 16;                       // to each server; requests beyond wait, and that counts as latency
};

struct LatencyLimit {
  Quantile quantile;
  Duration limit{};
};
struct LatencySlower {
  Quantile quantile;
  double share = 0;  // 0.10: at most 10 % slower than the baseline
};

struct ParityConfig {
  std::string cases;    // file of golden cases, relative to the model's folder
  double absolute = 0;  // |answer - golden| <= absolute + relative * |golden|
  double relative = 0;
};

enum class AccuracyMetric { auc, accuracy, logloss, brier, mae };
[[nodiscard]] const char* to_string(AccuracyMetric metric);
[[nodiscard]] bool more_is_better(AccuracyMetric metric);

struct AccuracyConfig {
  std::string data;   // CSV with a header, relative to the model's folder
  std::string label;  // its column
  AccuracyMetric metric = AccuracyMetric::accuracy;
  double margin = 0;                // absolute: how much worse than the baseline is still accepted
  std::vector<std::string> slices;  // columns whose values divide the rows; a slice that is certainly worse fails
};

// How much memory of this machine's GPUs a server may hold while load is on it.
struct GpuMemoryConfig {
  double limit = 0;            // bytes; 0: none
  std::optional<double> more;  // than the baseline: 0.10 for 10 %
};

// How a version is started here. {port} {grpc_port} {metrics_port} {model} expand in all texts.
struct LocalServer {
  std::vector<std::string> command;
  std::map<std::string, std::string> templates;  // files written beside the model's, by relative path
  std::map<std::string, std::string> env;
  std::string ready;  // path that answers 200 when the server takes requests
  std::string protocol = "oip-v2";
  Duration start = std::chrono::seconds(60);  // how long it may take to get ready
};

struct GateConfig {
  std::optional<LoadConfig> load;  // absent: nobody asked for load
  std::vector<LatencyLimit> limits;
  std::vector<LatencySlower> slower;
  double errors = 0.01;  // accepted share of failed requests
  std::optional<ParityConfig> parity;
  std::optional<AccuracyConfig> accuracy;
  std::optional<GpuMemoryConfig> gpu_memory;
  std::optional<bool> gpu_required;  // for the release: the gate itself starts servers, not GPU checks
  std::vector<std::string> accept;   // names of checks whose `skipped` is accepted
  LocalServer local;
};

[[nodiscard]] Field gate_table();   // the value of `gate:`
[[nodiscard]] Field local_table();  // the value of `serving.local:`

// From a merged model that was checked against the tables. Error{usage} for what only the whole can tell: no way to
// start the server, a path that leaves the model's folder, an unknown {word}.
[[nodiscard]] Result<GateConfig> decode_gate(const Node& merged_model);
// serving.local over the preset of serving.runtime.
[[nodiscard]] Result<LocalServer> decode_local(const Node& merged_model);

}  // namespace mlctl::validate
