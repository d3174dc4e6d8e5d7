#include "validate/parity.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/filesystem.h"

using namespace mlctl;
using namespace mlctl::validate;

namespace {

Tensor tensor(std::string name, std::vector<double> numbers) {
  const auto size = static_cast<std::int64_t>(numbers.size());
  return {.name = std::move(name), .datatype = "FP32", .shape = {size}, .numbers = std::move(numbers), .texts = {}};
}

Result<std::vector<GoldenCase>> golden(const std::string& text) {
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  REQUIRE(write_file(folder->path() / "golden.json", text));
  return read_golden(folder->path() / "golden.json");
}

}  // namespace

TEST_CASE("answers against golden outputs") {
  struct Case {
    const char* name;
    std::vector<Tensor> answer;
    const char* difference;  // "": none
  };
  const std::vector<Tensor> expected = {tensor("a", {1, 100}), tensor("b", {0})};
  auto other_type = expected;
  other_type[1].datatype = "FP64";
  auto other_shape = expected;
  other_shape[0].shape = {2, 1};
  for (const auto& c : std::vector<Case>{
           {"equal", expected, ""},
           {"in another order", {expected[1], expected[0]}, ""},
           {"within the tolerance", {tensor("a", {1.01, 101}), tensor("b", {0.01})}, ""},
           {"outside it", {tensor("a", {1, 103}), tensor("b", {0})}, "a[1] is 103, golden is 100"},
           {"relative to the golden value: near zero only the absolute counts",
            {tensor("a", {1, 100}), tensor("b", {0.03})},
            "b[0]"},
           {"an output missing", {expected[0], tensor("c", {0})}, "output b is missing"},
           {"an output too many", {expected[0], expected[1], expected[0]}, "3 outputs, golden has 2"},
           {"another datatype", other_type, "FP64"},
           {"another shape", other_shape, "[2, 1]"},
       }) {
    CAPTURE(c.name);
    double worst = 0;
    const auto text = difference(expected, c.answer, {.cases = "", .absolute = 0.02, .relative = 0.01}, worst);
    CHECK(text.empty() == (std::string(c.difference).empty()));
    CHECK_MESSAGE(text.find(c.difference) != std::string::npos, text);
  }
}

TEST_CASE("the check counts what differs and what was no answer") {
  const std::vector<GoldenCase> cases = {{.name = "one", .inputs = {tensor("x", {1})}, .outputs = {tensor("y", {1})}},
                                         {.name = "two", .inputs = {tensor("x", {2})}, .outputs = {tensor("y", {2})}}};
  const ParityConfig config{.cases = "golden.json", .absolute = 1e-6, .relative = 0};
  const auto echo = [](const std::vector<Tensor>& inputs) -> Result<std::vector<Tensor>> {
    return std::vector<Tensor>{tensor("y", inputs.front().numbers)};
  };
  const auto good = check_parity(config, cases, echo);
  REQUIRE(good);
  CHECK(good->verdict == Verdict::pass);

  const auto half = check_parity(config, cases, [&](const std::vector<Tensor>& inputs) -> Result<std::vector<Tensor>> {
    if (inputs.front().numbers.front() == 2) return Error{Error::Kind::corrupt, "truncated", ""};
    return echo(inputs);
  });
  REQUIRE(half);
  CHECK(half->verdict == Verdict::fail);
  CHECK(half->reason == "1 of 2 golden cases differ");
  REQUIRE(half->findings.size() == 1);
  CHECK(half->findings.front().message == "two: truncated");

  const auto interrupted = check_parity(config, cases, [](const auto&) -> Result<std::vector<Tensor>> {
    return Error{Error::Kind::interrupted, "", ""};
  });
  CHECK_FALSE(interrupted);
}

TEST_CASE("golden files") {
  const auto good = golden(R"({"schemaVersion":1,"protocol":"oip-v2","model":"m","cases":[{"name":"one",
    "inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}],
    "outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[0.5]}]}]})");
  REQUIRE(good);
  CHECK(good->front().inputs.front().numbers == std::vector<double>{1, 2});
  for (
      const auto* text :
      {"", "[]", "{}", R"({"schemaVersion":2,"cases":[{}]})", R"({"schemaVersion":1,"cases":[]})",
       R"({"schemaVersion":1,"cases":[3]})", R"({"schemaVersion":1,"cases":[{"inputs":[]}]})",
       R"({"schemaVersion":1,"cases":[{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1]}],"outputs":[]}]})"}) {
    CAPTURE(text);
    const auto bad = golden(text);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().kind == Error::Kind::usage);
  }
}
