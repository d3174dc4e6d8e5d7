#include "release/chain.h"

#include "base/interrupt.h"
#include "release/chain_state.h"
#include "release/record.h"

namespace mlctl::release {
namespace {

Status read_tags(Chain& chain) {
  auto tags = chain.seams.git.tags();
  if (!tags) return tags.error();
  chain.tags = registry::ModelTags(chain.request.target.model, *tags);
  return ok();
}

// What runs now may have been assigned from another clone. A part of resolving: that origin does not answer is then
// reported as any other step that could not be done.
Status fetch_assignments(Chain& chain) {
  if (chain.request.push) {
    auto remote = chain.seams.git.remote_url();
    if (!remote) return remote.error();
    if (*remote)
      if (auto fetched = chain.seams.git.fetch_tags(); !fetched) return fetched;
  }
  return read_tags(chain);
}

StepResult perform(Chain& chain, const Step& step) {
  const auto state = chain.environments.find(step.environment);
  switch (step.kind) {
    case StepKind::resolve:
      if (auto fetched = fetch_assignments(chain); !fetched) return fetched.error();
      return resolve_step(chain);
    case StepKind::push:
      return push_step(chain);
    case StepKind::validate:
      return validate_step(chain);
    case StepKind::gpu:
      return gpu_step(chain);
    case StepKind::gate:
      return gate_step(chain, state->second);
    case StepKind::render:
      return render_step(chain, state->second);
    case StepKind::assign:
      return assign_step(chain, state->second);
    case StepKind::apply:
      return apply_step(chain, state->second);
    case StepKind::report:
      return report_step(chain);
  }
  return Error{Error::Kind::usage, "no such step", ""};
}

bool says_no(Error::Kind kind) {
  return exit_code(kind) == 1;
}

// A step that could not be done is an outcome too: the report shows where and why.
Outcome outcome_of(const Error& error) {
  return {.verdict = says_no(error.kind) ? validate::Verdict::fail : validate::Verdict::error,
          .summary = error.message.substr(0, error.message.find('\n'))};
}

Chain begin(const Project& project, const Request& request, const Seams& seams) {
  Chain chain{
      .project = project, .request = request, .seams = seams, .tags = registry::ModelTags(request.target.model, {})};
  chain.release.model = to_string(request.target.model);
  chain.release.version = to_string(request.target.tag.version);
  chain.release.commit = request.target.tag.commit;
  chain.release.tag = request.target.tag.tag;
  chain.release.started = seams.clock.wall();
  chain.release.plan = plan_steps({}, false);  // the rest is known when the version's own model.yaml was read
  return chain;
}

// Done, timed, recorded. False: the release stops here.
bool advance(Chain& chain, const Step& step, Observer& observer, std::optional<Error>& error) {
  observer.began(chain.release, step);
  const auto started = chain.seams.clock.wall();
  auto done = interrupted() ? StepResult(interrupted_error()) : perform(chain, step);
  if (!done) error = done.error();
  Outcome outcome = done ? std::move(*done) : outcome_of(*error);
  outcome.step = step;
  outcome.started = started;
  outcome.finished = chain.seams.clock.wall();
  chain.release.finished = outcome.finished;
  const bool go_on = !error && outcome.verdict == validate::Verdict::pass;
  chain.release.outcomes.push_back(std::move(outcome));
  observer.ended(chain.release, chain.release.outcomes.back());
  // Before the digest is known there is nothing to remember by.
  if (!chain.release.digest.empty())
    if (auto saved = save_record(chain.project.root, chain.release, chain.earlier); !saved && !error)
      error = saved.error();
  return go_on && !error;
}

}  // namespace

int exit_code(const Finished& finished) {
  if (finished.error) return mlctl::exit_code(finished.error->kind);
  return validate::exit_code(verdict_of(finished.release));
}

Result<Release> preview(const Project& project, const Request& request, const Seams& seams) {
  Chain chain = begin(project, request, seams);
  if (auto read = read_tags(chain); !read) return read.error();
  auto resolved = resolve_step(chain);
  if (!resolved) return resolved.error();
  chain.release.outcomes.push_back(std::move(*resolved));
  return std::move(chain.release);
}

Finished run_release(const Project& project, const Request& request, const Seams& seams, Observer& observer) {
  Chain chain = begin(project, request, seams);
  std::optional<Error> error;
  bool go_on = true;
  for (std::size_t i = 0; go_on && i < chain.release.plan.size(); ++i) {
    const Step step = chain.release.plan[i];  // not a reference: resolving makes a new plan
    go_on = advance(chain, step, observer, error);
  }
  // A release that was stopped has a report too; that it cannot be written must not hide why.
  const bool reported = !chain.release.outcomes.empty() && chain.release.outcomes.back().step.kind == StepKind::report;
  if (!reported && !chain.release.digest.empty()) {
    auto report = report_step(chain);
    if (report) {
      report->step = {StepKind::report, ""};
      observer.ended(chain.release, *report);
    }
  }
  std::error_code ignored;
  if (!chain.work.empty()) std::filesystem::remove_all(chain.work, ignored);
  return {std::move(chain.release), error};
}

}  // namespace mlctl::release
