// mlctl compare: what changed between two versions.
#include "release/compare.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/workplace.h"

namespace mlctl::cli {
namespace {

struct CompareOptions {
  std::string before, after;
  bool all = false, markdown = false;
};

// "@v1.1.0" and "#prod" are of the model that stands before.
std::string whole_reference(const CompareOptions& options) {
  if (!options.after.starts_with('@') && !options.after.starts_with('#')) return options.after;
  return options.before.substr(0, options.before.find_last_of("@#")) + options.after;
}

int run_compare(const CompareOptions& options, Context& context) {
  auto place = open_loosely(context);
  if (!place) return context.fail(place.error());
  auto before = release::find_reference(place->project, *place->store, place->git.get(), options.before);
  if (!before) return context.fail(before.error());
  auto after = release::find_reference(place->project, *place->store, place->git.get(), whole_reference(options));
  if (!after) return context.fail(after.error());
  for (const auto* one : {&*before, &*after})
    if (const auto tags = one->version ? tags_if_any(context, *place) : std::nullopt)
      if (auto agreed = release::check_tagged({one->model, *tags}, *one->version, one->digest); !agreed)
        context.note(agreed.error().message);
  auto comparison = release::compare(*place->store, *before, *after);
  if (!comparison) return context.fail(comparison.error());
  if (options.markdown && context.format == OutputFormat::text)
    context.out << release::to_markdown(*comparison, options.all);
  else
    context.print(release::to_json(*comparison),
                  [&](const Style& style) { return release::to_text(*comparison, options.all, style); });
  if (comparison->equal()) context.note("nothing differs");
  return comparison->equal() ? 0 : 1;
}

}  // namespace

Command compare_command() {
  auto options = std::make_shared<CompareOptions>();
  return {
      .name = "compare",
      .group = Group::models,
      .summary = "Show what changed between two versions: files, tensors, metadata, metrics, size",
      .description =
          "Files by digest; tensors of safetensors, GGUF and ONNX by name, type and shape, read from the headers\n"
          "alone, of all shards in a folder together; metadata and training metrics as they were pushed; metrics of\n"
          "the newest gates. Exit 0 when nothing differs, 1 when something does.",
      .examples = {{"two versions of a model", "mlctl compare credit-risk@v1.1.0 @v1.2.0"},
                   {"what a release would change", "mlctl compare 'credit-risk#prod' @v1.2.0"},
                   {"as a comment on a pull request",
                    "mlctl compare 'credit-risk#prod' @v1.2.0 --markdown | gh pr comment --body-file -"}},
      .arguments = {{.name = "REF",
                     .help = "MODEL@V, MODEL@sha256:… or MODEL#ENV: before",
                     .target = &options->before,
                     .required = true},
                    {.name = "OTHER",
                     .help = "after: the same, or @V, @sha256:… or #ENV of the same model",
                     .target = &options->after,
                     .required = true}},
      .options = {{.name = "all", .help = "every line, not the first 20 of each part", .target = &options->all},
                  {.name = "markdown", .help = "Markdown, for a pull request", .target = &options->markdown}},
      .run = [options](Context& context) { return run_compare(*options, context); }};
}

}  // namespace mlctl::cli
