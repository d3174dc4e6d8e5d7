// The gate: does this version serve, answer what it should, and is it neither less accurate nor slower than the one it
// would replace? plan_gate decides what will be done and refuses what cannot be decided; run_gate starts both versions
// on loopback, asks, and judges. Verdicts are three-valued: data that do not decide are `inconclusive`, never a pass.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/http.h"
#include "base/result.h"
#include "base/terminal.h"
#include "validate/gate_config.h"
#include "validate/gpu_driver.h"
#include "validate/report.h"

namespace mlctl::validate {

struct GatePlan {
  GateConfig config;
  bool compare = false;                // there is a baseline
  std::uint64_t requests_per_arm = 0;  // expected, under load
  Duration longest{};                  // the load's part of the time: warm-up and measuring
};
// Pure. Error{usage} for a quantile, or a share of errors, that the load cannot decide even on the quietest machine or
// where nothing fails, with the duration it would need; for load, accuracy or slices that have nothing to be asked
// with.
[[nodiscard]] Result<GatePlan> plan_gate(const GateConfig& config, bool has_baseline);

// One version to be served. Its files are copied before anything is started: they are only read.
struct GateArm {
  std::filesystem::path files;
  std::string version, digest;
  LocalServer local;  // by the model.yaml of the version's own tag
};

struct GateInput {
  std::string model;        // "fraud/credit-risk"; {model} expands to its last part
  std::string environment;  // for the report; may be empty
  GateArm candidate;
  std::optional<GateArm> baseline;
  std::filesystem::path data;  // folder of the gate's data (golden cases, hold-out set): the candidate's commit
  std::filesystem::path work;  // folder for this gate alone: created, locked, what a killed run left there is ended
  GateConfig config;
  std::uint64_t seed = 0;  // of arrivals, order and resampling; stands in the report
};

struct GateSeams {
  HttpClient& client;
  std::function<std::unique_ptr<HttpMultiplexer>(std::size_t connections)> multiplexer;
  Clock& clock;
  Progress& progress;
  std::function<std::unique_ptr<GpuDriver>()> gpus = {};  // of this machine: nullptr where there are none
};

// A Report of kind "gate"; what the versions do wrong stands in its checks. Error is for what is no version's fault:
// Error{usage} (see plan_gate, unreadable gate data), Error{unavailable} (the server's program does not exist, disk
// full), Error{conflict} (another gate works in `work`), Error{interrupted}. No server outlives the call.
[[nodiscard]] Result<Report> run_gate(const GateInput& input, const GateSeams& seams);

}  // namespace mlctl::validate
