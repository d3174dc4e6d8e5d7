// mlctl gc: what nothing refers to goes from the registry.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "registry/query.h"
#include "release/reference.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

Result<std::vector<registry::ModelName>> chosen(const std::vector<std::string>& names, const Workplace& place) {
  auto stored = place.store->models_with_garbage();
  if (!stored || names.empty()) return stored;
  std::vector<registry::ModelName> models;
  for (const auto& text : names) {
    auto model = release::find_name(place.project, *stored, text);
    if (!model) return model.error();
    models.push_back(std::move(*model));
  }
  return models;
}

// An index that was restored from a backup has forgotten what is newer; git has not.
Status may_collect(registry::Store& store, const registry::ModelName& model,
                   const std::optional<std::vector<registry::GitTag>>& tags) {
  if (!tags) return ok();
  auto report = store.collect_garbage(model, true);
  return report ? release::check_garbage({model, *tags}, *report) : report.error().context(to_string(model));
}

struct Collected {
  registry::ModelName model;
  registry::GarbageReport report;
};

Json to_json(const std::vector<Collected>& all, std::uint64_t bytes, bool dry_run) {
  Json models = Json::array();
  for (const auto& one : all) {
    Json removed = Json::array();
    for (const auto& item : one.report.removed) removed.push_back({{"name", item.name}, {"bytes", item.bytes}});
    models.push_back({{"model", to_string(one.model)},
                      {"removed", removed},
                      {"bytesFreed", one.report.bytes},
                      {"blobsKept", one.report.kept}});
  }
  return {{"schemaVersion", 1}, {"models", models}, {"bytesFreed", bytes}, {"dryRun", dry_run}};
}

std::string to_text(const std::vector<Collected>& all, const Style& style) {
  Rows rows;
  for (const auto& one : all)
    for (const auto& item : one.report.removed)
      rows.push_back({to_string(one.model), item.name, human_bytes(item.bytes)});
  return rows.empty() ? "" : render_table({"model", "removed", "size"}, rows, style);
}

int run_gc(const std::vector<std::string>& names, Context& context) {
  auto place = open_loosely(context);
  if (!place) return context.fail(place.error());
  auto models = chosen(names, *place);
  if (!models) return context.fail(models.error());
  const auto tags = tags_if_any(context, *place);
  std::vector<Collected> all;
  std::uint64_t bytes = 0, blobs = 0;
  for (const auto& model : *models) {
    if (auto may = may_collect(*place->store, model, tags); !may) return context.fail(may.error());
    auto report = place->store->collect_garbage(model, context.dry_run);
    if (!report) return context.fail(report.error().context(to_string(model)));
    bytes += report->bytes;
    blobs += report->removed.size();
    all.push_back({model, std::move(*report)});
  }
  context.print(to_json(all, bytes, context.dry_run), [&](const Style& style) { return to_text(all, style); });
  const std::string sum = count_text(blobs, "blob") + ", " + human_bytes(bytes);
  if (blobs == 0)
    context.note("nothing to remove");
  else
    context.note(context.dry_run ? "dry run: would free " + sum : "freed " + sum);
  return 0;
}

}  // namespace

Command gc_command() {
  auto models = std::make_shared<std::vector<std::string>>();
  return {.name = "gc",
          .group = Group::models,
          .summary = "Remove from the registry what no version refers to",
          .description =
              "Leftovers of pushes that were refused or cut off. Versions, evidence and what they are made of stay.\n"
              "A push that is under way is waited for, because what it has stored is not referred to yet. A registry\n"
              "behind a network collects its own garbage.",
          .examples = {{"what would go", "mlctl gc --dry-run"}, {"of one model", "mlctl gc credit-risk"}},
          .arguments = {{.name = "MODEL",
                         .help = "a name, or its unique last part; all when none is given",
                         .target = models.get()}},
          .changes = true,
          .run = [models](Context& context) { return run_gc(*models, context); }};
}

}  // namespace mlctl::cli
