// mlctl release: the chain. Which version, which seams, what a person sees; every rule stands in release/.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "base/interrupt.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "release/chain.h"
#include "release/display.h"
#include "release/record.h"
#include "release/report_files.h"
#include "release/select.h"

namespace mlctl::cli {
namespace {

struct ReleaseOptions {
  std::string reference;
  std::string tag;
  bool pending = false;
  bool yes = false;
  bool no_push = false;
  bool force = false;
  bool allow_denied = false;
  std::vector<std::string> labels;
  std::optional<std::uint64_t> seed;
};

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Draws the tree anew over itself on a terminal; prints a line a step elsewhere.
class Picture : public release::Observer {
 public:
  explicit Picture(Context& context) : context_(context), live_(context.err_style.terminal && !context.no_progress) {}

  void began(const release::Release& release, const release::Step& step) override {
    if (context_.quiet) return;
    if (live_) redraw(release, step);
  }
  void ended(const release::Release& release, const release::Outcome& outcome) override {
    if (context_.quiet) return;
    if (live_)
      redraw(release, std::nullopt);
    else
      context_.err << release::render_line(outcome, context_.err_style) << std::flush;
  }
  // What was drawn stays; the next tree comes below whatever is written now.
  void let_stand() { lines_ = 0; }

 private:
  void redraw(const release::Release& release, const std::optional<release::Step>& running) {
    if (lines_ > 0) context_.err << "\033[" << lines_ << "A\033[J";
    const auto tree = release::render_tree(release, running, context_.err_style);
    lines_ = static_cast<std::size_t>(std::count(tree.begin(), tree.end(), '\n'));
    context_.err << tree << std::flush;
  }
  Context& context_;
  bool live_;
  std::size_t lines_ = 0;
};

int run_one(const release::Project& project, const release::Target& target, const ReleaseOptions& options,
            Context& context, registry::Git& git, registry::Store& store, HttpClient& http) {
  release::Request request;
  request.target = target;
  request.push = !options.no_push;
  request.force = options.force;
  request.allow = options.allow_denied;
  request.seed = options.seed.value_or(std::random_device{}());
  request.run = release::run_url(environment_variable);
  Picture picture(context);
  request.confirm = [&](const std::string& question) {
    picture.let_stand();
    return confirm(question, options.yes, context);
  };
  const release::Seams seams{git,           store,
                             http,          [](std::size_t n) { return make_http_multiplexer(n); },
                             context.clock, context.err_style.terminal ? no_progress() : context.progress()};
  if (context.dry_run) {
    auto preview = release::preview(project, request, seams);
    if (!preview) return context.fail(preview.error());
    context.print(release::to_json(*preview),
                  [&](const Style& style) { return release::render_tree(*preview, std::nullopt, style); });
    return 0;
  }
  const auto finished = release::run_release(project, request, seams, picture);
  if (const auto summary = environment_variable("GITHUB_STEP_SUMMARY"); !summary.empty())
    if (auto appended = release::append_summary(summary, finished.release); !appended)
      context.note(appended.error().message);
  const auto path = release::report_path(project.root, finished.release);
  context.print(release::to_json(finished.release),
                [&](const Style& style) { return release::render_verdict(finished.release, path.string(), style); });
  if (finished.error) return context.fail(*finished.error);
  return release::exit_code(finished);
}

int run_release_command(const ReleaseOptions& options, Context& context) {
  auto project = release::load_project(context.project);
  if (!project) return context.fail(project.error());
  auto git = registry::open_git(project->root);
  if (!git) return context.fail(git.error());
  auto store = registry::open_disk_store(project->registry);
  if (!store) return context.fail(store.error());
  auto tags = (*git)->tags();
  if (!tags) return context.fail(tags.error());
  std::vector<release::Target> targets;
  if (options.pending) {
    auto models = release::select_models(*project, {}, options.labels);
    if (!models) return context.fail(models.error());
    auto waiting = release::pending(*project, *tags, *models);
    if (!waiting) return context.fail(waiting.error());
    auto open = release::without_failed(**store, std::move(*waiting));
    if (!open) return context.fail(open.error());
    targets = std::move(*open);
    if (targets.empty()) context.note("nothing is pending");
  } else {
    auto target =
        release::find_target(*project, *tags, {options.reference, options.tag, environment_variable("GITHUB_REF")});
    if (!target) return context.fail(target.error());
    targets.push_back(std::move(*target));
  }
  auto http = make_http_client();
  int worst = 0;
  for (const auto& target : targets) {
    const int code = run_one(*project, target, options, context, **git, **store, *http);
    if (interrupted()) return mlctl::exit_code(Error::Kind::interrupted);
    worst = worst == 0 ? code : worst;
  }
  return worst;
}

}  // namespace

Command release_command() {
  auto options = std::make_shared<ReleaseOptions>();
  return {
      .name = "release",
      .group = Group::release,
      .summary = "Take a version from its git tag into every environment, gated and recorded",
      .description =
          "Steps: resolve, push, validate, gpu, then in each environment gate, render, assign, apply; at the end a\n"
          "report. Stops at the first step that does not pass. Run again after a kill, it goes on where it stopped.\n"
          "Without MODEL@V and --tag, the tag of the CI event counts (GITHUB_REF).",
      .examples = {{"release a version", "mlctl release credit-risk@v1.2.0"},
                   {"in a CI job that a tag started", "mlctl release --yes"},
                   {"everything that waits, of one team", "mlctl release --pending -l team=risk --yes"}},
      .arguments = {{.name = "MODEL@V", .help = "the version", .target = &options->reference}},
      .options = {{.name = "tag", .value = "TAG", .help = "the version's git tag", .target = &options->tag},
                  {.name = "pending",
                   .help = "every version newer than what the last environment runs",
                   .target = &options->pending},
                  {.name = "label",
                   .letter = 'l',
                   .value = "LABEL=VALUE",
                   .help = "with --pending: models with this label",
                   .target = &options->labels},
                  {.name = "yes", .help = "answer yes where an environment asks for a person", .target = &options->yes},
                  {.name = "no-push",
                   .help = "keep tags and commits here: reserves nothing at origin",
                   .target = &options->no_push},
                  {.name = "force",
                   .help = "also when its history has parted from what runs there",
                   .target = &options->force},
                  {.name = "allow-denied",
                   .help = "also when this version was gone back from",
                   .target = &options->allow_denied},
                  {.name = "seed",
                   .value = "N",
                   .help = "seed of the gate's load (default: random; it stands in the report)",
                   .target = &options->seed}},
      .changes = true,
      .run = [options](Context& context) { return run_release_command(*options, context); }};
}

}  // namespace mlctl::cli
