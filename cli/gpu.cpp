// mlctl gpu check: are the GPUs of this machine fit to serve?
#include "validate/gpu.h"

#include <array>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/filesystem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "release/project.h"

namespace mlctl::cli {
namespace {

// As a file's name: whatever is no letter, digit, '-' or '.' becomes '-'.
std::string host_name() {
  std::array<char, 256> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return "localhost";
  std::string name(buffer.data());
  for (char& c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!plain) c = '-';
  }
  while (!name.empty() && name.front() == '.') name.erase(0, 1);
  return name.empty() ? "localhost" : name;
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

int run_gpu_check(Context& context) {
  auto program = validate::find_gpu_smoke();
  if (!program) return context.fail(program.error());
  auto check = validate::run_gpu_smoke(*program, context.clock);
  if (!check) return context.fail(check.error());
  context.print(validate::to_json(check->report),
                [&](const Style& style) { return validate::to_text(check->report, style); });
  if (auto kept = keep(check->json, context); !kept) return context.fail(kept.error());
  return validate::exit_code(validate::overall(check->report));
}

}  // namespace

Command gpu_command() {
  Command check{.name = "check",
                .group = Group::checks,
                .summary = "Check the GPUs of this machine with gpu-smoke",
                .description =
                    "Health by NVML, memory, exact products in every number format, links, speed and a sustained load, "
                    "all GPUs at\n"
                    "once (gpu-smoke's standard level). The report is kept in .mlctl/gpu/ of the project.\n"
                    "Exit 0 fit, 1 not fit, 3 no GPU or it could not be asked, 5 inconclusive.",
                .examples = {{"is this machine fit to serve?", "mlctl gpu check"}},
                .run = run_gpu_check};
  return {
      .name = "gpu", .group = Group::checks, .summary = "GPUs: are they fit to serve?", .commands = {std::move(check)}};
}

}  // namespace mlctl::cli
