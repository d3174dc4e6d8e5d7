// mlctl copy: versions, and all that refers to them, to another registry or into a file.
#include "registry/copy.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/workplace.h"
#include "registry/bundle.h"
#include "release/copy.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

struct CopyOptions {
  std::string source, destination;
  std::optional<std::string> from;
};

// "FILE.tar" and "FILE.tar:MODEL@V" name a bundle; what stands behind the colon chooses from it.
void split_bundle(CopyOptions& options) {
  if (options.from) return;
  const auto colon = options.source.find(".tar:");
  const auto file = colon == std::string::npos ? options.source : options.source.substr(0, colon + 4);
  if (!registry::is_bundle_name(file)) return;
  options.from = file;
  options.source = colon == std::string::npos ? "" : options.source.substr(colon + 5);
}

struct Copied {
  std::vector<registry::CopySet> sets;
  registry::CopyReport report;
  std::string from, to;
};

Result<registry::CopyReport> write(registry::Store& from, const CopyOptions& options, const Copied& copied,
                                   Context& context) {
  if (registry::is_bundle_name(options.destination)) {
    if (context.dry_run) {
      auto may = registry::may_write_bundle(copied.sets, options.destination);
      return may ? Result<registry::CopyReport>(registry::rehearse_bundle(copied.sets)) : may.error();
    }
    return registry::write_bundle(from, copied.sets, options.destination, context.progress());
  }
  auto to = open_store(options.destination, context);
  if (!to) return to.error();
  if (context.dry_run) return registry::rehearse_copy(**to, copied.sets);
  return registry::copy_versions(from, **to, copied.sets, context.progress());
}

// "registry.example/models" is an address that lacks its scheme as long as no such folder is there.
Status check_destination(const std::string& text) {
  for (const char* archive : {".tgz", ".gz", ".xz", ".zst", ".bz2", ".zip", ".TAR"})
    if (text.ends_with(archive))
      return Error{Error::Kind::usage, "'" + escape_control(text) + "': no archive of that kind is written",
                   "a file's name ends in .tar; a folder's may end in /"};
  if (text.starts_with("oci:"))
    return Error{Error::Kind::usage, "'" + escape_control(text) + "' is no address",
                 "write oci://" + escape_control(text.substr(text.find_first_not_of('/', 4) == std::string::npos
                                                                 ? text.size()
                                                                 : text.find_first_not_of('/', 4)))};
  const auto slash = text.find('/');
  const auto first = text.substr(0, slash);
  std::error_code code;
  if (slash == std::string::npos || slash == 0 || first.find_first_not_of('.') == std::string::npos) return ok();
  if (first.find_first_of(".:") == std::string::npos || std::filesystem::exists(first, code)) return ok();
  return Error{Error::Kind::usage, "'" + escape_control(text) + "': a registry or a folder?",
               "write oci://" + escape_control(text) + ", or ./" + escape_control(text)};
}

Result<Copied> copy(CopyOptions options, Context& context) {
  if (options.source.empty())
    return Error{Error::Kind::usage, "an empty source", "name a model, a version or a FILE.tar"};
  split_bundle(options);
  const bool address = options.destination.find("://") != std::string::npos;
  if (auto clear = address ? ok() : check_destination(options.destination); !clear) return clear.error();
  auto place = open_loosely(context);
  if (!place) return place.error();
  if (options.from) {
    auto from = open_store(*options.from, context);
    if (!from) return from.error();
    place->store = std::move(*from);
  }
  auto sets = release::sets_to_copy(place->project, *place->store, place->git.get(), options.source);
  if (!sets && options.from && sets.error().kind == Error::Kind::not_found)
    return Error{Error::Kind::not_found, sets.error().message,
                 "`mlctl copy " + shell_word(*options.from) + " " + shell_word(options.destination) +
                     " --dry-run` shows what is in it"};
  if (!sets) return sets.error();
  Copied copied{std::move(*sets), {}, place->store->name(), options.destination};
  auto report = write(*place->store, options, copied, context);
  if (!report) return report.error();
  copied.report = *report;
  return copied;
}

Json to_json(const Copied& copied, bool dry_run) {
  Json versions = Json::array();
  for (const auto& set : copied.sets)
    versions.push_back({{"model", to_string(set.model)},
                        {"version", to_string(set.publication.version)},
                        {"digest", to_string(set.publication.model.digest)},
                        {"referrers", set.referrers.size()}});
  const auto& report = copied.report;
  return {{"schemaVersion", 1},       {"from", copied.from},       {"to", copied.to},
          {"versions", versions},     {"existed", report.existed}, {"blobs", report.blobs},
          {"blobsSent", report.sent}, {"bytes", report.bytes},     {"bytesSent", report.bytes_sent},
          {"dryRun", dry_run}};
}

std::string to_text(const Copied& copied) {
  Rows rows;
  for (const auto& set : copied.sets)
    rows.push_back({to_string(set.model) + " " + to_string(set.publication.version),
                    to_string(set.publication.model.digest),
                    set.referrers.empty() ? "" : "and " + count_text(set.referrers.size(), "referrer")});
  return render_table({}, rows, Style::plain());
}

std::string said(const Copied& copied, bool dry_run) {
  const auto& report = copied.report;
  if (report.sent == 0)
    return "nothing to send: " + copied.to + " has " +
           (report.blobs == 1 ? "the blob" : "all " + count_text(report.blobs, "blob"));
  std::string text = count_text(report.sent, "blob") + ", " + human_bytes(report.bytes_sent) +
                     (dry_run ? " to send to " : " sent to ") + copied.to;
  if (report.sent < report.blobs) text += "; " + std::to_string(report.blobs - report.sent) + " there already";
  return dry_run ? "dry run: " + text : text;
}

int run_copy(const CopyOptions& options, Context& context) {
  auto copied = copy(options, context);
  if (!copied) return context.fail(copied.error());
  context.print(to_json(*copied, context.dry_run), [&](const Style&) { return to_text(*copied); });
  context.note(said(*copied, context.dry_run));
  return 0;
}

}  // namespace

Command copy_command() {
  auto options = std::make_shared<CopyOptions>();
  return {
      .name = "copy",
      .group = Group::models,
      .summary = "Copy versions with all that refers to them to another registry, a folder or a file",
      .description =
          "Digests stay what they are: the model, its image, evidence and signatures. Every byte is checked on the\n"
          "way; what is there is not sent again, so that a copy that was cut off goes on. DESTINATION is a folder,\n"
          "oci://HOST/PATH, or FILE.tar: a bundle in one file, for where no network leads. SOURCE is a reference, a\n"
          "model (all of its versions), or such a bundle: FILE.tar, or FILE.tar:MODEL@V for one version of it.",
      .examples = {{"to the registry that production pulls from", "mlctl copy credit-risk@v1.2.0 oci://HOST/models"},
                   {"out into one file, and in again elsewhere",
                    "mlctl copy credit-risk@v1.2.0 credit-risk.tar && mlctl copy credit-risk.tar /srv/models"},
                   {"from a registry that is not the project's", "mlctl copy credit-risk --from /mnt/usb /srv/models"}},
      .arguments = {{.name = "SOURCE",
                     .help = "MODEL@V, MODEL@sha256:…, MODEL#ENV, MODEL, or FILE.tar[:MODEL@V]",
                     .target = &options->source,
                     .required = true,
                     .path = true},
                    {.name = "DESTINATION",
                     .help = "a folder, oci://HOST/PATH or FILE.tar",
                     .target = &options->destination,
                     .required = true,
                     .path = true}},
      .options = {{.name = "from",
                   .value = "REGISTRY",
                   .help = "where SOURCE is looked up: a folder, oci://HOST/PATH or FILE.tar; default: the project's",
                   .target = &options->from,
                   .path = true}},
      .changes = true,
      .run = [options](Context& context) { return run_copy(*options, context); }};
}

}  // namespace mlctl::cli
