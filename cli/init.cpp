#include "release/init.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"

namespace mlctl::cli {
namespace {

struct InitOptions {
  std::string folder = ".";
  std::string name;
  std::string ci;
};

nlohmann::ordered_json plan_json(const release::InitPlan& plan) {
  nlohmann::ordered_json json = {{"schemaVersion", 1}, {"root", plan.root.string()}, {"model", plan.model}};
  json["files"] = nlohmann::ordered_json::array();
  for (const auto& file : plan.files) json["files"].push_back({{"path", file.path}, {"written", !file.exists}});
  json["notes"] = plan.notes;
  return json;
}

std::string plan_text(const release::InitPlan& plan, bool dry_run) {
  std::string text;
  for (const auto& file : plan.files) {
    text += (file.exists ? "kept   " : dry_run ? "would write " : "wrote  ") + escape_control(file.path) + "\n";
  }
  return text;
}

int run_init(const InitOptions& options, Context& context) {
  const auto folder = std::filesystem::path(options.folder);
  auto plan = release::plan_init({.folder = folder, .name = options.name, .github = options.ci == "github"});
  if (!plan) return context.fail(plan.error());
  if (!context.dry_run) {
    if (auto done = release::perform_init(*plan); !done) return context.fail(done.error());
  }
  context.print(plan_json(*plan), [&](const Style&) { return plan_text(*plan, context.dry_run); });
  for (const auto& note : plan->notes) context.note(note);
  return 0;
}

}  // namespace

Command init_command() {
  auto options = std::make_shared<InitOptions>();
  return {
      .name = "init",
      .group = Group::start,
      .summary = "Look at a model's files and write model.yaml, and mlctl.yaml if there is none",
      .description =
          "Nothing that exists is overwritten. The project's root is where mlctl.yaml is, else the git "
          "repository's, else DIR.",
      .examples = {{"beside the model's files", "mlctl init models/credit-risk"},
                   {"with a GitHub workflow that releases version tags", "mlctl init models/credit-risk --ci github"}},
      .arguments =
          {{.name = "DIR", .help = "the model's folder (default: here)", .target = &options->folder, .path = true}},
      .options = {{.name = "name",
                   .value = "NAME",
                   .help = "the model's name, [TENANT/]NAME (default: from the folder's)",
                   .target = &options->name},
                  {.name = "ci",
                   .value = "SYSTEM",
                   .help = "also write a workflow for: github",
                   .target = &options->ci,
                   .choices = {"github"}}},
      .changes = true,
      .run = [options](Context& context) { return run_init(*options, context); }};
}

}  // namespace mlctl::cli
