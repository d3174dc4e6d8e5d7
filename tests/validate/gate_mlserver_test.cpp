// The gate on a real MLServer with the example's real models.
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <memory>
#include <string>

#include "base/config.h"
#include "base/document.h"
#include "base/filesystem.h"
#include "base/process.h"
#include "tests/validate/fake_server.h"
#include "validate/gate.h"
#include "validate/report.h"

using namespace mlctl;
using namespace mlctl::validate;
using namespace std::chrono_literals;

namespace {

// Where the example's Python environment is, or "".
std::string example_environment() {
  const auto source = source_folder();
  if (source.empty()) return {};
  const ProcessSpec spec{.command = {"bash", "-c",
                                     ". scripts/lib/python-env.sh; l=examples/breast-cancer/requirements.lock; "
                                     "python_env_ready $l && python_env_dir $l"},
                         .environment = {},
                         .folder = source};
  auto result = run_process(spec, 20s);
  if (!result || result->exit_code != 0) return {};
  return result->output.substr(0, result->output.find('\n'));
}

std::filesystem::path put_version(const std::filesystem::path& folder, const std::string& version) {
  const auto put = (source_folder() / "examples/breast-cancer/put-version").string();
  const ProcessSpec spec{.command = {put, version, (folder / version).string()}, .environment = {}, .folder = "/"};
  auto result = run_process(spec, 20s);
  REQUIRE(result);
  REQUIRE_MESSAGE(result->exit_code == 0, result->output);
  return folder / version;
}

}  // namespace

TEST_CASE("the example's versions on a real MLServer: the better passes, the less accurate fails") {
  const auto environment = example_environment();
  if (environment.empty()) {
    MESSAGE("skipped: the example's Python environment is not installed");
    return;
  }
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  const auto baseline = put_version(folder->path(), "v1.0.0");
  const auto client = make_http_client();
  for (const auto& [version, verdict] : {std::pair{"v1.1.0", Verdict::pass}, std::pair{"v1.3.0", Verdict::fail}}) {
    CAPTURE(version);
    const auto candidate = put_version(folder->path(), version);
    auto text = read_file(candidate / "model.yaml", document_limit);
    REQUIRE(text);
    auto model = parse_yaml(*text, "model.yaml");
    REQUIRE(model);
    auto config = decode_gate(*model);
    REQUIRE_MESSAGE(config, config.error().message);
    // Only what a few seconds can decide: the story of the slow version is the end-to-end test's.
    config->slower.clear();
    config->load->duration = 6s;
    config->load->warmup = 1s;
    config->errors = 0.05;
    config->local.command.front() = environment + "/bin/mlserver";
    GateInput input;
    input.model = "breast-cancer";
    input.candidate = {.files = candidate, .version = version, .digest = "", .local = config->local};
    input.baseline = {.files = baseline, .version = "v1.0.0", .digest = "", .local = config->local};
    input.data = candidate;
    input.work = folder->path() / "work";
    input.config = *config;
    input.seed = 3;
    const auto report = run_gate(
        input,
        {.client = *client, .multiplexer = make_http_multiplexer, .clock = system_clock(), .progress = no_progress()});
    REQUIRE_MESSAGE(report, report.error().message);
    for (const auto& check : report->checks) {
      CAPTURE(check.name);
      // Latency on a machine that runs other tests too may be anything; what is answered may not.
      if (check.name.rfind("latency", 0) == 0) continue;
      CHECK_MESSAGE(check.verdict == (check.name == "accuracy" ? verdict : Verdict::pass), check.reason);
    }
  }
}
