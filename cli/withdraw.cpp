// mlctl deregister and deprecate: what git said before does not count any more.
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
#include "release/reference.h"

namespace mlctl::cli {
namespace {

struct WithdrawOptions {
  std::string what;  // MODEL@V, or MODEL
  bool force = false, no_push = false, yes = false;
};

// A stage that an environment wants confirmed is asked about, also when what it runs is withdrawn by force.
Status ask(const WithdrawOptions& options, const Workplace& place, const registry::ModelTags& tags,
           const registry::Version* version, Context& context) {
  if (!options.force || context.dry_run) return ok();
  for (const auto& stage : registry::stages_running(tags, version))
    if (const auto environment = release::find_environment(place.project, stage);
        environment && (*environment)->confirm)
      return confirm("Withdraw what " + stage + " runs?", options.yes, context);
  return ok();
}

int finish(const registry::Taken& taken, const WithdrawOptions& options, nlohmann::ordered_json data,
           Context& context) {
  data.update({{"n", taken.n},
               {"tag", taken.tag},
               {"existed", taken.existed},
               {"pushed", taken.pushed && !context.dry_run},
               {"dryRun", context.dry_run}});
  context.print(data, [&](const Style&) { return taken.tag + "\n"; });
  if (const auto note = taken_note(taken, !options.no_push, context.dry_run); !note.empty()) context.note(note);
  return 0;
}

struct Named {
  registry::ModelName model;
  std::optional<registry::Version> version;
};
Result<Named> named(const Workplace& place, const std::vector<registry::GitTag>& tags, const std::string& text,
                    bool with_version) {
  Named what;
  std::string name = text;
  if (with_version) {
    auto reference = release::split_reference(text);
    const auto* version = reference ? std::get_if<registry::Version>(&reference->at) : nullptr;
    if (version == nullptr)
      return Error{Error::Kind::usage, "which version? '" + text + "' names none", "write MODEL@vX.Y.Z"};
    what.version = *version;
    name = reference->model;
  }
  auto model = release::find_name(place.project, registry::models_of(tags), name);
  if (!model) return model.error();
  what.model = std::move(*model);
  return what;
}

int run_withdraw(const WithdrawOptions& options, bool with_version, Context& context) {
  auto place = open_with_git(context);
  if (!place) return context.fail(place.error());
  auto tags = release::all_tags(*place->git);
  if (!tags) return context.fail(tags.error());
  auto what = named(*place, *tags, options.what, with_version);
  if (!what) return context.fail(what.error());
  const auto* version = what->version ? &*what->version : nullptr;
  if (auto asked = ask(options, *place, registry::ModelTags(what->model, *tags), version, context); !asked)
    return context.fail(asked.error());
  const auto rehearsal = registry::dry_run(*place->git);
  auto& git = context.dry_run ? *rehearsal : *place->git;
  auto taken = version != nullptr ? registry::deregister(git, {what->model, *version, !options.no_push, options.force})
                                  : registry::deprecate(git, {what->model, !options.no_push, options.force});
  if (!taken) return context.fail(taken.error());
  nlohmann::ordered_json data = {{"schemaVersion", 1}, {"model", to_string(what->model)}};
  if (version != nullptr) data["version"] = to_string(*version);
  return finish(*taken, options, std::move(data), context);
}

std::vector<Option> options_of(WithdrawOptions& options) {
  return {{.name = "force", .help = "also while an environment runs it", .target = &options.force},
          {.name = "no-push", .help = "make the tag here only", .target = &options.no_push},
          yes_option(options.yes)};
}

}  // namespace

Command deregister_command() {
  auto options = std::make_shared<WithdrawOptions>();
  return {
      .name = "deregister",
      .group = Group::models,
      .summary = "Take a version back: it is not assigned or released any more",
      .description =
          "A tag MODEL@V!#N; nothing is deleted, neither tags nor files. A version that an environment runs is\n"
          "refused (exit 1). `mlctl register --version V` brings it back.",
      .examples = {{"v1.2.0 was a mistake", "mlctl deregister credit-risk@v1.2.0"}},
      .arguments = {{.name = "MODEL@V", .help = "a registered version", .target = &options->what, .required = true}},
      .options = options_of(*options),
      .changes = true,
      .run = [options](Context& context) { return run_withdraw(*options, true, context); }};
}

Command deprecate_command() {
  auto options = std::make_shared<WithdrawOptions>();
  return {.name = "deprecate",
          .group = Group::models,
          .summary = "Say in git that a model is not to be used any more",
          .description =
              "A tag MODEL@deprecated#N. From then on no version of it is assigned or released (exit 1), until one is\n"
              "registered anew. A model that an environment runs is refused: unassign it first.",
          .examples = {{"the end of a model", "mlctl deprecate credit-risk"}},
          .arguments = {{.name = "MODEL",
                         .help = "a name, its unique last part, or a folder with a model.yaml",
                         .target = &options->what,
                         .required = true,
                         .path = true}},
          .options = options_of(*options),
          .changes = true,
          .run = [options](Context& context) { return run_withdraw(*options, false, context); }};
}

}  // namespace mlctl::cli
