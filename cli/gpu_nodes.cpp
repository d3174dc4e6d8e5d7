// mlctl gpu check --cluster: gpu-smoke on every GPU node of an environment's cluster.
#include "release/gpu_nodes.h"

#include <nlohmann/json.hpp>
#include <random>

#include "base/document.h"
#include "base/filesystem.h"
#include "base/units.h"
#include "cli/cluster.h"
#include "cli/gpu.h"
#include "deploy/rules.h"
#include "release/project.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Stage {
  release::Project project;
  const deploy::Environment* environment = nullptr;
  deploy::GpuJobRequest request;
};

Result<deploy::GpuJobRequest> request_of(const GpuCheckOptions& options, const deploy::Environment& environment) {
  deploy::GpuJobRequest request{
      .image = environment.gpu_smoke.image, .name_space = environment.gpu_smoke.name_space, .quick = options.quick};
  if (!options.image.empty()) request.image = options.image;
  if (!options.name_space.empty()) request.name_space = options.name_space;
  if (request.image.empty())
    return Error{Error::Kind::usage, "environment " + environment.name + " names no image with gpu-smoke",
                 "`gpu_smoke: {image: IMAGE@DIGEST}` in mlctl.yaml, or --image"};
  if (auto good = deploy::namespace_name(request.name_space); !good) return good.error().context("--namespace");
  if (auto good = deploy::image_by_digest(request.image); !good) return good.error().context("--image");
  auto limit = parse_duration(options.limit);
  if (!limit) return limit.error().context("--limit");
  if (*limit < std::chrono::seconds(1) || *limit > std::chrono::hours(24))
    return Error{Error::Kind::usage, "--limit " + options.limit + ": from 1s to 24h", ""};
  request.limit = *limit;
  return request;
}

Result<Stage> open_stage(const GpuCheckOptions& options, Context& context) {
  auto project = release::load_project(context.project);
  if (!project) return project.error();
  Stage stage{.project = std::move(*project)};
  auto environment = release::find_environment(stage.project, options.environment);
  if (!environment) return environment.error();
  stage.environment = *environment;
  if (!stage.environment->cluster)
    return Error{Error::Kind::usage, "environment " + stage.environment->name + " has no `cluster:`",
                 "without --cluster, `mlctl gpu check` checks this machine"};
  auto request = request_of(options, *stage.environment);
  if (!request) return request.error();
  stage.request = std::move(*request);
  return stage;
}

int show_jobs(const std::vector<deploy::GpuNode>& nodes, const deploy::GpuJobRequest& request, Context& context) {
  Json jobs = Json::array();
  for (const auto& node : nodes)
    if (node.ready && node.count > 0) jobs.push_back(deploy::gpu_job(node, request));
  context.print(jobs, [&](const Style&) {
    std::string out;
    for (const auto& job : jobs) out += (out.empty() ? "" : "---\n") + to_yaml(job);
    return out;
  });
  context.note("dry run: nothing was written");
  return 0;
}

// What was found stays with the project, a file for each node; what decides nothing does not take the place of what
// did.
Status keep(const std::vector<release::NodeVerdict>& nodes, const Stage& stage) {
  const auto before = release::kept_reports(stage.project.root, stage.environment->name);
  for (const auto& one : nodes) {
    if (!one.check) continue;
    if (const auto old = before(one.node.name); old && old->unfit && !release::decides(one, stage.request.quick))
      continue;
    const auto file = release::report_file(stage.project.root, stage.environment->name, one.node.name);
    if (auto written = write_file(file, one.check->json); !written) return written;
  }
  return ok();
}

// Only what is known: another node keeps the mark that it has.
Status mark(const std::vector<release::NodeVerdict>& nodes, const Stage& stage, deploy::Cluster& cluster,
            Context& context) {
  std::vector<deploy::GpuMark> marks;
  for (const auto& one : nodes)
    if (release::decides(one, stage.request.quick))
      marks.push_back({one.node.name, one.verdict == validate::Verdict::pass, release::started_at(one)});
    else if (one.verdict == validate::Verdict::pass)
      context.note("node " + escape_control(one.node.name) + ": not marked, for --quick leaves out most checks");
  if (auto marked = deploy::mark_nodes(cluster, marks); !marked) return marked;
  for (const auto& one : marks)
    context.note("node " + escape_control(one.node) + ": " + deploy::gpu_label + "=" +
                 (one.fit ? "fit" : "unfit, and the taint that keeps new pods away"));
  return ok();
}

}  // namespace

int check_gpu_nodes(const GpuCheckOptions& options, Context& context) {
  auto stage = open_stage(options, context);
  if (!stage) return context.fail(stage.error());
  auto there = connect(*stage->environment, context);
  if (!there) return context.fail(there.error());
  auto nodes = deploy::find_gpu_nodes(*there->cluster, options.nodes);
  if (!nodes) return context.fail(nodes.error());
  if (context.dry_run) return show_jobs(*nodes, stage->request, context);
  stage->request.run = run_name() + "-" + std::to_string(std::random_device{}());
  auto answers = deploy::check_gpus({*there->cluster, *there->discovery, context.clock, context.progress()}, *nodes,
                                    stage->request);
  if (!answers) return context.fail(answers.error());
  const auto judged = release::judge_nodes(*answers);
  context.print(release::to_json(judged), [&](const Style& style) { return release::to_text(judged, style); });
  if (auto kept = keep(judged, *stage); !kept) return context.fail(kept.error());
  if (options.mark)
    if (auto marked = mark(judged, *stage, *there->cluster, context); !marked) return context.fail(marked.error());
  return release::exit_code(judged);
}

}  // namespace mlctl::cli
