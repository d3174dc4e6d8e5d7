#include "validate/gate.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "base/filesystem.h"
#include "base/interrupt.h"
#include "base/lock.h"
#include "base/network.h"
#include "base/process.h"
#include "validate/accuracy.h"
#include "validate/gate_inputs.h"
#include "validate/golden.h"
#include "validate/gpu_watch.h"
#include "validate/judge.h"
#include "validate/load.h"
#include "validate/machine.h"
#include "validate/parity.h"
#include "validate/protocol.h"
#include "validate/schedule.h"
#include "validate/server.h"

namespace mlctl::validate {
namespace {

namespace fs = std::filesystem;

std::string last_part(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

Check check_of(std::string name, Verdict verdict, std::string reason) {
  return {.name = std::move(name), .verdict = verdict, .reason = std::move(reason), .findings = {}, .metrics = {}};
}

// For the line of progress.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
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

  // The arms are treated alike: whose server is started first is drawn by lot.
  Status start_servers() {
    step("server");
    std::vector<Arm> order = {Arm::candidate};
    if (input_.baseline) {
      order.insert(first_to_start(input_.seed) == Arm::baseline ? order.begin() : order.end(), Arm::baseline);
    }
    std::array<std::string, 2> trouble;
    for (const Arm arm : order) {
      if (arm == Arm::baseline && !trouble[0].empty()) break;  // nobody is compared with it
      if (auto status = start(arm, trouble[static_cast<std::size_t>(arm)]); !status) return status.error();
    }
    add(candidate_ ? check_of("server", Verdict::pass, "ready") : check_of("server", Verdict::fail, trouble[0]));
    if (!candidate_)
      baseline_.reset();
    else if (no_baseline())
      add(check_of("server.baseline", Verdict::error, trouble[1]));
    return ok();
  }

  // ok() with the `trouble` when the server itself is to blame.
  Status start(Arm arm, std::string& trouble) {
    const bool candidate = arm == Arm::candidate;
    const auto& version = candidate ? input_.candidate : *input_.baseline;
    const std::string name = to_string(arm);
    const ServerSpec spec{.files = version.files,
                          .folder = input_.work / name,
                          .record = input_.work / "processes" / name,
                          .model = model_,
                          .local = version.local};
    auto server =
        ModelServer::start(spec, {.client = seams_.client, .clock = seams_.clock, .ports = free_loopback_ports});
    if (server) {
      (candidate ? candidate_ : baseline_) = std::make_unique<ModelServer>(std::move(*server));
      return ok();
    }
    if (server.error().kind != Error::Kind::denied) return server.error();
    trouble = "the " + name + " did not get ready: " + server.error().message;
    return ok();
  }

  Status run_parity() {
    if (!plan_.config.parity) return ok();
    step("parity");
    if (!candidate_) return skip({"parity"}, not_ready());
    auto check = check_parity(*plan_.config.parity, cases_, ask_alike());
    if (!check) return check.error();
    add(std::move(*check));
    return ok();
  }

  Status run_accuracy() {
    if (!plan_.config.accuracy) return ok();
    const auto& config = *plan_.config.accuracy;
    step("accuracy");
    if (!candidate_ || no_baseline()) return skip({"accuracy"}, not_ready());
    const auto& spec = input_spec();
    if (!spec) {
      if (spec.error().kind == Error::Kind::interrupted) return spec.error();
      add(check_of("accuracy", Verdict::fail, spec.error().message));
      return ok();
    }
    auto holdout = open_holdout(*spec);
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
    if (plan_.config.gpu_memory) names.push_back("gpu.memory");
    if (!candidate_ || no_baseline()) return skip(names, not_ready());
    // The candidate's own fault, for which it has failed "accuracy": what was found until now must stay in the report.
    if (cases_.empty() && !input_spec()) return skip(names, "nothing can be sent: " + input_spec().error().message);
    auto inputs = load_inputs();
    if (!inputs) return inputs.error();

    const bool compare = baseline_ != nullptr;
    const auto schedule = make_schedule(*plan_.config.load, compare, input_.seed);
    std::array<LoadTarget, 2> targets = {target(input_.candidate, *candidate_, *inputs), LoadTarget{}};
    if (compare) targets[1] = target(*input_.baseline, *baseline_, *inputs);
    const auto multiplexer = seams_.multiplexer(static_cast<std::size_t>(plan_.config.load->connections));
    const auto gpus = seams_.gpus ? seams_.gpus() : nullptr;
    std::optional<GpuWatch> watch;
    if (gpus) watch.emplace(*gpus, std::array{candidate_->session(), compare ? baseline_->session() : 0});
    auto result = run_load(
        schedule, targets, protocol_of(input_.candidate),
        {.multiplexer = *multiplexer, .clock = seams_.clock, .cpu = process_cpu_time, .progress = seams_.progress});
    const auto seen = watch ? watch->end() : std::vector<GpuSample>();
    if (!result) return result.error();
    auto judgement = judge_load(plan_.config, schedule, *result, compare, input_.seed);
    for (auto& check : judgement.checks) add(std::move(check));
    report_.distributions = std::move(judgement.distributions);
    report_.series = std::move(judgement.series);
    if (watch) return judge_gpus(seen, compare);
    if (plan_.config.gpu_memory) return skip({"gpu.memory"}, "no driver here tells of a GPU");
    return ok();
  }

  Status judge_gpus(const std::vector<GpuSample>& samples, bool compare) {
    report_.machine.merge(gpu_conditions(samples));
    for (auto& series : gpu_series(samples, compare)) report_.series.push_back(std::move(series));
    if (plan_.config.gpu_memory) add(judge_gpu_memory(*plan_.config.gpu_memory, samples, compare));
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

  // The candidate's answers. The baseline is asked the same and nobody looks at its answers: when the load comes,
  // neither server has seen a request that the other has not.
  Ask ask_alike() {
    auto candidate = ask(input_.candidate, *candidate_);
    if (!baseline_) return candidate;
    return [candidate, baseline = ask(*input_.baseline, *baseline_)](const std::vector<Tensor>& inputs) {
      auto answer = candidate(inputs);
      const auto ignored = baseline(inputs);
      return !ignored && ignored.error().kind == Error::Kind::interrupted ? ignored : answer;
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

  // The model's only input: as the candidate's server tells it, else as the first golden case has it. Asked once, so
  // that all stages go by the same.
  const Result<TensorSpec>& input_spec() {
    if (!spec_) spec_ = find_spec();
    return *spec_;
  }

  Result<TensorSpec> find_spec() {
    const auto& protocol = protocol_of(input_.candidate);
    auto response = seams_.client.send(protocol.metadata_request(candidate_->url(), model_));
    if (baseline_) {  // asked alike; what counts is the candidate's
      std::ignore = seams_.client.send(protocol_of(*input_.baseline).metadata_request(baseline_->url(), model_));
    }
    if (interrupted()) return interrupted_error();
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

  [[nodiscard]] Result<Holdout> open_holdout(const TensorSpec& spec) const {
    return open_gate_holdout(*plan_.config.accuracy, input_.data, spec);
  }

  // What is asked under load: the golden cases, else the first rows of the hold-out set, one a request.
  Result<std::vector<std::vector<Tensor>>> load_inputs() {
    if (!cases_.empty()) return golden_inputs(cases_);
    const auto& spec = input_spec();
    if (!spec) return spec.error();
    auto holdout = open_holdout(*spec);
    if (!holdout) return holdout.error();
    auto inputs = holdout_inputs(*holdout, *spec);
    if (inputs && inputs->empty())
      return Error{.kind = Error::Kind::usage, .message = plan_.config.accuracy->data + ": no rows", .hint = ""};
    return inputs;
  }

  [[nodiscard]] std::string not_ready() const {
    return candidate_ ? "the baseline did not get ready" : "the server did not get ready";
  }

  Status skip(const std::vector<std::string>& names, const std::string& reason) {
    for (const auto& name : names) add(check_of(name, Verdict::skipped, reason));
    return ok();
  }

  void step(const std::string& name) {
    step_ = name;
    seams_.progress.step(name);
  }

  void add(Check check) {
    seams_.progress.finish(symbol_of(check.verdict),
                           (check.name == step_ ? "" : check.name + ": ") + one_line(check.reason));
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
  std::optional<Result<TensorSpec>> spec_;
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
