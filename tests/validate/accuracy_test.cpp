#include "validate/accuracy.h"

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "validate/random.h"

using namespace mlctl;
using namespace mlctl::validate;

namespace {

// A model that answers each row by rule.
Ask model(double (*rule)(double feature)) {
  return [rule](const std::vector<Tensor>& inputs) -> Result<std::vector<Tensor>> {
    const auto rows = inputs.front().shape[0];
    Tensor output{.name = "p", .datatype = "FP32", .shape = {rows, 1}, .numbers = {}, .texts = {}};
    for (const double feature : inputs.front().numbers) output.numbers.push_back(rule(feature));
    return std::vector<Tensor>{output};
  };
}

// One feature, the label's probability is logistic in it; every fifth row belongs to the region "south".
std::string examples(std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  std::string text = "x,region,y\n";
  for (std::size_t i = 0; i < rows; ++i) {
    const double x = 3 * random.normal();
    text += std::to_string(x) + (i % 5 == 0 ? ",south," : ",north,") +
            (random.uniform() < 1 / (1 + std::exp(-x)) ? "1\n" : "0\n");
  }
  return text;
}

double good(double x) {
  return 1 / (1 + std::exp(-x));
}
double nearly(double x) {
  return 1 / (1 + std::exp(-1.05 * x));
}
double bad(double x) {
  return std::abs(x) < 2 ? 1 - good(x) : good(x);
}

Result<std::vector<Check>> judge(AccuracyMetric metric, double margin, const Ask& candidate,
                                 const std::optional<Ask>& baseline, const std::string& text) {
  const std::vector<std::string> slices = {"region"};
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  REQUIRE(write_file(folder->path() / "h.csv", text));
  auto holdout = Holdout::open(folder->path() / "h.csv", "y", slices, 1);
  REQUIRE(holdout);
  return check_accuracy(
      {.data = "h.csv", .label = "y", .metric = metric, .margin = margin, .slices = slices}, *holdout,
      {.input = {.name = "x", .datatype = "FP32", .shape = {-1, 1}}, .candidate = candidate, .baseline = baseline},
      no_progress());
}

}  // namespace

TEST_CASE("as good passes, worse fails, by every metric") {
  const auto text = examples(1500, 3);
  for (const auto metric : {AccuracyMetric::auc, AccuracyMetric::accuracy, AccuracyMetric::logloss,
                            AccuracyMetric::brier, AccuracyMetric::mae}) {
    CAPTURE(to_string(metric));
    const auto same = judge(metric, 0.02, model(nearly), model(good), text);
    REQUIRE(same);
    REQUIRE(same->size() == 2);
    CHECK_MESSAGE(same->at(0).verdict == Verdict::pass, same->at(0).reason);
    CHECK(same->at(1).verdict == Verdict::pass);
    CHECK(same->at(0).metrics.front().samples == 1500);
    const auto worse = judge(metric, 0.02, model(bad), model(good), text);
    REQUIRE(worse);
    CHECK_MESSAGE(worse->at(0).verdict == Verdict::fail, worse->at(0).reason);
    CHECK(worse->at(0).metrics.front().value < -0.02);
  }
}

TEST_CASE("too few examples decide nothing, and the check says how many would") {
  const auto checks = judge(AccuracyMetric::accuracy, 0.01, model(nearly), model(good), examples(60, 3));
  REQUIRE(checks);
  CHECK(checks->front().verdict == Verdict::inconclusive);
  CHECK(checks->front().reason.find("examples would") != std::string::npos);
}

TEST_CASE("a handful of examples decides nothing, however well they come out") {
  const auto step = model([](double x) { return x > 0 ? 0.9 : 0.1; });
  const auto rows = [](int each) {
    std::string text = "x,region,y\n";
    for (int i = 0; i < each; ++i) text += "1,n,1\n-1,n,0\n";
    return text;
  };
  struct Case {
    const char* name;
    AccuracyMetric metric;
    int each;  // examples of either class
    Verdict verdict;
    const char* reason;
  };
  for (const auto& c : std::vector<Case>{
           {"two of either class, perfectly apart", AccuracyMetric::auc, 2, Verdict::inconclusive,
            "2 examples of the rarer class, at least 30 are needed"},
           {"one short of enough", AccuracyMetric::auc, 29, Verdict::inconclusive, "29 examples of the rarer class"},
           {"identical answers to many", AccuracyMetric::auc, 30, Verdict::pass, ""},
           {"the same error on four rows", AccuracyMetric::brier, 2, Verdict::inconclusive, "4 examples, at least 30"},
           {"the same on many", AccuracyMetric::brier, 15, Verdict::pass, ""},
           {"logloss on four rows", AccuracyMetric::logloss, 2, Verdict::inconclusive, "4 examples, at least 30"},
           {"mae on four rows", AccuracyMetric::mae, 2, Verdict::inconclusive, "4 examples, at least 30"},
           {"mae on many", AccuracyMetric::mae, 15, Verdict::pass, ""},
       }) {
    CAPTURE(c.name);
    const auto checks = judge(c.metric, 0.01, step, step, rows(c.each));
    REQUIRE(checks);
    CHECK_MESSAGE(checks->at(0).verdict == c.verdict, checks->at(0).reason);
    CHECK_MESSAGE(checks->at(0).reason.find(c.reason) != std::string::npos, checks->at(0).reason);
    CHECK(checks->at(0).metrics.size() == 3);
  }
}

TEST_CASE("slices: what could not be judged is not a pass") {
  const auto region = [](const std::string& text) {
    const auto checks = judge(AccuracyMetric::auc, 0.02, model(nearly), model(good), text);
    REQUIRE(checks);
    return checks->at(1);
  };
  std::string one_class = "x,region,y\n";  // every slice holds one class only
  std::string small = "x,region,y\n";
  for (int i = 0; i < 100; ++i) {
    one_class += std::to_string(i) + (i % 2 == 0 ? ",even,0\n" : ",odd,1\n");
    small += std::to_string(i) + ",r" + std::to_string(i / 10) + (i % 2 == 0 ? ",0\n" : ",1\n");
  }
  CHECK(region(one_class).verdict == Verdict::inconclusive);
  CHECK(region(one_class).reason.find("none of 2 slices could be told") != std::string::npos);
  CHECK(region(small).verdict == Verdict::inconclusive);
  const auto some = region(examples(1500, 3) + "1,tiny,1\n2,tiny,0\n");
  CHECK(some.verdict == Verdict::pass);
  CHECK_MESSAGE(some.reason.find("of 3 slices, 1 could not be told") != std::string::npos, some.reason);
}

TEST_CASE("a slice that is certainly worse fails even when the whole passes") {
  // Only the south is answered the wrong way round; its rows are told apart by a feature of their own.
  Random random(9);
  std::string text = "x,region,y\n";
  for (int i = 0; i < 3000; ++i) {
    const bool south = i % 30 == 0;
    const bool positive = random.uniform() < 0.5;
    text += std::to_string((positive ? 1 : -1) + (south ? 1000 : 0)) + (south ? ",south," : ",north,") +
            (positive ? "1\n" : "0\n");
  }
  const auto right = model([](double x) { return (x > 500 ? x - 1000 : x) > 0 ? 0.9 : 0.1; });
  const auto wrong_south = model([](double x) { return x > 500 ? (x > 1000 ? 0.1 : 0.9) : (x > 0 ? 0.9 : 0.1); });
  const auto checks = judge(AccuracyMetric::accuracy, 0.05, wrong_south, right, text);
  REQUIRE(checks);
  CHECK_MESSAGE(checks->at(0).verdict == Verdict::pass, checks->at(0).reason);
  CHECK(checks->at(1).name == "accuracy.slices.region");
  CHECK(checks->at(1).verdict == Verdict::fail);
  CHECK(checks->at(1).reason.find("region=south") != std::string::npos);
}

TEST_CASE("a first version has a value and nothing to be compared with") {
  const auto checks = judge(AccuracyMetric::auc, 0.01, model(good), std::nullopt, examples(200, 1));
  REQUIRE(checks);
  for (const auto& check : *checks) {
    CHECK(check.verdict == Verdict::skipped);
    CHECK(check.reason == first_version);
  }
  CHECK(checks->front().metrics.front().value > 0.8);
}

TEST_CASE("whose fault it is") {
  const auto text = examples(100, 1);
  const Ask silent = [](const auto&) -> Result<std::vector<Tensor>> {
    return Error{Error::Kind::denied, "HTTP 500", ""};
  };
  const Ask two_rows = [](const auto&) -> Result<std::vector<Tensor>> {
    return std::vector<Tensor>{{.name = "p", .datatype = "FP32", .shape = {2, 1}, .numbers = {0, 1}, .texts = {}}};
  };
  const auto verdict = [&](const Ask& candidate, const Ask& baseline) {
    const auto checks = judge(AccuracyMetric::brier, 0.01, candidate, baseline, text);
    REQUIRE(checks);
    return checks->front().verdict;
  };
  CHECK(verdict(silent, model(good)) == Verdict::fail);
  CHECK(verdict(model(good), silent) == Verdict::error);
  CHECK(verdict(two_rows, model(good)) == Verdict::fail);
  CHECK(verdict(model([](double) { return 7.0; }), model(good)) == Verdict::fail);

  const auto one_class = judge(AccuracyMetric::auc, 0.01, model(good), model(good), "x,region,y\n1,n,1\n2,n,1\n");
  REQUIRE(one_class);
  CHECK(one_class->front().verdict == Verdict::error);
  const auto label = judge(AccuracyMetric::auc, 0.01, model(good), model(good), "x,region,y\n1,n,maybe\n");
  REQUIRE_FALSE(label);
  CHECK(label.error().kind == Error::Kind::usage);
}

TEST_CASE("classes: the largest of several values, the nearest whole number of one, texts as they are") {
  const PairedScore scores(AccuracyMetric::accuracy);
  CHECK(scores.value_of("2", {0.1, 0.2, 0.7}, "")->score == 1);
  CHECK(scores.value_of("1", {0.1, 0.2, 0.7}, "")->score == 0);
  CHECK(scores.value_of("1", {0.51}, "")->score == 1);
  CHECK(scores.value_of("3", {3}, "")->score == 1);
  CHECK(scores.value_of("cat", {}, "cat")->score == 1);
  CHECK(scores.value_of("cat", {}, "dog")->score == 0);
}
