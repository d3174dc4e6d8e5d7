// mlctl gpu check: are the GPUs of this machine, or of a cluster's nodes, fit to serve?
#include "cli/gpu.h"

#include <array>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/filesystem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "release/gpu_nodes.h"
#include "release/project.h"
#include "validate/gpu.h"

namespace mlctl::cli {
namespace {

std::string host_name() {
  std::array<char, 256> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return "localhost";
  return release::file_name_of(buffer.data());
}

// Where there is a project, the report stays in it.
Status keep(const std::string& json, Context& context) {
  auto project = release::load_project(context.project);
  if (!project && project.error().kind == Error::Kind::not_found) return ok();
  if (!project) return project.error();
  const auto path = project->root / ".mlctl" / "gpu" / (host_name() + ".json");
  if (auto written = write_file(path, json); !written) return written;
  context.note("report: " + path.string());
  return ok();
}

int run_gpu_check(const GpuCheckOptions& options, Context& context) {
  if (!options.environment.empty()) return check_gpu_nodes(options, context);
  if (options.mark || options.quick || !options.nodes.empty() || !options.image.empty() || !options.name_space.empty())
    return context.fail({Error::Kind::usage, "--node, --image, --namespace, --quick and --mark are of --cluster ENV",
                         "`gpu-smoke --quick` is the short check of this machine"});
  if (context.dry_run)
    return context.fail({Error::Kind::usage, "--dry-run is of --cluster ENV: here nothing is changed", ""});
  auto program = validate::find_gpu_smoke();
  if (!program) return context.fail(program.error());
  auto check = validate::run_gpu_smoke(*program, context.clock);
  if (!check) return context.fail(check.error());
  context.print(validate::to_json(check->report),
                [&](const Style& style) { return validate::to_text(check->report, style); });
  if (auto kept = keep(check->json, context); !kept) return context.fail(kept.error());
  return validate::exit_code(validate::overall(check->report));
}

std::vector<Option> cluster_options(GpuCheckOptions& options) {
  return {{.name = "cluster",
           .value = "ENV",
           .help = "the GPU nodes of this environment's cluster, instead of this machine",
           .target = &options.environment},
          {.name = "node", .value = "NODE", .help = "this one alone; may be given again", .target = &options.nodes},
          {.name = "image",
           .value = "IMAGE",
           .help = "whose entry point is gpu-smoke, by digest; default: gpu_smoke.image of the environment",
           .target = &options.image},
          {.name = "namespace", .value = "NS", .help = "where the Jobs run", .target = &options.name_space},
          {.name = "limit",
           .value = "TIME",
           .help = "for one node, its wait for the GPUs included",
           .target = &options.limit},
          {.name = "quick",
           .help = "health and one exact product: seconds; clears nobody that was found unfit",
           .target = &options.quick},
          {.name = "mark",
           .help = "label nodes that are fit; label and taint those that are not",
           .target = &options.mark}};
}

}  // namespace

Command gpu_command() {
  auto options = std::make_shared<GpuCheckOptions>();
  Command check{
      .name = "check",
      .group = Group::checks,
      .summary = "Check the GPUs of this machine, or of a cluster's nodes, with gpu-smoke",
      .description =
          "Health by NVML, memory, exact products in every number format, links, speed and a sustained load, "
          "all GPUs at\n"
          "once (gpu-smoke's standard level). The report is kept in .mlctl/gpu/ of the project. With\n"
          "--cluster, by one Job on each GPU node, with all of its GPUs: nodes whose GPUs are in use are not\n"
          "checked. The Jobs are removed afterwards; --dry-run shows them.\n"
          "Exit 0 fit, 1 not fit, 3 no GPU or it could not be asked, 5 inconclusive.",
      .examples = {{"is this machine fit to serve?", "mlctl gpu check"},
                   {"are all GPU nodes, and keep pods away from those that are not",
                    "mlctl gpu check --cluster prod --mark"},
                   {"one node, before it takes traffic again", "mlctl gpu check --cluster prod --node gpu-17"}},
      .options = cluster_options(*options),
      .changes = true,
      .run = [options](Context& context) { return run_gpu_check(*options, context); }};
  return {
      .name = "gpu", .group = Group::checks, .summary = "GPUs: are they fit to serve?", .commands = {std::move(check)}};
}

}  // namespace mlctl::cli
