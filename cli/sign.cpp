// mlctl sign: two signatures beside a version, one over its files, one over its digest.
#include "registry/sign.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/signing.h"
#include "cli/workplace.h"
#include "registry/sigstore.h"
#include "release/reference.h"

namespace mlctl::cli {
namespace {

struct SignOptions {
  std::string reference, key, certificate, bundle;
};

// In text who it is that signs; nobody is named by a file's path.
std::string signer_name(const registry::Signer& signer) {
  return "key " + signer.key.public_key().hint().substr(0, 12) + " (" + signer.key.public_key().kind() +
         (signer.chain_pem.empty() ? ")" : ", with its certificate)");
}

// A signature may be made anew; whatever else stands there is somebody's.
Status may_write_bundle(const std::string& path) {
  constexpr std::uint64_t limit = 64U << 20U;
  if (path.empty()) return ok();
  std::error_code code;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, code))) return ok();
  const auto text = read_file(path, limit);
  if (text && registry::parse_sigstore(*text)) return ok();
  return Error{Error::Kind::usage, "--bundle " + path + ": is there, and is no signature",
               "name another file, or move it out of the way"};
}

int run_sign(const SignOptions& options, Context& context) {
  if (auto may = may_write_bundle(options.bundle); !may) return context.fail(may.error());
  auto signer = signer_of(context, options.key, options.certificate);
  if (!signer) return context.fail(signer.error());
  if (!*signer)
    return context.fail({Error::Kind::credentials, "no key to sign with",
                         "name the PEM file of a private key: `--key FILE` or MLCTL_SIGNING_KEY"});
  auto place = open_loosely(context);
  if (!place) return context.fail(place.error());
  auto found = release::find_agreed(place->project, *place->store, place->git.get(), options.reference);
  if (!found) return context.fail(found.error());
  registry::Signed result;
  if (!context.dry_run) {
    auto done =
        registry::sign_version(*place->store, found->model, found->digest, **signer, rfc3339(context.clock.wall()));
    if (!done) return context.fail(done.error());
    result = std::move(*done);
    if (!options.bundle.empty())
      if (auto written = write_file(options.bundle, result.oms + "\n"); !written) return context.fail(written.error());
  }
  const auto who = signer_name(**signer);
  const nlohmann::ordered_json data = {{"schemaVersion", 1},
                                       {"model", to_string(found->model)},
                                       {"digest", to_string(found->digest)},
                                       {"key", (*signer)->key.public_key().hint()},
                                       {"certificate", !(*signer)->chain_pem.empty()},
                                       {"existed", result.existed},
                                       {"dryRun", context.dry_run}};
  context.print(data, [&](const Style&) {
    return to_string(found->model) + (found->version ? " " + to_string(*found->version) : "") + "  " +
           to_string(found->digest) + "  signed by " + who + "\n";
  });
  if (result.existed) context.note("it was signed by this key already: nothing to do");
  if (context.dry_run) context.note("dry run: nothing was written");
  return 0;
}

}  // namespace

Command sign_command() {
  auto options = std::make_shared<SignOptions>();
  return {.name = "sign",
          .group = Group::models,
          .summary = "Sign a version with a key of your own",
          .description =
              "Two signatures are put beside the version: one over its files, which OpenSSF's model_signing checks\n"
              "on a folder, one over its digest in the shape of cosign. No file is read again. A second time with\n"
              "the same key does nothing. The key is P-256, P-384, P-521 or Ed25519 in PEM; what opens an encrypted\n"
              "one is taken from MLCTL_SIGNING_KEY_PASSPHRASE.",
          .examples = {{"with a key", "mlctl sign credit-risk@v1.2.0 --key signing.key"},
                       {"in CI, with what the environment names", "mlctl sign credit-risk@v1.2.0"},
                       {"and the signature over the files as a file",
                        "mlctl sign credit-risk@v1.2.0 --key signing.key --bundle model.sig"}},
          .arguments = {{.name = "REF",
                         .help = "MODEL@V, MODEL@sha256:… or MODEL#ENV",
                         .target = &options->reference,
                         .required = true}},
          .options = {{.name = "key",
                       .value = "FILE",
                       .help = "a private key in PEM",
                       .target = &options->key,
                       .path = true,
                       .variable = "MLCTL_SIGNING_KEY"},
                      {.name = "certificate",
                       .value = "FILE",
                       .help = "the key's certificate and those above it, in PEM",
                       .target = &options->certificate,
                       .path = true,
                       .variable = "MLCTL_SIGNING_CERTIFICATE"},
                      {.name = "bundle",
                       .value = "FILE",
                       .help = "also write the signature over the files here, for other tools",
                       .target = &options->bundle,
                       .path = true}},
          .changes = true,
          .run = [options](Context& context) { return run_sign(*options, context); }};
}

}  // namespace mlctl::cli
