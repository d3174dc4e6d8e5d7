#include "release/audit.h"

#include <nlohmann/json.hpp>

#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/workplace.h"

namespace mlctl::cli {
namespace {

int run_audit(const std::string& reference, Context& context) {
  auto project = release::load_project(context.project);
  if (!project) return context.fail(project.error());
  auto git = registry::open_git(project->root);
  if (!git) return context.fail(git.error());
  auto store = project_store(*project, context);
  if (!store) return context.fail(store.error());
  const auto connect_to = [&](const deploy::Environment& environment) { return connect(environment, context); };
  auto audit = release::audit(*project, **git, **store, connect_to, reference, context.clock.wall());
  if (!audit) return context.fail(audit.error());
  context.print(release::to_json(*audit), [&](const Style& style) { return release::to_text(*audit, style); });
  return audit->gaps.empty() ? 0 : 1;
}

}  // namespace

Command audit_command() {
  auto reference = std::make_shared<std::string>();
  return {
      .name = "audit",
      .group = Group::release,
      .summary = "Say why a version is where it is: environment, digest, checks, tag, commit, who and when",
      .description =
          "Where an environment is a cluster, the cluster is asked: what serves, since when, by whom, by which\n"
          "rollout, step by step. Exit 1 when the chain has a gap: no digest in the tag, no evidence, another digest\n"
          "in the folder or the cluster, a cluster that does not answer.",
      .examples = {{"what prod runs, and why", "mlctl audit 'credit-risk#prod'"},
                   {"one version", "mlctl audit credit-risk@v1.2.0"}},
      .arguments = {{.name = "REF",
                     .help = "MODEL (its last environment), MODEL@V, MODEL@sha256:… or MODEL#ENV",
                     .target = reference.get(),
                     .required = true}},
      .run = [reference](Context& context) { return run_audit(*reference, context); }};
}

}  // namespace mlctl::cli
