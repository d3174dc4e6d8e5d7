// The whole gate on real processes: a server that misbehaves on purpose, and a real MLServer where it is installed.
#include "validate/gate.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "base/lock.h"
#include "base/process.h"
#include "tests/validate/fake_server.h"
#include "validate/random.h"
#include "validate/report.h"
#include "validate/schedule.h"

using namespace mlctl;
using namespace mlctl::validate;
using namespace std::chrono_literals;

namespace {

const char* const golden = R"({"schemaVersion":1,"protocol":"oip-v2","model":"m","cases":[{"name":"one",
  "inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[1,-1]}],
  "outputs":[{"name":"y","shape":[1,1],"datatype":"FP64","data":[0.5]}]},{"name":"two",
  "inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[1,1]}],
  "outputs":[{"name":"y","shape":[1,1],"datatype":"FP64","data":[0.880797]}]}]})";

std::string examples() {
  Random random(1);
  std::string text = "a,b,y\n";
  for (int i = 0; i < 400; ++i) {
    const double a = random.normal();
    const double b = random.normal();
    const bool positive = random.uniform() < 1 / (1 + std::exp(-2 * (a + b)));
    text += std::to_string(a) + "," + std::to_string(b) + (positive ? ",1\n" : ",0\n");
  }
  return text;
}

struct Bench {
  TemporaryFolder folder = std::move(*TemporaryFolder::create());
  std::unique_ptr<HttpClient> client = make_http_client();

  Bench() {
    REQUIRE(write_file(folder.path() / "files/golden.json", golden));
    REQUIRE(write_file(folder.path() / "files/h.csv", examples()));
  }

  // A short gate: few seconds of load, everything but a comparison of latencies.
  GateInput input(const std::string& candidate, const std::string& baseline) {
    GateInput input;
    input.model = "team/m";
    const auto files = folder.path() / "files";
    input.candidate = {.files = files, .version = "v2.0.0", .digest = "", .local = fake_server(candidate)};
    if (!baseline.empty())
      input.baseline = {.files = files, .version = "v1.0.0", .digest = "", .local = fake_server(baseline)};
    input.data = files;
    input.work = folder.path() / "work";
    input.seed = 7;
    auto& config = input.config;
    config.load = LoadConfig{.rate = 50, .duration = 2s, .arrivals = Arrivals::poisson, .warmup = 1s, .connections = 4};
    config.errors = 0.2;
    config.limits = {{*find_quantile("p50"), 2s}};
    config.parity = ParityConfig{.cases = "golden.json", .absolute = 1e-4, .relative = 0};
    config.accuracy =
        AccuracyConfig{.data = "h.csv", .label = "y", .metric = AccuracyMetric::auc, .margin = 0.02, .slices = {}};
    return input;
  }

  Result<Report> run(const GateInput& input, std::function<std::unique_ptr<GpuDriver>()> gpus = {}) {
    return run_gate(input, {.client = *client,
                            .multiplexer = make_http_multiplexer,
                            .clock = system_clock(),
                            .progress = no_progress(),
                            .gpus = std::move(gpus)});
  }
};

// A driver that knows the gate's servers by their records, and says that the candidate's holds 13 GiB, the other's 10.
class PlayedDriver final : public GpuDriver {
 public:
  explicit PlayedDriver(std::filesystem::path work) : work_(std::move(work)) {}
  std::vector<GpuReading> read() override {
    GpuReading gpu{.name = "H100", .busy = 0.5, .clock = 1980, .most_clock = 1980};
    for (const auto& [arm, gibibytes] : {std::pair("candidate", 13ULL), std::pair("baseline", 10ULL)})
      if (const auto record = read_file(work_ / "processes" / arm, 1000))
        gpu.processes[std::atoi(record->c_str() + record->find('\n'))] = gibibytes << 30U;  // below the title
    return {gpu};
  }

 private:
  std::filesystem::path work_;
};

std::map<std::string, Verdict> verdicts(const Report& report) {
  std::map<std::string, Verdict> all;
  for (const auto& check : report.checks) all[check.name] = check.verdict;
  return all;
}

// Without what a machine that runs other tests too may leave undecided: latency, where nothing may fail still.
Verdict overall_but_latency(Report report) {
  std::vector<Check> kept;
  for (auto& check : report.checks) {
    if (check.name.rfind("latency", 0) == 0)
      CHECK_MESSAGE(check.verdict != Verdict::fail, check.reason);
    else
      kept.push_back(std::move(check));
  }
  report.checks = std::move(kept);
  return overall(report);
}

std::string reason_of(const Report& report, const std::string& name) {
  for (const auto& check : report.checks) {
    if (check.name == name) return check.reason;
  }
  return "no such check";
}

// What each server was asked, line by line, both in one log.
std::vector<std::string> log_of(Bench& bench, GateInput input) {
  const auto path = bench.folder.path() / "log";
  REQUIRE(write_file(path, ""));
  for (auto* arm : {&input.candidate, input.baseline ? &*input.baseline : nullptr}) {
    if (arm == nullptr) continue;
    arm->local.command.push_back(path.string());
    arm->local.command.emplace_back(arm == &input.candidate ? "candidate" : "baseline");
  }
  const auto report = bench.run(input);
  REQUIRE_MESSAGE(report, report.error().message);
  const auto text = read_file(path, 1U << 20U);
  REQUIRE(text);
  std::vector<std::string> lines;
  std::istringstream in(*text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A seed that starts this arm's server first.
std::uint64_t seed_for(Arm first) {
  std::uint64_t seed = 0;
  while (first_to_start(seed) != first) ++seed;
  return seed;
}

}  // namespace

TEST_CASE("a good version passes against a good baseline, and leaves nothing behind") {
  if (!have_fake_server()) return;
  Bench bench;
  const auto report = bench.run(bench.input("good", "good"));
  REQUIRE_MESSAGE(report, report.error().message);
  CHECK_MESSAGE(overall_but_latency(*report) == Verdict::pass, to_text(*report, Style::plain()));
  CHECK(verdicts(*report).size() == 5);
  CHECK(report->seed == 7);
  CHECK(report->machine.count("cores") == 1);
  CHECK(report->distributions.size() == 2);
  CHECK(report->series.size() == 4);
  CHECK(report->baseline_version == "v1.0.0");
  CHECK_FALSE(std::filesystem::exists(bench.folder.path() / "work/candidate"));
  CHECK(std::filesystem::is_empty(bench.folder.path() / "work/processes"));
}

TEST_CASE("a first version: comparisons are skipped, the rest is judged") {
  if (!have_fake_server()) return;
  Bench bench;
  const auto report = bench.run(bench.input("good", ""));
  REQUIRE_MESSAGE(report, report.error().message);
  CHECK(verdicts(*report)["accuracy"] == Verdict::skipped);
  CHECK(reason_of(*report, "accuracy") == first_version);
  CHECK_MESSAGE(overall_but_latency(*report) == Verdict::pass, to_text(*report, Style::plain()));
}

TEST_CASE("servers that misbehave fail the check that meets them") {
  if (!have_fake_server()) return;
  struct Case {
    const char* mode;
    const char* check;
    const char* reason;
  };
  for (const auto& c : std::vector<Case>{
           {"silent-exit", "server", "no weights here"},
           {"dies-under-load", "errors", "out of memory, giving up"},
           {"nan", "parity", "2 of 2"},
           {"null", "accuracy", "NaN"},
           {"wrong-shape", "accuracy", "the shape wants"},
           {"truncated", "parity", "2 of 2"},
           {"error-in-200", "errors", "200 with an error inside"},
           {"status-500", "accuracy", "the model is broken"},
           {"cut-off", "errors", "ended too early"},
           {"biased", "accuracy", "0.5 against"},
       }) {
    CAPTURE(c.mode);
    Bench bench;
    auto input = bench.input(c.mode, std::string(c.mode) == "biased" ? "good" : "");
    input.config.load->warmup = 0s;
    input.config.load->duration = 1s;
    if (std::string(c.mode) == "dies-under-load") {
      input.config.accuracy.reset();  // its questions would end the server before the load does
      input.config.limits.clear();
    }
    const auto report = bench.run(input);
    REQUIRE_MESSAGE(report, report.error().message);
    CHECK(overall(*report) == Verdict::fail);
    CHECK(verdicts(*report)[c.check] == Verdict::fail);
    CHECK_MESSAGE(reason_of(*report, c.check).find(c.reason) != std::string::npos, reason_of(*report, c.check));
  }
}

TEST_CASE("a baseline that does not serve leaves the candidate unjudged, not passed, whoever was started first") {
  if (!have_fake_server()) return;
  for (const auto first : {Arm::candidate, Arm::baseline}) {
    CAPTURE(to_string(first));
    Bench bench;
    auto input = bench.input("good", "silent-exit");
    input.seed = seed_for(first);
    const auto report = bench.run(input);
    REQUIRE_MESSAGE(report, report.error().message);
    CHECK(overall(*report) == Verdict::error);
    CHECK(report->checks.front().name == "server");
    CHECK(report->checks.front().verdict == Verdict::pass);
    CHECK(verdicts(*report)["server.baseline"] == Verdict::error);
    CHECK(verdicts(*report)["accuracy"] == Verdict::skipped);
    CHECK(verdicts(*report)["parity"] == Verdict::pass);
  }
}

TEST_CASE("a candidate that does not serve fails, and its baseline is not judged, whoever was started first") {
  if (!have_fake_server()) return;
  for (const auto first : {Arm::candidate, Arm::baseline}) {
    for (const char* baseline : {"good", "silent-exit"}) {
      CAPTURE(to_string(first));
      CAPTURE(baseline);
      Bench bench;
      auto input = bench.input("silent-exit", baseline);
      input.seed = seed_for(first);
      const auto report = bench.run(input);
      REQUIRE_MESSAGE(report, report.error().message);
      CHECK(overall(*report) == Verdict::fail);
      CHECK(verdicts(*report)["server"] == Verdict::fail);
      CHECK(verdicts(*report).count("server.baseline") == 0);
      CHECK(reason_of(*report, "accuracy") == "the server did not get ready");
      CHECK(std::filesystem::is_empty(bench.folder.path() / "work/processes"));
    }
  }
}

TEST_CASE("the servers are started in the order of the lot") {
  if (!have_fake_server()) return;
  for (const auto first : {Arm::candidate, Arm::baseline}) {
    Bench bench;
    auto input = bench.input("good", "good");
    input.config.load.reset();
    input.config.limits.clear();
    input.config.accuracy.reset();
    input.seed = seed_for(first);
    CHECK(log_of(bench, input).front() == std::string(to_string(first)) + " start");
  }
}

TEST_CASE("before the load, both servers are asked the same") {
  if (!have_fake_server()) return;
  Bench bench;
  auto input = bench.input("good", "good");
  SUBCASE("when the baseline answers") {}
  SUBCASE("when it does not, and nobody minds") {
    input.baseline->local = fake_server("status-500");
    input.config.accuracy.reset();
  }
  input.config.load.reset();
  input.config.limits.clear();
  std::map<std::string, std::vector<std::string>> asked;
  for (const auto& line : log_of(bench, input)) {
    const auto space = line.find(' ');
    asked[line.substr(0, space)].push_back(line.substr(space + 1));
  }
  CHECK(asked["candidate"] == asked["baseline"]);
  CHECK(std::count(asked["baseline"].begin(), asked["baseline"].end(), "infer 1") == 2);  // the golden cases
}

TEST_CASE("a candidate that does not say what it takes fails, and what was found stays in the report") {
  if (!have_fake_server()) return;
  for (const char* mode : {"metadata-500", "two-inputs", "no-metadata"}) {
    CAPTURE(mode);
    Bench bench;
    auto input = bench.input(mode, "good");
    input.config.parity.reset();  // no golden case tells either
    const auto report = bench.run(input);
    REQUIRE_MESSAGE(report, report.error().message);
    CHECK(overall(*report) == Verdict::fail);
    CHECK(verdicts(*report)["accuracy"] == Verdict::fail);
    CHECK(verdicts(*report)["errors"] == Verdict::skipped);
    CHECK(verdicts(*report)["latency.limit.p50"] == Verdict::skipped);
    CHECK_MESSAGE(reason_of(*report, "errors").find("nothing can be sent: which input") == 0,
                  reason_of(*report, "errors"));
  }
}

TEST_CASE("what is no version's fault is an error, and nothing was started") {
  Bench bench;
  auto input = bench.input("good", "");
  SUBCASE("golden cases that are not there") {
    input.config.parity->cases = "nowhere.json";
    CHECK_FALSE(bench.run(input));
  }
  SUBCASE("a load that cannot decide") {
    input.config.limits = {{*find_quantile("p99.9"), 1s}};
    const auto report = bench.run(input);
    REQUIRE_FALSE(report);
    CHECK(report.error().kind == Error::Kind::usage);
  }
  SUBCASE("another gate at work in the same folder") {
    REQUIRE(make_folders(input.work));
    const auto lock = FileLock::acquire(input.work / ".lock", LockKind::exclusive);
    REQUIRE(lock);
    const auto report = bench.run(input);
    REQUIRE_FALSE(report);
    CHECK(report.error().kind == Error::Kind::conflict);
  }
  SUBCASE("a hold-out set that the model's input does not take") {
    if (!have_fake_server()) return;
    auto golden_of_integers = std::string(golden);
    for (auto at = golden_of_integers.find("FP64"); at != std::string::npos; at = golden_of_integers.find("FP64"))
      golden_of_integers.replace(at, 4, "INT8");
    golden_of_integers.replace(golden_of_integers.find("0.5"), 3, "1");
    golden_of_integers.replace(golden_of_integers.find("0.880797"), 8, "1");
    REQUIRE(write_file(bench.folder.path() / "files/golden.json", golden_of_integers));
    input.candidate.local = fake_server("no-metadata");  // the golden case tells
    const auto report = bench.run(input);
    REQUIRE_FALSE(report);
    CHECK(report.error().kind == Error::Kind::usage);
    CHECK_MESSAGE(report.error().message.find("h.csv:2: field 1 (a): ") == 0, report.error().message);
  }
  SUBCASE("a hold-out set without its label") {
    if (!have_fake_server()) return;
    input.config.accuracy->label = "z";
    const auto report = bench.run(input);
    REQUIRE_FALSE(report);
    CHECK(report.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("load without golden cases sends rows of the hold-out set") {
  if (!have_fake_server()) return;
  Bench bench;
  auto input = bench.input("good", "good");
  input.config.parity.reset();
  const auto report = bench.run(input);
  REQUIRE_MESSAGE(report, report.error().message);
  CHECK_MESSAGE(verdicts(*report)["errors"] == Verdict::pass, reason_of(*report, "errors"));
}

TEST_CASE(
    "a version that needs 30 % more memory on the GPU than the baseline is caught, and the report says how busy it "
    "was") {
  if (!have_fake_server()) return;
  Bench bench;
  auto input = bench.input("good", "good");
  input.config.gpu_memory = GpuMemoryConfig{.limit = 0, .more = 0.2};
  auto report = bench.run(input, [&] { return std::make_unique<PlayedDriver>(input.work); });
  REQUIRE_MESSAGE(report, report.error().message);
  CHECK(verdicts(*report)["gpu.memory"] == Verdict::fail);
  CHECK(reason_of(*report, "gpu.memory") ==
        "it holds 13.0 GiB, the baseline 10.0 GiB (30 % more): more than 20 % above it");
  CHECK(report->machine.at("gpu 0") == "H100, 50 % busy, 1,980 of 1,980 MHz");
  CHECK(report->series.back().title == "GPU memory of each version");
  CHECK(report->series.back().points.size() > 5);

  report = bench.run(input);
  REQUIRE_MESSAGE(report, report.error().message);
  CHECK(verdicts(*report)["gpu.memory"] == Verdict::skipped);
  CHECK(reason_of(*report, "gpu.memory") == "no driver here tells of a GPU");
}
