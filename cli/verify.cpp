// mlctl verify: is a version, or a folder with a signature, still what it was, and by whom?
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/workplace.h"
#include "registry/oms.h"
#include "registry/trust_config.h"
#include "release/trust.h"
#include "release/verification.h"

namespace mlctl::cli {
namespace {

struct VerifyOptions {
  std::string subject, environment, signature;
  std::vector<std::string> keys, roots, identities;
  bool origin = false;
};

constexpr std::uint64_t signature_limit = 64U << 20U;

// nullopt: the command line says nothing about whose signatures count.
Result<std::optional<registry::Trust>> trust_asked(const VerifyOptions& options) {
  if (options.keys.empty() && options.roots.empty()) {
    if (options.identities.empty()) return std::optional<registry::Trust>();
    return Error{Error::Kind::usage, "--identity says who, and nothing says who vouches for them",
                 "add --roots FILE with the certificates that do"};
  }
  if (!options.identities.empty() && options.roots.empty())
    return Error{Error::Kind::usage, "--identity is about certificates, and a key has none", "add --roots FILE"};
  auto trust = registry::load_trust({options.keys, options.roots, options.identities}, "");
  if (!trust) return trust.error();
  return std::optional(std::move(*trust));
}

int verify_reference(const VerifyOptions& options, Context& context) {
  auto place = open_loosely(context);
  if (!place) return context.fail(place.error());
  auto trust = trust_asked(options);
  if (!trust) return context.fail(trust.error());
  std::optional<std::vector<registry::GitTag>> tags;
  if (place->git) {
    auto all = release::all_tags(*place->git);
    if (!all) return context.fail(all.error());
    tags = std::move(*all);
  }
  if (options.origin && !place->git)
    return context.fail({Error::Kind::usage, "--origin: there is no git repository here", "leave --origin out"});
  auto found = release::find_reference(place->project, *place->store, place->git.get(), options.subject);
  if (!found) return context.fail(found.error());
  const auto environment =
      options.environment.empty() ? release::environment_in(place->project, options.subject) : options.environment;
  auto verified = release::verify_all(place->project, *place->store, tags ? &*tags : nullptr, *found,
                                      {std::move(*trust), environment, context.clock.wall()});
  if (!verified) return context.fail(verified.error());
  if (options.origin)
    if (auto asked = release::verify_at_origin(*place->git, found->model, verified->report.problems); !asked)
      return context.fail(asked.error());
  context.print(release::to_json(*verified), [&](const Style& style) { return release::to_text(*verified, style); });
  return release::holds(*verified) ? 0 : 1;
}

// The trust of the command line, else of the project around; a folder needs no project.
Result<registry::Trust> trust_for_folder(const VerifyOptions& options, const Context& context) {
  auto asked = trust_asked(options);
  if (!asked) return asked.error();
  if (*asked) return std::move(**asked);
  auto project = release::open_project(context.project);
  if (!project) return project.error();
  auto configured = release::trust_of(*project, "");
  if (!configured) return configured.error();
  if (*configured) return std::move(**configured);
  return Error{Error::Kind::usage, "nobody said whose signatures count",
               "--key FILE or --roots FILE, or `trust:` in mlctl.yaml"};
}

int verify_folder(const VerifyOptions& options, Context& context) {
  if (options.origin || !options.environment.empty())
    return context.fail({Error::Kind::usage, "--signature is about a folder, --env and --origin are about a version",
                         "check the version too: `mlctl verify MODEL@V`, with them"});
  auto trust = trust_for_folder(options, context);
  if (!trust) return context.fail(trust.error());
  auto bundle = read_file(options.signature, signature_limit);
  if (!bundle) return context.fail(bundle.error());
  auto report = registry::verify_folder(options.subject, *bundle, *trust, context.clock.wall(), options.signature,
                                        context.progress());
  if (!report) return context.fail(report.error());
  const bool whole = report->problems.empty() && report->signature.trusted == registry::Trusted::valid;
  const nlohmann::ordered_json data = {
      {"schemaVersion", 1},          {"folder", options.subject},
      {"verified", whole},           {"signature", release::to_json(report->signature, true)},
      {"files", report->files},      {"bytesRead", report->bytes},
      {"problems", report->problems}};
  context.print(data, [&](const Style& style) {
    std::string text = symbol(whole ? Symbol::pass : Symbol::fail, style) + " " + escape_control(options.subject) +
                       (whole ? " is what was signed" : " is not shown to be what was signed") + "\n  signature " +
                       escape_control(release::signature_text(report->signature, true)) + "\n  " +
                       count_text(report->files, "file") + ", " + human_bytes(report->bytes) + " read\n";
    for (const auto& problem : report->problems) text += "  " + escape_control(problem) + "\n";
    return text;
  });
  return whole ? 0 : 1;
}

int run_verify(const VerifyOptions& options, Context& context) {
  return options.signature.empty() ? verify_reference(options, context) : verify_folder(options, context);
}

}  // namespace

Command verify_command() {
  auto options = std::make_shared<VerifyOptions>();
  return {
      .name = "verify",
      .group = Group::models,
      .summary = "Read every byte of a version; check digests, tag, signatures and what an environment requires",
      .description =
          "Both manifests, the link between them, layers, files and evidence; in a git repository also the digest\n"
          "that the version's tag records. Signatures count by --key and --roots, else by `trust:` in mlctl.yaml;\n"
          "without either they are listed only. With --env, or of MODEL#ENV, also what its `requires:` asks for.\n"
          "With --signature, a folder and an OMS signature of its files. Nothing is asked of a network but the\n"
          "registry. Exit 0 only when everything that was asked for was verified, 1 when not.",
      .examples = {{"one version", "mlctl verify credit-risk@v1.2.0"},
                   {"signed by this key", "mlctl verify credit-risk@v1.2.0 --key release.pub"},
                   {"what prod runs, by what prod requires", "mlctl verify 'credit-risk#prod'"},
                   {"a folder that came with a signature",
                    "mlctl verify model/ --signature model.sig --key release.pub"}},
      .arguments = {{.name = "REF|DIR",
                     .help = "MODEL@V, MODEL@sha256:… or MODEL#ENV; with --signature a folder",
                     .target = &options->subject,
                     .required = true}},
      .options = {{.name = "key",
                   .value = "FILE",
                   .help = "a public key whose signatures count (PEM; again for more)",
                   .target = &options->keys,
                   .path = true},
                  {.name = "roots",
                   .value = "FILE",
                   .help = "certificates that vouch for those that sign (PEM; again for more)",
                   .target = &options->roots,
                   .path = true},
                  {.name = "identity",
                   .value = "ID",
                   .help = "who among them: e-mail or URI of the certificate, without subjectAltName its common name",
                   .target = &options->identities},
                  {.name = "env",
                   .value = "ENV",
                   .help = "an environment whose trust and `requires:` count",
                   .target = &options->environment},
                  {.name = "origin",
                   .help = "also whether origin's tags of the model are the same as here",
                   .target = &options->origin},
                  {.name = "signature",
                   .value = "FILE",
                   .help = "an OMS signature of the folder DIR",
                   .target = &options->signature,
                   .path = true}},
      .run = [options](Context& context) { return run_verify(*options, context); }};
}

}  // namespace mlctl::cli
