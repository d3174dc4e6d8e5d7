// mlctl release: the chain. Which version, which seams, what a person sees; every rule stands in release/.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>

#include "base/interrupt.h"
#include "cli/ask.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/environment.h"
#include "cli/signing.h"
#include "cli/workplace.h"
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

// Draws the tree anew over itself on a terminal, with how far the running step is; prints a line a step elsewhere.
class Picture : public release::Observer, public Progress {
 public:
  explicit Picture(Context& context) : context_(context), live_(context.err_style.animated && !context.no_progress) {
    if (live_) context_.picture = this;
  }
  ~Picture() override { context_.picture = nullptr; }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;

  void began(const release::Release& release, const release::Step& step) override {
    if (context_.quiet) return;
    const std::lock_guard lock(mutex_);
    release_ = &release;
    running_ = {step, ""};
    if (live_) redraw(release, running_);
  }
  void ended(const release::Release& release, const release::Outcome& outcome) override {
    if (context_.quiet) return;
    const std::lock_guard lock(mutex_);
    if (live_)
      redraw(release, std::nullopt);
    else
      context_.err << release::render_line(outcome, context_.err_style) << std::flush;
  }
  void step(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    part_ = name;
    draw_detail(part_);
  }
  void update(std::string_view detail) override {
    const std::lock_guard lock(mutex_);
    draw_detail(part_ + (detail.empty() ? "" : ": " + std::string(detail)));
  }
  void finish(Symbol, std::string_view) override {}
  void note(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    drawn_ = {};
    draw_detail(std::string(line));
  }
  void event(std::string_view line) override { note(line); }

  // What was drawn stays; the next tree comes below whatever is written now.
  void let_stand() { lines_ = 0; }

 private:
  void draw_detail(const std::string& detail) {
    const auto now = context_.clock.steady();
    if (!live_ || context_.quiet || release_ == nullptr || now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    running_.detail = detail;
    redraw(*release_, running_);
  }
  void redraw(const release::Release& release, const std::optional<release::Running>& running) {
    if (lines_ > 0) context_.err << "\033[" << lines_ << "A\033[J";
    const auto tree = release::render_live(release, running, context_.err_style);
    lines_ = static_cast<std::size_t>(std::count(tree.begin(), tree.end(), '\n'));
    context_.err << tree << std::flush;
  }
  Context& context_;
  bool live_;
  std::mutex mutex_;
  std::size_t lines_ = 0;
  const release::Release* release_ = nullptr;  // lives as long as its steps
  release::Running running_;
  std::string part_;  // of the running step
  SteadyTime drawn_{};
};

// "" when no report was written.
std::string report_of(const release::Project& project, const release::Release& release) {
  const auto path = release::report_path(project.root, release);
  std::error_code code;
  return !release.digest.empty() && std::filesystem::exists(path, code) ? path.string() : std::string();
}

// What one release says, for people and for machines, and the exit code that it asks for.
struct Said {
  nlohmann::ordered_json json;
  std::function<std::string(const Style&)> text;
  int code = 0;
  std::optional<Error> error;  // what stopped it when that was no verdict
};

Result<Said> run_one(const release::Project& project, const release::Target& target, const ReleaseOptions& options,
                     Context& context, registry::Git& git, registry::Store& store, HttpClient& http,
                     const std::optional<registry::Signer>& signer) {
  release::Request request;
  request.target = target;
  request.push = !options.no_push;
  request.force = options.force;
  request.allow = options.allow_denied;
  request.seed = options.seed.value_or(std::random_device{}());
  request.signer = signer;
  request.builder = registry::builder_of(environment_variable);
  Picture picture(context);
  request.confirm = [&](const std::string& question) {
    picture.let_stand();
    return confirm(question, options.yes, context);
  };
  if (!context.dry_run)
    request.can_confirm = [&](const std::string& question) { return can_confirm(question, options.yes); };
  request.run = run_name();
  const release::Seams seams{git,
                             store,
                             http,
                             [](std::size_t n) { return make_http_multiplexer(n); },
                             [] { return validate::open_gpu_driver(); },
                             context.clock,
                             context.progress(),
                             [&](const deploy::Environment& environment) { return connect(environment, context); },
                             [&](const std::string& address) { return open_store(address, context); }};
  if (context.dry_run) {
    auto preview = release::preview(project, request, seams);
    if (!preview) return preview.error();
    return Said{release::to_json(*preview),
                [seen = *preview](const Style& style) { return release::render_tree(seen, std::nullopt, style); }, 0,
                std::nullopt};
  }
  const auto finished = release::run_release(project, request, seams, picture);
  if (const auto summary = environment_variable("GITHUB_STEP_SUMMARY"); !summary.empty())
    if (auto appended = release::append_summary(summary, finished.release); !appended)
      context.note(appended.error().message);
  const auto path = report_of(project, finished.release);
  return Said{
      release::to_json(finished.release),
      [path, seen = finished.release](const Style& style) { return release::render_verdict(seen, path, style); },
      release::exit_code(finished), finished.error};
}

// One release is one document; with --pending there is one document of all.
int run_all(const std::vector<release::Target>& targets, const std::function<Result<Said>(const release::Target&)>& run,
            bool pending, Context& context) {
  int worst = 0;
  auto all = nlohmann::ordered_json::array();
  for (const auto& target : targets) {
    auto said = run(target);
    if (said && (!pending || context.format == OutputFormat::text)) context.print(said->json, said->text);
    if (said) all.push_back(said->json);
    const auto error = said ? said->error : std::optional(said.error());
    const int code = error ? context.fail(*error) : said->code;
    if (interrupted()) return mlctl::exit_code(Error::Kind::interrupted);
    worst = worst == 0 ? code : worst;
  }
  if (pending && context.format != OutputFormat::text)
    context.print({{"schemaVersion", 1}, {"releases", all}}, [](const Style&) { return std::string(); });
  return worst;
}

Status one_way_to_say_which(const ReleaseOptions& options) {
  if (!options.reference.empty() + !options.tag.empty() + options.pending > 1)
    return Error{Error::Kind::usage, "MODEL@V, --tag and --pending exclude each other", "say one of them"};
  if (!options.labels.empty() && !options.pending)
    return Error{Error::Kind::usage, "-l chooses among what --pending finds", "add --pending, or leave -l out"};
  return ok();
}

int run_release_command(const ReleaseOptions& options, Context& context) {
  if (auto one = one_way_to_say_which(options); !one) return context.fail(one.error());
  auto project = release::load_project(context.project);
  if (!project) return context.fail(project.error());
  auto git = registry::open_git(project->root);
  if (!git) return context.fail(git.error());
  auto store = project_store(*project, context);
  if (!store) return context.fail(store.error());
  const auto signer = signer_of(context);
  if (!signer) return context.fail(signer.error());
  if (auto whole = registry::check_history(**git); !whole) return context.fail(whole.error());
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
  const auto run = [&](const release::Target& target) {
    return run_one(*project, target, options, context, **git, **store, *http, *signer);
  };
  return run_all(targets, run, options.pending, context);
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
