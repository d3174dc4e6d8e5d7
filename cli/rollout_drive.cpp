// Driving a rollout: what start, resume, promote and apply do with it.
#include <nlohmann/json.hpp>

#include "cli/rollout.h"
#include "deploy/rollout/display.h"
#include "deploy/rollout/drive.h"
#include "release/replay.h"

namespace mlctl::cli {
namespace {

int finish(const deploy::ModelState& state, Context& context) {
  const auto now = state.rollout->heartbeat;
  context.print(deploy::rollout_json(state, now),
                [&](const Style& style) { return deploy::to_text(state, now, style); });
  return deploy::rollout_code(*state.rollout, now);
}

}  // namespace

deploy::RolloutSeams RolloutLink::seams(const deploy::Environment& environment, Context& context) {
  deploy::RolloutSeams out{*there.cluster, *there.discovery, context.clock, environment.cluster->prometheus, {}};
  out.fetch = deploy::fetch_with(*http);
  return out;
}

Result<RolloutLink> link_to(const deploy::Environment& environment, Context& context) {
  if (!environment.cluster)
    return Error{Error::Kind::usage, "environment " + environment.name + " has no `cluster:`",
                 "traffic is shifted in a cluster: `cluster: {context: CONTEXT}` names one"};
  auto there = connect(environment, context);
  if (!there) return there.error();
  return RolloutLink{std::move(*there), make_http_client()};
}

int drive(deploy::Driver& driver, const deploy::RolloutPlace& place, Context& context) {
  auto state = deploy::drive(driver, place, context.clock, context.progress());
  return state ? finish(*state, context) : context.fail(state.error());
}

Result<deploy::OwnerPlan> after_the_end(const ClusterView& view, const deploy::OwnerPlan& owner,
                                        const deploy::RolloutSeams& seams, Context& context) {
  const deploy::RolloutPlace place{owner.before.model, owner.before.name_space, owner.before.environment};
  const auto wanted = owner.spec != nullptr ? owner.spec->assignment : 0;
  deploy::Driver driver(seams, place, run_name());
  auto ended =
      deploy::end_rollout(driver, run_name(), "git assigns #" + std::to_string(wanted) + " now", context.clock);
  if (!ended) return ended.error();
  context.note(owner.name + ": the rollout of " + escape_control(owner.before.rollout->candidate.version) +
               " has ended, all traffic is at " + escape_control(owner.before.rollout->baseline.version));
  auto plan = deploy::plan_cluster(seams.cluster, seams.discovery,
                                   {view.fleet.desired, false, rfc3339(context.clock.wall()), run_name()});
  if (!plan) return plan.error();
  for (auto& one : plan->owners)
    if (one.name == owner.name && !one.refused) return std::move(one);
  return owner;
}

int begin_rollouts(const Workplace& place, const ClusterView& view, Context& context) {
  int code = 0;
  const auto failed = [&](const Error& error) {
    const int one = context.fail(error);
    if (code == 0) code = one;
  };
  std::optional<RolloutLink> link;
  for (const auto& planned : view.plan.owners) {
    if (planned.refused || planned.rollout == deploy::OwnerPlan::Rollout::none) continue;
    const auto command = planned.name + " --env " + planned.before.environment;
    if (planned.rollout == deploy::OwnerPlan::Rollout::runs) {
      context.note(planned.name + ": " + escape_control(planned.before.rollout->candidate.version) +
                   " is being rolled out: `mlctl rollout status " + command + "`");
      continue;
    }
    if (!link) {
      auto made = link_to(*view.fleet.environment, context);
      if (!made) return context.fail(made.error());
      link = std::move(*made);
    }
    const auto seams = link->seams(*view.fleet.environment, context);
    auto owner = planned.rollout == deploy::OwnerPlan::Rollout::ends ? after_the_end(view, planned, seams, context)
                                                                     : Result<deploy::OwnerPlan>(planned);
    if (!owner) {
      failed(owner.error());
      continue;
    }
    if (owner->rollout == deploy::OwnerPlan::Rollout::ends)
      context.note(owner->name + ": `mlctl apply " + command + "` removes what is left of it, " +
                   human_duration(owner->before.rollout->plan.config.look_around) + " from now at the earliest");
    if (owner->rollout != deploy::OwnerPlan::Rollout::begins) continue;
    auto recorded = release::replay_bodies(place.project, place.git.get(), *owner->spec);
    auto plan = recorded ? deploy::forecast(seams, *owner, run_name(), *recorded) : recorded.error();
    auto begun = plan ? deploy::begin_rollout(seams, *owner, plan->state, plan->replay) : Status(plan.error());
    if (!begun) {
      failed(begun.error());
      continue;
    }
    context.note(owner->name + ": the rollout of " + escape_control(plan->state.candidate.version) +
                 " has begun; `mlctl rollout start " + command + "` drives it");
  }
  return code;
}

}  // namespace mlctl::cli
