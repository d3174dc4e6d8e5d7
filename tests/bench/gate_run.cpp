// One gate between two folders, without registry or project: what gate-error-rates repeats.
// Usage: gate-run MODEL_FOLDER BASELINE_FOLDER|- SEED [--json]; both hold a model.yaml, the candidate's one is asked.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/document.h"
#include "base/filesystem.h"
#include "base/interrupt.h"
#include "base/units.h"
#include "validate/gate.h"
#include "validate/report.h"

using namespace mlctl;

namespace {

int fail(const Error& error) {
  std::cerr << "gate-run: " << error.message << (error.hint.empty() ? "" : "\nhint: " + error.hint) << '\n';
  return exit_code(error.kind);
}

Result<Node> model_of(const std::filesystem::path& folder) {
  const auto path = folder / "model.yaml";
  auto text = read_file(path, document_limit);
  if (!text) return text.error();
  return parse_yaml(*text, path.string());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3) {
    std::cerr << "usage: gate-run MODEL_FOLDER BASELINE_FOLDER|- SEED [--json]\n";
    return 2;
  }
  install_interrupt_handlers();
  const auto model = model_of(words[0]);
  if (!model) return fail(model.error());
  auto config = validate::decode_gate(*model);
  if (!config) return fail(config.error());
  const auto seed = parse_integer(words[2]);
  if (!seed) return fail(seed.error());
  auto work = TemporaryFolder::create();
  if (!work) return fail(work.error());

  validate::GateInput input;
  input.model = get_string(*model, "name").value_or("model");
  input.candidate = {words[0], "candidate", "", config->local};
  input.data = words[0];
  input.work = work->path();
  input.config = *config;
  input.seed = static_cast<std::uint64_t>(*seed);
  if (words[1] != "-") {
    const auto baseline = model_of(words[1]);
    if (!baseline) return fail(baseline.error());
    auto local = validate::decode_local(*baseline);
    if (!local) return fail(local.error());
    input.baseline = {words[1], "baseline", "", *local};
  }
  const auto client = make_http_client();
  const auto progress = make_progress(2, style_of(2), false);
  const auto report = validate::run_gate(input, {*client, make_http_multiplexer, system_clock(), *progress});
  if (!report) return fail(report.error());
  if (words.size() > 3)
    std::cout << to_json(*report).dump() << '\n';
  else
    std::cout << to_text(*report, style_of(1));
  return exit_code(validate::overall(*report));
}
