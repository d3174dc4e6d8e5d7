// mlctl gate: is this version fit to replace what an environment runs?
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "base/http.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/signing.h"
#include "cli/workplace.h"
#include "release/gate_one.h"

namespace mlctl::cli {
namespace {

struct GateOptions {
  std::string subject, baseline, environment;
  std::optional<std::uint64_t> seed;
};

int run_gate(const GateOptions& options, Context& context) {
  auto place = open_loosely(context, options.subject);
  if (!place) return context.fail(place.error());
  auto signer = signer_of(context);
  if (!signer) return context.fail(signer.error());
  const auto client = make_http_client();
  const release::GateRequest request{.subject = options.subject,
                                     .baseline = options.baseline,
                                     .environment = options.environment,
                                     .seed = options.seed ? *options.seed : std::random_device{}(),
                                     .signer = std::move(*signer)};
  auto answer = release::run_one_gate(place->project, *place->store, place->git.get(), request,
                                      {.client = *client,
                                       .multiplexer = make_http_multiplexer,
                                       .clock = context.clock,
                                       .progress = context.progress(),
                                       .gpus = [] { return validate::open_gpu_driver(); }});
  if (!answer) return context.fail(answer.error());
  context.print(validate::to_json(answer->report),
                [&](const Style& style) { return validate::to_text(answer->report, style); });
  for (const auto& note : answer->notes) context.note(note);
  return validate::exit_code(answer->verdict);
}

}  // namespace

Command gate_command() {
  auto options = std::make_shared<GateOptions>();
  return {
      .name = "gate",
      .group = Group::checks,
      .summary = "Run every check of a model's gate against the version that it would replace",
      .description =
          "Starts both versions on this machine, asks the golden cases and the hold-out set, sends load to both in\n"
          "turns, and judges. The report is attached to the version as evidence where the registry has it.\n"
          "Exit 0 pass, 1 fail, 3 could not find out, 5 inconclusive.",
      .examples = {{"the folder as it is, against what prod runs", "mlctl gate credit-risk --env prod"},
                   {"one version against another", "mlctl gate credit-risk@v1.2.0 --baseline credit-risk@v1.1.0"}},
      .arguments = {{.name = "MODEL|REF",
                     .help = "MODEL for its folder as it is; MODEL@V, MODEL@sha256:… or MODEL#ENV",
                     .target = &options->subject,
                     .required = true}},
      .options = {{.name = "baseline",
                   .value = "REF",
                   .help = "what it is compared with, instead of what the environment runs",
                   .target = &options->baseline},
                  {.name = "env",
                   .value = "E",
                   .help = "the environment whose settings and version count; the last one by default",
                   .target = &options->environment},
                  {.name = "seed",
                   .value = "N",
                   .help = "of arrivals, order and resampling; drawn when not given, and in the report",
                   .target = &options->seed}},
      .run = [options](Context& context) { return run_gate(*options, context); }};
}

}  // namespace mlctl::cli
