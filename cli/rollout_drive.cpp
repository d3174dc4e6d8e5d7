// Driving a rollout: what start, resume, promote and apply do with it.
#include <algorithm>
#include <deque>
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
  out.fetch = deploy::fetch_with(*http, environment.cluster->prometheus);
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
      deploy::end_rollout(driver, owner, run_name(), "git assigns #" + std::to_string(wanted) + " now", context.clock);
  if (!ended) return ended.error();
  auto plan = deploy::plan_cluster(
      seams.cluster, seams.discovery,
      {view.fleet.desired, false, rfc3339(context.clock.wall()), run_name(), false, nullptr, view.fleet.gpu_report});
  if (!plan) return plan.error();
  for (const auto& note : plan->notes) context.note(note);
  for (auto& one : plan->owners) {
    if (one.name != owner.name) continue;
    context.note(owner.name + ": the rollout of " + escape_control(owner.before.rollout->candidate.version) +
                 " has ended, all traffic goes to " +
                 escape_control((one.before.stable ? *one.before.stable : owner.before.rollout->baseline).version) +
                 (ended->empty() ? "" : "; unproven: " + escape_control(*ended)));
    if (one.refused && !one.aborted) {
      driver.leave();
      return *one.refused;
    }
    if (one.refused) continue;
    // Where another begins it stays ours until then: nobody is to drive the rest of the old one meanwhile.
    if (one.rollout != deploy::OwnerPlan::Rollout::begins) driver.leave();
    return std::move(one);
  }
  return owner;
}

namespace {

// Begins what the plan says of one owner; `owner`: what it says when the rollout before has ended. True: a rollout of
// it is on its way.
Result<bool> begin_one(const Workplace& place, const deploy::OwnerPlan& planned, const deploy::OwnerPlan& owner,
                       const deploy::RolloutSeams& seams, bool wait, Context& context) {
  const auto command = planned.name + " --env " + planned.before.environment;
  if (planned.rollout == deploy::OwnerPlan::Rollout::runs) {
    if (!wait)
      context.note(planned.name + ": " + escape_control(planned.before.rollout->candidate.version) +
                   " is being rolled out: `mlctl rollout status " + command + "`");
    return true;
  }
  if (owner.rollout == deploy::OwnerPlan::Rollout::ends)
    context.note(owner.name + ": `mlctl apply " + command + "` removes what is left of it, " +
                 human_duration(owner.before.rollout->plan.config.look_around) + " from now at the earliest");
  if (owner.rollout == deploy::OwnerPlan::Rollout::none && planned.rollout != owner.rollout && !owner.changes_nothing())
    return Error{Error::Kind::conflict,
                 owner.name + ": the rollout before has ended, and nothing of " +
                     (owner.spec != nullptr ? to_string(owner.spec->version) : "what git assigns") + " is applied yet",
                 "`mlctl apply " + command + "` applies it"};
  if (owner.rollout != deploy::OwnerPlan::Rollout::begins) return false;
  auto recorded = release::replay_bodies(place.project, place.git.get(), *owner.spec);
  if (!recorded) return recorded.error();
  auto plan = deploy::forecast(seams, owner, run_name(), *recorded);
  if (!plan) return plan.error();
  if (auto begun = deploy::begin_rollout(seams, owner, plan->state, plan->replay); !begun) return begun.error();
  context.note(owner.name + ": the rollout of " + escape_control(plan->state.candidate.version) + " has begun" +
               (wait ? "" : "; `mlctl rollout start " + command + "` drives it"));
  return true;
}

bool is_rolled_out(const deploy::OwnerPlan& owner) {
  return !owner.refused && owner.rollout != deploy::OwnerPlan::Rollout::none;
}

// What the plan says of an owner when a rollout of it that is to end has ended.
Result<deploy::OwnerPlan> ended_first(const ClusterView& view, const deploy::OwnerPlan& planned, RolloutLink& link,
                                      Context& context) {
  if (planned.rollout != deploy::OwnerPlan::Rollout::ends) return planned;
  context.progress().step("ending the rollout of " + planned.name);
  auto ended = after_the_end(view, planned, link.seams(*view.fleet.environment, context), context);
  context.progress().finish(ended ? Symbol::pass : Symbol::fail, "");
  return ended;
}

}  // namespace

RolledOut begin_rollouts(const Workplace& place, const ClusterView& view, bool wait, Context& context) {
  RolledOut out;
  const auto failed = [&](const Error& error) {
    const int one = context.fail(error);
    if (out.code == 0) out.code = one;
  };
  std::optional<RolloutLink> link;
  std::deque<deploy::Driver> drivers;  // where they are stays
  std::vector<deploy::Driven> driven;
  const bool any = std::any_of(view.plan.owners.begin(), view.plan.owners.end(), is_rolled_out);
  if (any) {
    auto made = link_to(*view.fleet.environment, context);
    if (!made) {
      failed(made.error());
      return out;
    }
    link = std::move(*made);
  }
  // What ends takes its time, in which nothing that is ours may wait for us: first all ends, then all beginnings.
  std::vector<std::pair<const deploy::OwnerPlan*, deploy::OwnerPlan>> all;
  for (const auto& planned : view.plan.owners) {
    if (!is_rolled_out(planned)) continue;
    auto owner = ended_first(view, planned, *link, context);
    if (owner)
      all.emplace_back(&planned, std::move(*owner));
    else
      failed(owner.error());
  }
  for (const auto& [plan, owner] : all) {
    const auto& planned = *plan;
    const auto seams = link->seams(*view.fleet.environment, context);
    const auto begun = begin_one(place, planned, owner, seams, wait, context);
    if (!begun) failed(begun.error());
    if (!begun || !*begun || !wait) continue;
    const deploy::RolloutPlace where{planned.before.model, planned.before.name_space, planned.before.environment};
    drivers.emplace_back(seams, where, run_name());
    if (auto taken = drivers.back().take(false); !taken)
      failed(taken.error());
    else
      driven.push_back({where, &drivers.back()});
  }
  for (auto& end : deploy::drive_all(driven, context.clock, context.progress())) {
    if (!end) {
      failed(end.error());
      continue;
    }
    const int one = deploy::rollout_code(*end->rollout, end->rollout->heartbeat);
    if (out.code == 0) out.code = one;
    out.ends.push_back(std::move(*end));
  }
  return out;
}

}  // namespace mlctl::cli
