// mlctl assign and unassign: what an environment should run, said in git.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/fleet.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "registry/dry_run.h"
#include "registry/intent.h"
#include "release/files.h"
#include "release/reference.h"
#include "release/requirements.h"
#include "release/served.h"
#include "release/target.h"

namespace mlctl::cli {
namespace {

struct AssignOptions {
  std::string reference, environment;
  bool force = false, allow_denied = false, no_push = false, yes = false;
};
struct UnassignOptions {
  std::string model, environment;
  bool no_push = false;
};

void say(const registry::Taken& taken, bool wanted_push, Context& context) {
  const auto note = taken.existed && taken.tag.empty() ? "nothing is assigned: nothing to do"
                                                       : taken_note(taken, wanted_push, context.dry_run);
  if (!note.empty()) context.note(note);
}

// By the model.yaml of the version's commit. Where the model has none here any more, nothing renders it.
Status is_served(const Workplace& place, const release::Target& target, const std::string& environment) {
  auto here = release::find_model(place.project, to_string(target.model));
  if (!here) return here.error().kind == Error::Kind::not_found ? ok() : Status(here.error());
  auto then = release::model_at(place.project, *place.git, **here, target.tag.commit);
  if (!then) return then.error();
  return release::check_served(place.project, *then, environment);
}

Result<registry::AssignRequest> request_of(const AssignOptions& options, const Workplace& place,
                                           const std::vector<registry::GitTag>& tags, WallTime now) {
  auto environment = release::find_environment(place.project, options.environment);
  if (!environment) return environment.error();
  auto target = release::find_target(place.project, tags, {.reference = options.reference, .tag = "", .event_ref = ""});
  if (!target) return target.error();
  if (auto served = is_served(place, *target, options.environment); !served) return served.error();
  auto circumstances = release::circumstances_of(place.project, **environment, now);
  if (!circumstances) return circumstances.error();
  auto digest = release::digest_of_tag(*place.store, target->model, target->tag);
  if (!digest) return digest.error();
  if (auto same = release::check_agreed(*place.store, target->model, target->tag, *digest); !same) return same.error();
  const auto shown = to_string(target->model) + "@" + to_string(target->tag.version);
  for (const auto check : {release::check_signature, release::check_evidence})
    if (auto passed = check(*place.store, **environment, target->model, *digest, shown, *circumstances); !passed)
      return passed.error();
  return registry::AssignRequest{.model = target->model,
                                 .stage = options.environment,
                                 .version = target->tag.version,
                                 .digest = *digest,
                                 .commit = target->tag.commit,
                                 .push = !options.no_push,
                                 .force = options.force,
                                 .allow = options.allow_denied};
}

Status ask(const AssignOptions& options, const Workplace& place, const registry::AssignRequest& request,
           Context& context) {
  auto environment = release::find_environment(place.project, request.stage);
  if (!environment) return environment.error();
  if (!(*environment)->confirm || context.dry_run) return ok();
  return confirm("Assign " + to_string(request.model) + " " + to_string(request.version) + " to " + request.stage + "?",
                 options.yes, context);
}

int run_assign(const AssignOptions& options, Context& context) {
  auto place = open_with_git(context);
  if (!place) return context.fail(place.error());
  auto tags = release::all_tags(*place->git);
  if (!tags) return context.fail(tags.error());
  auto request = request_of(options, *place, *tags, context.clock.wall());
  if (!request) return context.fail(request.error());
  if (auto confirmed = ask(options, *place, *request, context); !confirmed) return context.fail(confirmed.error());
  const auto rehearsal = registry::dry_run(*place->git);
  auto taken = registry::assign(context.dry_run ? *rehearsal : *place->git, *request);
  if (!taken) return context.fail(taken.error());
  const nlohmann::ordered_json data = {{"schemaVersion", 1},
                                       {"model", to_string(request->model)},
                                       {"version", to_string(request->version)},
                                       {"digest", to_string(request->digest)},
                                       {"environment", request->stage},
                                       {"n", taken->n},
                                       {"tag", taken->tag},
                                       {"existed", taken->existed},
                                       {"pushed", taken->pushed && !context.dry_run},
                                       {"dryRun", context.dry_run}};
  context.print(data, [&](const Style&) {
    return taken->tag + "  " + to_string(request->version) + "  " + to_string(request->digest) + "\n";
  });
  say(*taken, request->push, context);
  return 0;
}

// An environment of the project, or one that was dropped from it and still has assignments.
Status check_stage(const Workplace& place, const std::vector<registry::GitTag>& tags, const registry::ModelName& model,
                   const std::string& stage) {
  const auto known = registry::ModelTags(model, tags).stages();
  if (std::find(known.begin(), known.end(), stage) != known.end()) return ok();
  auto environment = release::find_environment(place.project, stage);
  return environment ? ok() : Status(environment.error());
}

int run_unassign(const UnassignOptions& options, Context& context) {
  auto place = open_with_git(context);
  if (!place) return context.fail(place.error());
  auto tags = release::all_tags(*place->git);
  if (!tags) return context.fail(tags.error());
  auto model = release::find_name(place->project, registry::models_of(*tags), options.model);
  if (!model) return context.fail(model.error());
  if (auto known = check_stage(*place, *tags, *model, options.environment); !known) return context.fail(known.error());
  const auto rehearsal = registry::dry_run(*place->git);
  auto taken = registry::unassign(context.dry_run ? *rehearsal : *place->git,
                                  {.model = *model, .stage = options.environment, .push = !options.no_push});
  if (!taken) return context.fail(taken.error());
  const nlohmann::ordered_json data = {{"schemaVersion", 1},
                                       {"model", to_string(*model)},
                                       {"environment", options.environment},
                                       {"n", taken->n},
                                       {"tag", taken->tag},
                                       {"existed", taken->existed},
                                       {"pushed", taken->pushed && !context.dry_run},
                                       {"dryRun", context.dry_run}};
  context.print(data, [&](const Style&) { return taken->tag.empty() ? std::string() : taken->tag + "\n"; });
  say(*taken, !options.no_push, context);
  return 0;
}

}  // namespace

Command assign_command() {
  auto options = std::make_shared<AssignOptions>();
  return {
      .name = "assign",
      .group = Group::models,
      .summary = "Say in git that an environment should run a version",
      .description =
          "Takes the next number N by pushing the tag MODEL#ENV#N to origin. A version whose commit is older than\n"
          "what is assigned now is refused (exit 1): `mlctl undo` is the way back. So is one without the passed\n"
          "gate or the signature that the environment's `requires:` asks for. Nothing is applied yet.",
      .examples = {{"staging should run v1.2.0", "mlctl assign credit-risk@v1.2.0 staging"}},
      .arguments =
          {{.name = "MODEL@V", .help = "a registered version", .target = &options->reference, .required = true},
           {.name = "ENV", .help = "an environment of mlctl.yaml", .target = &options->environment, .required = true}},
      .options = {{.name = "force",
                   .help = "also a commit whose history has parted from the one assigned now, or a deprecated model",
                   .target = &options->force},
                  {.name = "allow-denied",
                   .help = "also a version that was rolled back here before",
                   .target = &options->allow_denied},
                  {.name = "no-push", .help = "make the tag here only: reserves nothing", .target = &options->no_push},
                  yes_option(options->yes)},
      .changes = true,
      .run = [options](Context& context) { return run_assign(*options, context); }};
}

Command unassign_command() {
  auto options = std::make_shared<UnassignOptions>();
  return {
      .name = "unassign",
      .group = Group::models,
      .summary = "Say in git that an environment should run no version of a model",
      .examples = {{"nothing in staging any more", "mlctl unassign credit-risk staging"}},
      .arguments = {{.name = "MODEL",
                     .help = "a name, its unique last part, or a folder with a model.yaml",
                     .target = &options->model,
                     .required = true,
                     .path = true},
                    {.name = "ENV", .help = "an environment", .target = &options->environment, .required = true}},
      .options = {{.name = "no-push", .help = "make the tag here only: reserves nothing", .target = &options->no_push}},
      .changes = true,
      .run = [options](Context& context) { return run_unassign(*options, context); }};
}

}  // namespace mlctl::cli
