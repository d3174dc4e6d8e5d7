// The whole gate on real processes: a server that misbehaves on purpose, and a real MLServer where it is installed.
#include "validate/gate.h"

#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>
#include <map>
#include <string>

#include "base/filesystem.h"
#include "base/lock.h"
#include "base/process.h"
#include "tests/validate/fake_server.h"
#include "validate/random.h"
#include "validate/report.h"

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

  Result<Report> run(const GateInput& input) {
    return run_gate(
        input,
        {.client = *client, .multiplexer = make_http_multiplexer, .clock = system_clock(), .progress = no_progress()});
  }
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

TEST_CASE("a baseline that does not serve leaves the candidate unjudged, not passed") {
  if (!have_fake_server()) return;
  Bench bench;
  const auto report = bench.run(bench.input("good", "silent-exit"));
  REQUIRE_MESSAGE(report, report.error().message);
  CHECK(overall(*report) == Verdict::error);
  CHECK(verdicts(*report)["server.baseline"] == Verdict::error);
  CHECK(verdicts(*report)["accuracy"] == Verdict::skipped);
  CHECK(verdicts(*report)["parity"] == Verdict::pass);
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
