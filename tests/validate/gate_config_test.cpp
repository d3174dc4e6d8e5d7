#include "validate/gate_config.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/document.h"
#include "validate/local_server.h"

using namespace mlctl;
using namespace mlctl::validate;

namespace {

Field model_table() {
  Field serving;
  serving.name = "serving";
  serving.type = Field::Type::object;
  Field runtime;
  runtime.name = "runtime";
  serving.fields = {runtime, local_table()};
  Field root;
  root.type = Field::Type::object;
  root.fields = {serving, gate_table()};
  return root;
}

// As a command does it: parse, check, fill in defaults, decode.
Result<GateConfig> decode(const std::string& yaml) {
  auto node = parse_yaml(yaml, "model.yaml");
  if (!node) return node.error();
  if (auto status = as_status(check_config(*node, model_table())); !status) return status.error();
  return decode_gate(with_defaults(*node, model_table()));
}

const std::string serving = "serving: {runtime: mlserver}\n";

}  // namespace

TEST_CASE("a whole gate is decoded") {
  const auto config = decode(serving + R"(
gate:
  load: {rate: 90/s, duration: 2m, arrivals: constant, warmup: 1s, connections: 4}
  latency: {limit: {p99: 50ms, p99.9: 80ms}, slower: {p50: 10%}}
  errors: {limit: 0.5%}
  parity: {cases: golden.json, tolerance: {absolute: 1e-5}}
  accuracy: {data: holdout.csv, label: y, metric: auc, margin: 0.005, slices: [region]}
  gpu: {required: false}
  accept: [parity]
)");
  REQUIRE(config);
  CHECK(config->load->rate == 90);
  CHECK(config->load->duration == std::chrono::minutes(2));
  CHECK(config->load->arrivals == Arrivals::constant);
  CHECK(config->load->connections == 4);
  REQUIRE(config->limits.size() == 2);
  CHECK(config->limits[0].limit == std::chrono::milliseconds(50));
  CHECK(config->limits[1].quantile.q == 0.999);
  REQUIRE(config->slower.size() == 1);
  CHECK(config->slower[0].share == doctest::Approx(0.1));
  CHECK(config->errors == doctest::Approx(0.005));
  CHECK(config->parity->absolute == doctest::Approx(1e-5));
  CHECK(config->parity->relative == 0);
  CHECK(config->accuracy->metric == AccuracyMetric::auc);
  CHECK(config->accuracy->slices == std::vector<std::string>{"region"});
  CHECK(config->gpu_required == false);
  CHECK(config->accept == std::vector<std::string>{"parity"});
  CHECK(config->local.command == std::vector<std::string>{"mlserver", "start", "."});
}

TEST_CASE("what nobody asked for is not in the gate, and load comes with latency") {
  const auto nothing = decode(serving);
  REQUIRE(nothing);
  CHECK_FALSE(nothing->load);
  CHECK_FALSE(nothing->parity);
  CHECK_FALSE(nothing->accuracy);
  CHECK_FALSE(nothing->gpu_required);
  const auto latency = decode(serving + "gate: {latency: {slower: {p50: 10%}}}");
  REQUIRE(latency);
  REQUIRE(latency->load);
  CHECK(latency->load->rate == 60);
  CHECK(latency->load->duration == std::chrono::minutes(3));
  CHECK(decode(serving + "gate: {load: {rate: 5/s}}")->load->rate == 5);
}

TEST_CASE("what is refused, and where") {
  struct Case {
    const char* name;
    std::string yaml;
    std::string message;
  };
  for (const auto& c : std::vector<Case>{
           {"a quantile that is not one", serving + "gate: {latency: {limit: {p98: 5ms}}}", "p98"},
           {"slower without its sign", serving + "gate: {latency: {slower: {p50: 10}}}", "model.yaml:2:"},
           {"a metric that is not known", serving + "gate: {accuracy: {data: a.csv, label: y, metric: f1, margin: 0}}",
            "f1"},
           {"a negative margin", serving + "gate: {accuracy: {data: a.csv, label: y, metric: auc, margin: -0.1}}",
            "must not be negative"},
           {"accuracy without a label", serving + "gate: {accuracy: {data: a.csv, metric: auc, margin: 0}}", "label"},
           {"golden cases outside the folder", serving + "gate: {parity: {cases: ../golden.json}}",
            "inside the model's folder"},
           {"no connection", serving + "gate: {load: {connections: 0}}", "1 to 9999"},
           {"a runtime without a preset", "serving: {runtime: triton}", "serving.local.command is missing"},
           {"a path that answers is missing", "serving: {local: {command: [./serve]}}", "serving.local.ready"},
           {"a template outside the folder", "serving: {runtime: mlserver, local: {templates: {../x: a}}}",
            "model.yaml:1:56: serving.local.templates: '../x' is not a path inside"},
           {"an empty command", "serving: {runtime: mlserver, local: {command: []}}",
            "model.yaml:1:47: serving.local.command must not be empty"},
           {"acceptance of a check that is none", serving + "gate: {accept: [parity, bogus]}",
            "model.yaml:2:25: gate.accept[1]: no check is called 'bogus'"},
           {"acceptance of a quantile that is none", serving + "gate: {accept: [latency.slower.p98]}",
            "no check is called 'latency.slower.p98'"},
           {"more errors than requests", serving + "gate: {errors: {limit: 101%}}",
            "model.yaml:2:24: gate.errors.limit: must be from 0% to less than 100%"},
           {"nothing but errors", serving + "gate: {errors: {limit: 100%}}", "less than 100%"},
           {"fewer errors than none", serving + "gate: {errors: {limit: -1%}}", "gate.errors.limit"},
           {"a misspelt word", "serving: {runtime: mlserver, local: {command: [serve, \"{prot}\"]}}",
            "{prot} is not known"},
           {"a misspelt word in the environment", "serving: {runtime: mlserver, local: {env: {A: \"{ports}\"}}}",
            "{ports}"},
       }) {
    CAPTURE(c.name);
    const auto config = decode(c.yaml);
    REQUIRE_FALSE(config);
    CHECK(config.error().kind == Error::Kind::usage);
    CHECK_MESSAGE(config.error().message.find(c.message) != std::string::npos, config.error().message);
  }
}

TEST_CASE("every check that may be skipped can be accepted") {
  const auto config = decode(serving + R"(
gate:
  errors: {limit: 0%}
  accept: [gpu, errors, accuracy, accuracy.slices.region, latency.limit.p99.9, latency.slower.p50]
)");
  REQUIRE_MESSAGE(config, config.error().message);
  CHECK(config->accept.size() == 6);
  CHECK(config->errors == 0);
  const auto misspelt = decode(serving + "gate: {accept: [acuracy]}");
  REQUIRE_FALSE(misspelt);
  CHECK(misspelt.error().hint == "did you mean 'accuracy'?");
}

TEST_CASE("serving.local overrides the preset part by part") {
  const auto config = decode(R"(
serving:
  runtime: mlserver
  local:
    env: {OMP_NUM_THREADS: "1"}
    ready: "/v2/models/{model}/ready"
    start: 5s
)");
  REQUIRE(config);
  CHECK(config->local.env.at("PYTHONPATH") == ".");
  CHECK(config->local.env.at("OMP_NUM_THREADS") == "1");
  CHECK(config->local.start == std::chrono::seconds(5));
  CHECK(config->local.templates.count("settings.json") == 1);
}

TEST_CASE("expansion fills in ports and leaves JSON alone") {
  const Expansion values{.port = 8080, .grpc_port = 8081, .metrics_port = 8082, .model = "credit-risk"};
  CHECK(*expand("--port={port} -m {model}", values) == "--port=8080 -m credit-risk");
  CHECK(*expand(R"({"http_port":{port},"x":{"y":{}},"m":"{model}"})", values, true) ==
        R"({"http_port":8080,"x":{"y":{}},"m":"credit-risk"})");
  CHECK(*expand("{unknown} {", values, true) == "{unknown} {");
  CHECK(*expand("a { b } {}", values) == "a { b } {}");
  const auto misspelt = expand("{metric_port}", values);
  REQUIRE_FALSE(misspelt);
  CHECK(misspelt.error().hint == "did you mean {metrics_port}?");
}
