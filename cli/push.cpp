// mlctl push: files -> registry.
#include "registry/push.h"

#include <nlohmann/json.hpp>

#include "base/document.h"
#include "base/filesystem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/environment.h"
#include "cli/signing.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "registry/modelcar.h"
#include "registry/pack.h"
#include "release/files.h"
#include "release/versions.h"

namespace mlctl::cli {
namespace {

struct PushOptions {
  std::string model;
  std::optional<std::string> version, metadata, metrics;
  std::string layers = "tar";
  std::optional<std::string> modelcar;
  bool rehash = false;
};

registry::LayerKind kind_of(const PushOptions& options) {
  for (const auto kind : {registry::LayerKind::raw, registry::LayerKind::tar_zstd})
    if (options.layers == to_string(kind)) return kind;
  return registry::LayerKind::tar;
}

constexpr std::uint64_t json_limit = 1U << 20U;

// "" when no file is given; Error{usage} when it holds no JSON.
Result<std::string> read_json(const std::optional<std::string>& path) {
  if (!path) return std::string();
  auto text = read_file(*path, json_limit);
  if (!text) return text.error();
  if (auto json = parse_json(*text, *path); !json)
    return Error{Error::Kind::usage, json.error().message, json.error().hint};
  return text;
}

struct Prepared {
  std::vector<registry::ModelFile> files;
  registry::PushMetadata metadata;
};

Result<Prepared> prepare(const PushOptions& options, const Workplace& place, const release::ModelEntry& model,
                         Context& context) {
  auto files = release::files_in_folder(place.project, model, place.git.get());
  if (!files) return files.error();
  if (options.rehash)
    for (auto& file : *files) file.cache.reset();
  auto source = release::source_of(place.project, model, place.git.get());
  if (!source) return source.error();
  auto metadata = read_json(options.metadata);
  if (!metadata) return metadata.error();
  auto metrics = read_json(options.metrics);
  if (!metrics) return metrics.error();
  auto signer = context.dry_run ? Result(std::optional<registry::Signer>()) : signer_of(context);
  if (!signer) return signer.error();
  source->signer = std::move(*signer);
  source->builder = registry::builder_of(environment_variable);
  source->started = rfc3339(context.clock.wall());
  source->metadata = std::move(*metadata);
  source->metrics = std::move(*metrics);
  return Prepared{std::move(*files), std::move(*source)};
}

// The base image that a modelcar is asked for with, and what it holds.
struct Base {
  registry::BaseImage image;
  std::vector<registry::BasePlatform> platforms;
};
Result<std::optional<Base>> open_base(const PushOptions& options, const std::vector<registry::ModelFile>& files,
                                      Context& context) {
  if (!options.modelcar) return std::optional<Base>();
  if (auto free = registry::check_modelcar_paths(files); !free) return free.error();
  auto image = base_image(*options.modelcar, context);
  if (!image) return image.error().context("--modelcar");
  auto platforms = registry::read_base(*image);
  if (!platforms) return platforms.error().context("--modelcar");
  return std::optional(Base{std::move(*image), std::move(*platforms)});
}

// What was pushed, for people and for scripts.
struct Pushed {
  registry::PushReport report;
  std::optional<Digest> modelcar;
  bool attached = false;  // metadata or metrics
};

int show(const registry::ModelName& model, const registry::Version& version, const Pushed& pushed, Context& context) {
  const auto& report = pushed.report;
  nlohmann::ordered_json data = {{"schemaVersion", 1},
                                 {"model", to_string(model)},
                                 {"version", to_string(version)},
                                 {"digest", to_string(report.manifest)},
                                 {"image", image_json(report.image)},
                                 {"files", report.files},
                                 {"bytes", report.bytes},
                                 {"bytesWritten", report.bytes_written},
                                 {"existed", report.existed},
                                 {"dryRun", context.dry_run}};
  if (pushed.modelcar) data["modelcar"] = to_string(*pushed.modelcar);
  context.print(data, [&](const Style&) {
    return to_string(model) + " " + to_string(version) + "  " + to_string(report.manifest) + "  " +
           size_text(report.files, report.bytes) + "\n" +
           (pushed.modelcar ? "modelcar  " + to_string(*pushed.modelcar) + "\n" : "");
  });
  if (report.existed && pushed.attached)
    context.note("the registry has it already: what was said of it is attached");
  else if (report.existed && !pushed.modelcar)
    context.note("the registry has it already: nothing to do");
  if (report.image == Digest())
    context.note("such layers cannot be mounted: there is no image for a cluster beside it");
  if (context.dry_run && !report.existed) context.note("dry run: nothing was written");
  return 0;
}

using Planned = std::optional<registry::Modelcar>;
Result<Planned> plan_on(const std::optional<Base>& base, const registry::PackedModel& packed) {
  if (!base) return Planned();
  auto modelcar = registry::plan_modelcar(base->image.digest, base->platforms, packed);
  if (!modelcar) return modelcar.error();
  return Planned(std::move(*modelcar));
}

std::optional<Digest> digest_of(const Planned& modelcar) {
  return modelcar ? std::optional(modelcar->descriptor.digest) : std::nullopt;
}

int rehearse(const Workplace& place, const registry::ModelName& model, const std::vector<registry::ModelFile>& files,
             const std::optional<registry::Version>& asked, registry::LayerKind kind, const std::optional<Base>& base,
             Context& context) {
  auto packed = registry::pack_digest(files, kind);
  if (!packed) return context.fail(packed.error());
  auto modelcar = plan_on(base, *packed);
  if (!modelcar) return context.fail(modelcar.error());
  auto next = release::next_to_push(*place.store, model, packed->digest, asked);
  if (!next) return context.fail(next.error());
  auto report = release::rehearse_push(*place.store, model, files, *packed, next->version);
  if (!report) return context.fail(report.error());
  return show(model, next->version, {*report, digest_of(*modelcar), false}, context);
}

constexpr int races_limit = 100;

int run_push(const PushOptions& options, Context& context) {
  const auto asked = version_option(options.version);
  if (!asked) return context.fail(asked.error());
  auto place = open_loosely(context, options.model);
  if (!place) return context.fail(place.error());
  auto model = release::find_model(place->project, options.model);
  if (!model) return context.fail(model.error());
  auto prepared = prepare(options, *place, **model, context);
  if (!prepared) return context.fail(prepared.error());
  const auto base = open_base(options, prepared->files, context);
  if (!base) return context.fail(base.error());
  const auto& name = (*model)->name;
  if (context.dry_run) return rehearse(*place, name, prepared->files, *asked, kind_of(options), *base, context);
  auto stored = registry::store_files(*place->store, name, prepared->files, context.progress(), kind_of(options));
  if (!stored) return context.fail(stored.error());
  const auto modelcar = plan_on(*base, stored->packed);
  if (!modelcar) return context.fail(modelcar.error());
  for (int tries = 1;; ++tries) {
    auto next = release::next_to_push(*place->store, name, stored->packed.digest, *asked);
    if (!next) return context.fail(next.error());
    auto report =
        registry::publish_files(*place->store, name, *stored, next->version, prepared->metadata, context.clock);
    if (report && *modelcar)
      if (auto kept = registry::store_modelcar(*place->store, name, (*base)->image, **modelcar, context.progress());
          !kept)
        return context.fail(kept.error());
    const bool said = options.metadata || options.metrics;
    if (report) return show(name, next->version, {*report, digest_of(*modelcar), said}, context);
    // Another push took that number since we looked: the next one is free. One of the racing always gets on.
    const bool taken = !*asked && report.error().kind == Error::Kind::conflict;
    if (!taken || tries == races_limit) return context.fail(report.error());
  }
}

}  // namespace

Command push_command() {
  auto options = std::make_shared<PushOptions>();
  return {.name = "push",
          .group = Group::models,
          .summary = "Put a model's files into the registry as a version",
          .description =
              "Without --version it is the next patch after the registry's newest, v0.0.1 first; files that the\n"
              "newest version has already make no new one. A version never changes: the same files again do\n"
              "nothing, other files are refused (exit 1). Files that did not change since they were last hashed\n"
              "are not read again.",
          .examples = {{"the files beside a model.yaml", "mlctl push models/credit-risk"},
                       {"for tools that want each file as it is", "mlctl push credit-risk --layers raw"},
                       {"an image that KServe's modelcar runs, on a base that has a shell",
                        "skopeo copy --all docker://busybox oci:busybox && mlctl push credit-risk --modelcar busybox"},
                       {"a version of your choice, with the numbers of its training",
                        "mlctl push credit-risk --version v1.2.0 --metrics metrics.json"}},
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
                      {.name = "metadata",
                       .value = "FILE",
                       .help = "JSON that stands beside the version, not in its digest",
                       .target = &options->metadata,
                       .path = true},
                      {.name = "metrics",
                       .value = "FILE",
                       .help = "JSON with the numbers of the training, beside the version",
                       .target = &options->metrics,
                       .path = true},
                      {.name = "layers",
                       .value = "KIND",
                       .help = "how the files are packed; only tar can be mounted by a cluster",
                       .target = &options->layers,
                       .choices = {"tar", "raw", "tar+zstd"}},
                      {.name = "modelcar",
                       .value = "BASE",
                       .help = "also write the image for KServe's modelcar, on BASE: an OCI layout or oci://…@sha256:…",
                       .target = &options->modelcar,
                       .path = true},
                      {.name = "rehash",
                       .help = "read every file, whatever is remembered of it; mends what went bad in the registry",
                       .target = &options->rehash}},
          .changes = true,
          .run = [options](Context& context) { return run_push(*options, context); }};
}

}  // namespace mlctl::cli
