// mlctl logs: what the pods of a model say, the arms of a rollout told apart.
#include "deploy/rollout/logs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int most_lines = 10'000;

struct LogsOptions {
  std::string model, environment;
  deploy::LogRequest request;
};

std::string prefix_of(const deploy::PodLog& log) {
  return escape_control(log.arm.name + (log.arm.version.empty() ? "" : " " + log.arm.version) + "  " + log.pod);
}

Tone tone_of(const deploy::Arm& arm) {
  return arm.name == "stable" ? Tone::good : arm.name == "canary" ? Tone::warn : Tone::dim;
}

std::string to_text(const deploy::Logs& logs, const Style& style) {
  std::size_t width = 0;
  for (const auto& log : logs.pods) width = std::max(width, display_width(prefix_of(log)));
  std::string out;
  for (const auto& log : logs.pods) {
    auto prefix = prefix_of(log);
    prefix.append(width - display_width(prefix), ' ');
    prefix = paint(prefix, tone_of(log.arm), style) + (style.unicode ? " │ " : " | ");
    for (const auto& line : log.lines) out += prefix + escape_control(line, true) + "\n";
  }
  return out;
}

Json to_json(const deploy::Logs& logs) {
  Json out = Json::array();
  for (const auto& log : logs.pods)
    out.push_back({{"arm", log.arm.name},
                   {"version", log.arm.version},
                   {"revision", log.revision},
                   {"pod", log.pod},
                   {"lines", log.lines},
                   {"cut", log.cut},
                   {"missing", log.missing}});
  return out;
}

void tell_what_is_missing(const deploy::Logs& logs, Context& context) {
  for (const auto& log : logs.pods) {
    if (!log.missing.empty()) context.note(prefix_of(log) + ": " + escape_control(log.missing));
    if (log.cut)
      context.note(prefix_of(log) + ": only its first " + human_bytes(deploy::logged_bytes) + "; ask for fewer lines");
  }
  if (logs.more > 0) context.note("and " + count_text(logs.more, "pod") + " more that nobody asked");
  if (logs.pods.empty()) context.note("it has no pods");
}

int run_logs(const LogsOptions& options, Context& context) {
  if (options.request.tail < 1 || options.request.tail > most_lines)
    return context.fail({Error::Kind::usage, "--tail is from 1 to " + std::to_string(most_lines), ""});
  auto project = release::load_project(context.project);
  if (!project) return context.fail(project.error());
  auto environment = release::find_environment(*project, options.environment);
  if (!environment) return context.fail(environment.error());
  if (!(*environment)->cluster)
    return context.fail({Error::Kind::usage, "environment " + options.environment + " has no `cluster:`",
                         "pods run in a cluster: `cluster: {context: CONTEXT}` names one"});
  auto model = release::find_model(*project, options.model);
  if (!model) return context.fail(model.error());
  auto there = connect(**environment, context);
  if (!there) return context.fail(there.error());
  const auto& name = (*model)->name;
  auto logs = deploy::read_logs(*there->cluster, {name, release::namespace_of(*project, name), options.environment},
                                options.request);
  if (!logs) return context.fail(logs.error());
  const Json data = {{"schemaVersion", 1},
                     {"model", to_string(name)},
                     {"environment", options.environment},
                     {"context", there->cluster->context()},
                     {"pods", to_json(*logs)},
                     {"podsNotAsked", logs->more}};
  context.print(data, [&](const Style& style) { return to_text(*logs, style); });
  tell_what_is_missing(*logs, context);
  return 0;
}

}  // namespace

Command logs_command() {
  auto options = std::make_shared<LogsOptions>();
  return {.name = "logs",
          .group = Group::cluster,
          .summary = "Show what the pods of a model say, stable and canary told apart",
          .description =
              "Before each line stands whose it is: stable, canary, or before (what served until the canary won), the\n"
              "version, and the pod. Of a pod that says nothing (it is not started, it is gone) stderr says why.",
          .examples = {{"the newest hundred lines of each pod", "mlctl logs credit-risk --env prod"},
                       {"why a container was started again", "mlctl logs credit-risk --env prod --previous --tail 20"},
                       {"for a script", "mlctl logs credit-risk --env prod -o json"}},
          .arguments = {{.name = "MODEL",
                         .help = "a name, its unique last part, or a folder with a model.yaml",
                         .target = &options->model,
                         .required = true,
                         .path = true}},
          .options = {{.name = "env",
                       .value = "ENV",
                       .help = "an environment of mlctl.yaml with a cluster",
                       .target = &options->environment,
                       .required = true},
                      {.name = "tail",
                       .value = "N",
                       .help = "so many lines of each pod, the newest (default 100)",
                       .target = &options->request.tail},
                      {.name = "previous",
                       .help = "of the container that ended before the one that runs",
                       .target = &options->request.previous}},
          .run = [options](Context& context) { return run_logs(*options, context); }};
}

}  // namespace mlctl::cli
