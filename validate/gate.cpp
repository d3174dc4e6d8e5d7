#include "validate/gate.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/filesystem.h"
#include "base/lock.h"
#include "base/network.h"
#include "base/process.h"
#include "validate/accuracy.h"
#include "validate/golden.h"
#include "validate/judge.h"
#include "validate/load.h"
#include "validate/machine.h"
#include "validate/parity.h"
#include "validate/protocol.h"
#include "validate/server.h"

namespace mlctl::validate {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_rendered = 256;  // different requests under load

std::string last_part(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

Check check_of(std::string name, Verdict verdict, std::string reason) {
  return {.name = std::move(name), .verdict = verdict, .reason = std::move(reason), .findings = {}, .metrics = {}};
}

// One gate at work. Each stage adds its checks to the report and says ok() even when the version fails; an Error is
// no version's fault.
class GateRun {
 public:
  GateRun(const GateInput& input, GatePlan plan, const GateSeams& seams)
      : input_(input), plan_(std::move(plan)), seams_(seams), model_(last_part(input.model)) {}

  Result<Report> run() {
    start_report();
    using Stage = Status (GateRun::*)();
    for (const Stage stage : {&GateRun::read_data, &GateRun::start_servers, &GateRun::run_parity,
                              &GateRun::run_accuracy, &GateRun::load_servers}) {
      if (auto status = (this->*stage)(); !status) return status.error();
    }
    report_.finished = seams_.clock.wall();
    return std::move(report_);
  }

 private:
  void start_report() {
    report_.kind = "gate";
    report_.model = input_.model;
    report_.environment = input_.environment;
    report_.version = input_.candidate.version;
    report_.digest = input_.candidate.digest;
    if (input_.baseline) {
      report_.baseline_version = input_.baseline->version;
      report_.baseline_digest = input_.baseline->digest;
    }
    report_.seed = input_.seed;
    report_.accept = plan_.config.accept;
    report_.machine = this_machine();
    report_.started = seams_.clock.wall();
  }

  Status read_data() {
    if (!plan_.config.parity) return ok();
    auto cases = read_golden(input_.data / plan_.config.parity->cases);
    if (!cases) return cases.error();
    cases_ = std::move(*cases);
    return ok();
  }

  Status start_servers() {
    step("server");
    auto candidate = start(input_.candidate, "candidate");
    if (candidate) {
      candidate_ = std::make_unique<ModelServer>(std::move(*candidate));
      add(check_of("server", Verdict::pass, "ready"));
    } else {
      if (candidate.error().kind != Error::Kind::denied) return candidate.error();
      add(check_of("server", Verdict::fail, "the candidate did not get ready: " + candidate.error().message));
    }
    if (!input_.baseline || !candidate_) return ok();
    auto baseline = start(*input_.baseline, "baseline");
    if (baseline) {
      baseline_ = std::make_unique<ModelServer>(std::move(*baseline));
    } else {
      if (baseline.error().kind != Error::Kind::denied) return baseline.error();
      add(check_of("server.baseline", Verdict::error, "the baseline did not get ready: " + baseline.error().message));
    }
    return ok();
  }

  Result<ModelServer> start(const GateArm& arm, const std::string& name) {
    const ServerSpec spec{.files = arm.files,
                          .folder = input_.work / name,
                          .record = input_.work / "processes" / name,
                          .model = model_,
                          .local = arm.local};
    return ModelServer::start(spec, {.client = seams_.client, .clock = seams_.clock, .ports = free_loopback_ports});
  }

  Status run_parity() {
    if (!plan_.config.parity) return ok();
    step("parity");
    if (!candidate_) return skip({"parity"});
    auto check = check_parity(*plan_.config.parity, cases_, ask(input_.candidate, *candidate_));
    if (!check) return check.error();
    add(std::move(*check));
    return ok();
  }

  Status run_accuracy() {
    if (!plan_.config.accuracy) return ok();
    const auto& config = *plan_.config.accuracy;
    step("accuracy");
    if (!candidate_ || no_baseline()) return skip({"accuracy"});
    auto spec = input_spec();
    if (!spec) {
      add(check_of("accuracy", Verdict::fail, spec.error().message));
      return ok();
    }
    auto holdout = Holdout::open(input_.data / config.data, config.label, config.slices, features_of(*spec));
    if (!holdout) return holdout.error();
    AccuracyInput input{.input = *spec, .candidate = ask(input_.candidate, *candidate_), .baseline = {}};
    if (baseline_) input.baseline = ask(*input_.baseline, *baseline_);
    auto checks = check_accuracy(config, *holdout, input, seams_.progress);
    if (!checks) return checks.error();
    for (auto& check : *checks) add(std::move(check));
    return ok();
  }

  Status load_servers() {
    if (!plan_.config.load) return ok();
    step("load");
    std::vector<std::string> names = {"errors"};
    for (const auto& limit : plan_.config.limits) names.push_back(std::string("latency.limit.") + limit.quantile.name);
    for (const auto& slower : plan_.config.slower)
      names.push_back(std::string("latency.slower.") + slower.quantile.name);
    if (!candidate_ || no_baseline()) return skip(names);
    auto inputs = load_inputs();
    if (!inputs) return inputs.error();

    const bool compare = baseline_ != nullptr;
    const auto schedule = make_schedule(*plan_.config.load, compare, input_.seed);
    std::array<LoadTarget, 2> targets = {target(input_.candidate, *candidate_, *inputs), LoadTarget{}};
    if (compare) targets[1] = target(*input_.baseline, *baseline_, *inputs);
    const auto multiplexer = seams_.multiplexer(static_cast<std::size_t>(plan_.config.load->connections));
    auto result = run_load(
        schedule, targets, protocol_of(input_.candidate),
        {.multiplexer = *multiplexer, .clock = seams_.clock, .cpu = process_cpu_time, .progress = seams_.progress});
    if (!result) return result.error();
    auto judgement = judge_load(plan_.config, schedule, *result, compare, input_.seed);
    for (auto& check : judgement.checks) add(std::move(check));
    report_.distributions = std::move(judgement.distributions);
    report_.series = std::move(judgement.series);
    return ok();
  }

  [[nodiscard]] static const Protocol& protocol_of(const GateArm& arm) { return *find_protocol(arm.local.protocol); }
  [[nodiscard]] bool no_baseline() const { return input_.baseline && !baseline_; }

  Ask ask(const GateArm& arm, ModelServer& server) {
    return [this, &arm, &server](const std::vector<Tensor>& inputs) -> Result<std::vector<Tensor>> {
      auto response = seams_.client.send(protocol_of(arm).infer_request(server.url(), model_, inputs));
      if (response) return protocol_of(arm).parse_answer(*response);
      if (auto status = server.alive(); !status) return status.error();
      return response.error();
    };
  }

  LoadTarget target(const GateArm& arm, ModelServer& server, const std::vector<std::vector<Tensor>>& inputs) {
    LoadTarget target;
    for (const auto& tensors : inputs) {
      auto request = protocol_of(arm).infer_request(server.url(), model_, tensors);
      target.requests.push_back(std::make_shared<const HttpRequest>(std::move(request)));
    }
    target.alive = [&server] { return server.alive(); };
    return target;
  }

  // The model's only input: as the server tells it, else as the first golden case has it.
  Result<TensorSpec> input_spec() {
    const auto& protocol = protocol_of(input_.candidate);
    auto response = seams_.client.send(protocol.metadata_request(candidate_->url(), model_));
    if (response) {
      auto inputs = protocol.parse_metadata(*response);
      if (inputs && inputs->size() == 1) return inputs->front();
    }
    if (!cases_.empty() && cases_.front().inputs.size() == 1) {
      const auto& tensor = cases_.front().inputs.front();
      return TensorSpec{.name = tensor.name, .datatype = tensor.datatype, .shape = tensor.shape};
    }
    return Error{.kind = Error::Kind::denied,
                 .message =
                     "which input takes the rows of the hold-out set? The server's metadata name not exactly one, "
                     "and no golden case does",
                 .hint = ""};
  }

  [[nodiscard]] static std::size_t features_of(const TensorSpec& spec) {
    return spec.shape.size() == 2 && spec.shape[1] > 0 ? static_cast<std::size_t>(spec.shape[1]) : 0;
  }

  // What is asked under load: the golden cases, else the first rows of the hold-out set, one a request.
  Result<std::vector<std::vector<Tensor>>> load_inputs() {
    std::vector<std::vector<Tensor>> inputs;
    for (const auto& golden : cases_) {
      if (inputs.size() < most_rendered) inputs.push_back(golden.inputs);
    }
    if (!inputs.empty()) return inputs;
    auto spec = input_spec();
    if (!spec) return Error{.kind = Error::Kind::usage, .message = spec.error().message, .hint = ""};
    const auto& config = *plan_.config.accuracy;
    auto holdout = Holdout::open(input_.data / config.data, config.label, config.slices, features_of(*spec));
    if (!holdout) return holdout.error();
    while (inputs.size() < most_rendered) {
      auto row = holdout->next();
      if (!row) return row.error();
      if (!*row) break;
      const auto width = static_cast<std::int64_t>((*row)->features.size());
      inputs.push_back({Tensor{.name = spec->name,
                               .datatype = spec->datatype,
                               .shape = {1, width},
                               .numbers = (*row)->features,
                               .texts = {}}});
    }
    if (inputs.empty()) return Error{.kind = Error::Kind::usage, .message = config.data + ": no rows", .hint = ""};
    return inputs;
  }

  Status skip(const std::vector<std::string>& names) {
    for (const auto& name : names) {
      add(check_of(name, Verdict::skipped,
                   candidate_ ? "the baseline did not get ready" : "the server did not get ready"));
    }
    return ok();
  }

  void step(const std::string& name) {
    step_ = name;
    seams_.progress.step(name);
  }

  void add(Check check) {
    seams_.progress.finish(symbol_of(check.verdict), (check.name == step_ ? "" : check.name + ": ") + check.reason);
    report_.checks.push_back(std::move(check));
  }

  const GateInput& input_;
  GatePlan plan_;
  const GateSeams& seams_;
  std::string model_;
  std::string step_;
  Report report_;
  std::vector<GoldenCase> cases_;
  std::unique_ptr<ModelServer> candidate_, baseline_;
};

Status prepare(const fs::path& work) {
  if (auto status = make_folders(work / "processes"); !status) return status.error();
  if (auto ended = end_leftovers(work / "processes"); !ended) return ended.error();
  for (const auto* folder : {"candidate", "baseline"}) {
    if (auto status = remove_tree(work / folder); !status) return status.error();
  }
  return ok();
}

}  // namespace

Result<Report> run_gate(const GateInput& input, const GateSeams& seams) {
  auto plan = plan_gate(input.config, input.baseline.has_value());
  if (!plan) return plan.error();
  if (auto status = make_folders(input.work); !status) return status.error();
  auto lock = FileLock::acquire(input.work / ".lock", LockKind::exclusive, std::chrono::milliseconds(0));
  if (!lock) {
    if (lock.error().kind != Error::Kind::timeout) return lock.error();
    return Error{.kind = Error::Kind::conflict,
                 .message = "another gate of this model runs in " + input.work.string(),
                 .hint = "wait for it to end"};
  }
  if (auto status = prepare(input.work); !status) return status.error();
  auto report = GateRun(input, std::move(*plan), seams).run();
  for (const auto* folder : {"candidate", "baseline"}) {
    if (auto status = remove_tree(input.work / folder); !status && report) return status.error();
  }
  return report;
}

}  // namespace mlctl::validate
