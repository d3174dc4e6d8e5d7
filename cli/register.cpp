// mlctl register: the commit that is checked out becomes a version.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/environment.h"
#include "cli/signing.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "registry/dry_run.h"
#include "release/versions.h"

namespace mlctl::cli {
namespace {

struct RegisterOptions {
  std::string model;
  std::optional<std::string> version, bump;
  bool no_push = false;
};

Result<release::RegisterRequest> request_of(const RegisterOptions& options, const release::ModelEntry& model,
                                            Context& context) {
  if (options.version && options.bump) return Error{Error::Kind::usage, "--version and --bump exclude each other", ""};
  auto version = version_option(options.version);
  if (!version) return version.error();
  release::RegisterRequest request{
      .model = &model, .version = *version, .push = !options.no_push, .dry_run = context.dry_run};
  auto signer = context.dry_run ? Result(std::optional<registry::Signer>()) : signer_of(context);
  if (!signer) return signer.error();
  request.signer = std::move(*signer);
  request.builder = registry::builder_of(environment_variable);
  if (options.bump)
    request.bump = *options.bump == "major"   ? registry::Bump::major
                   : *options.bump == "minor" ? registry::Bump::minor
                                              : registry::Bump::patch;
  return request;
}

void say(const release::Registered& registered, bool wanted_push, Context& context) {
  for (const auto& note : registered.notes) context.note(note);
  if (context.dry_run) {
    context.note(registered.existed ? "the tag is there already: nothing to do" : "dry run: no tag was made");
    return;
  }
  if (registered.packed)
    context.note("the commit's files went into the registry: " + size_text(registered.files, registered.bytes));
  if (registered.existed) context.note("the tag is there already: nothing to do");
  if (!registered.existed && !registered.pushed)
    context.note(wanted_push ? "there is no remote: the tag is only here" : "not pushed: the tag is only here");
}

int run_register(const RegisterOptions& options, Context& context) {
  auto place = open_with_git(context);
  if (!place) return context.fail(place.error());
  auto model = release::find_model(place->project, options.model);
  if (!model) return context.fail(model.error());
  auto request = request_of(options, **model, context);
  if (!request) return context.fail(request.error());
  const auto rehearsal = registry::dry_run(*place->git);
  auto& git = context.dry_run ? *rehearsal : *place->git;
  auto registered =
      release::register_head(place->project, git, *place->store, *request, context.progress(), context.clock);
  if (!registered) return context.fail(registered.error());
  const nlohmann::ordered_json data = {{"schemaVersion", 1},
                                       {"model", to_string((*model)->name)},
                                       {"version", to_string(registered->version)},
                                       {"digest", to_string(registered->digest)},
                                       {"tag", registered->tag},
                                       {"commit", registered->commit},
                                       {"existed", registered->existed},
                                       {"pushed", registered->pushed && !context.dry_run},
                                       {"notes", registered->notes},
                                       {"dryRun", context.dry_run}};
  context.print(data, [&](const Style&) { return registered->tag + "  " + to_string(registered->digest) + "\n"; });
  say(*registered, request->push, context);
  return 0;
}

}  // namespace

Command register_command() {
  auto options = std::make_shared<RegisterOptions>();
  return {.name = "register",
          .group = Group::models,
          .summary = "Make the checked-out commit a version: an annotated git tag with the digest",
          .description =
              "The tag is MODEL@vX.Y.Z in GTO's grammar, and goes to origin where there is one. Without --version and\n"
              "--bump it is the registry's newest version when git does not know it yet, else the next patch. What\n"
              "the registry does not have is packed from the commit's files first.",
          .examples = {{"what was pushed last", "mlctl register credit-risk"},
                       {"the next minor version, packed from the commit", "mlctl register credit-risk --bump minor"}},
          .arguments = {{.name = "MODEL",
                         .help = "a name, its unique last part, or a folder with a model.yaml",
                         .target = &options->model,
                         .required = true,
                         .path = true}},
          .options = {{.name = "version",
                       .value = "V",
                       .help = "the version, e.g. v1.2.3",
                       .target = &options->version,
                       .variable = "MLCTL_MODEL_VERSION"},
                      {.name = "bump",
                       .value = "PART",
                       .help = "the version after git's newest: major, minor or patch",
                       .target = &options->bump,
                       .choices = {"major", "minor", "patch"}},
                      {.name = "no-push", .help = "make the tag here only", .target = &options->no_push}},
          .changes = true,
          .run = [options](Context& context) { return run_register(*options, context); }};
}

}  // namespace mlctl::cli
