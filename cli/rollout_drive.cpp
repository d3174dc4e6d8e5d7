// Driving a rollout: what start, resume, promote and apply do with it.
#include <nlohmann/json.hpp>

#include "base/http.h"
#include "base/interrupt.h"
#include "cli/rollout.h"
#include "deploy/rollout/display.h"

namespace mlctl::cli {
namespace {

constexpr std::chrono::minutes patience{30};  // with a cluster that cannot be asked
constexpr std::chrono::seconds ask_again{5};
constexpr std::uint64_t answer_limit = 16U << 20U;

bool may_pass(const Error& error) {
  return error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout;
}

// What happened since it was last told.
void tell_news(const deploy::RolloutState& rollout, std::size_t& told, std::string& newest, Context& context) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < rollout.events.size(); ++i)
    if (rollout.events[i].what == newest) first = i + 1;
  for (std::size_t i = told == 0 ? 0 : first; i < rollout.events.size(); ++i)
    context.progress().note(rfc3339(rollout.events[i].when) + "  " + rollout.events[i].what);
  told = rollout.events.size();
  if (!rollout.events.empty()) newest = rollout.events.back().what;
}

int finish(const deploy::ModelState& state, Context& context) {
  const auto now = state.rollout->heartbeat;
  context.print(deploy::rollout_json(state, now),
                [&](const Style& style) { return deploy::to_text(state, now, style); });
  return deploy::rollout_code(*state.rollout, now);
}

}  // namespace

deploy::RolloutSeams RolloutLink::seams(const deploy::Environment& environment, Context& context) {
  deploy::RolloutSeams out{*there.cluster, *there.discovery, context.clock, environment.cluster->prometheus, {}};
  out.fetch = [client = http.get()](const std::string& url) -> Result<std::string> {
    HttpRequest request{.url = url};
    request.body_limit = answer_limit;
    auto response = client->send(request);
    if (!response) return response.error();
    return std::move(response->body);  // its status stands in the answer too
  };
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
  const auto name = to_string(place.model);
  context.progress().step("rolling out " + name);
  auto reached = context.clock.steady();
  std::size_t told = 0;
  std::string newest;
  for (;;) {
    auto state = driver.tick();
    const auto now = context.clock.steady();
    Duration pause = ask_again;
    if (!state) {
      if (!may_pass(state.error()) || now - reached > patience || interrupted()) {
        context.progress().finish(Symbol::fail, "not driven any more");
        return context.fail(state.error());
      }
      context.progress().update("waiting for the cluster: " + state.error().message);
    } else {
      reached = now;
      const auto& rollout = *state->rollout;
      tell_news(rollout, told, newest, context);
      if (rollout.is_over() || rollout.pause) {
        driver.leave();
        const bool won = rollout.phase == deploy::Phase::promoted;
        context.progress().finish(won             ? Symbol::pass
                                  : rollout.pause ? Symbol::warn
                                                  : Symbol::fail,
                                  rollout.pause ? "paused" : to_string(rollout.phase));
        return finish(*state, context);
      }
      const int weight = static_cast<int>(rollout.weight * 100 + 0.5);
      context.progress().update(std::to_string(weight) + " %, " + to_string(rollout.phase) +
                                (rollout.verdict.empty() ? "" : ": " + rollout.verdict));
      pause = deploy::next_look(rollout);
    }
    context.clock.sleep_until(context.clock.steady() + pause);
    if (!interrupted()) continue;
    driver.leave();
    context.progress().finish(Symbol::warn, "not driven any more");
    return context.fail({Error::Kind::interrupted, "the rollout of " + name + " stays where it is",
                         "`mlctl rollout start " + name + " --env " + place.environment + "` goes on with it"});
  }
}

int begin_rollouts(const ClusterView& view, Context& context) {
  int code = 0;
  const auto failed = [&](const Error& error) {
    const int one = context.fail(error);
    if (code == 0) code = one;
  };
  std::optional<RolloutLink> link;
  for (const auto& owner : view.plan.owners) {
    if (owner.refused || owner.rollout == deploy::OwnerPlan::Rollout::none) continue;
    const deploy::RolloutPlace place{owner.before.model, owner.before.name_space, owner.before.environment};
    const auto command = owner.name + " --env " + place.environment;
    if (owner.rollout == deploy::OwnerPlan::Rollout::runs) {
      context.note(owner.name + ": " + escape_control(owner.before.rollout->candidate.version) +
                   " is being rolled out: `mlctl rollout status " + command + "`");
      continue;
    }
    if (!link) {
      auto made = link_to(*view.fleet.environment, context);
      if (!made) return context.fail(made.error());
      link = std::move(*made);
    }
    const auto seams = link->seams(*view.fleet.environment, context);
    if (owner.rollout == deploy::OwnerPlan::Rollout::ends) {
      const auto wanted = owner.spec != nullptr ? owner.spec->assignment : 0;
      auto ended =
          deploy::Driver(seams, place, run_name()).ask([&](deploy::RolloutState& rollout, WallTime now) -> Status {
            if (!rollout.has_lost())
              deploy::ask_abort(rollout, run_name(), "git assigns #" + std::to_string(wanted) + " now", now);
            return ok();
          });
      if (!ended) failed(ended.error());
      if (ended)
        context.note(owner.name + ": the rollout of " + escape_control(owner.before.rollout->candidate.version) +
                     " has ended, all traffic is at " + escape_control(owner.before.rollout->baseline.version) +
                     "; apply again when its look-around is over");
      continue;
    }
    auto plan = deploy::forecast(seams, owner, run_name());
    if (!plan) {
      failed(plan.error());
      continue;
    }
    if (auto begun = deploy::begin_rollout(seams, owner, plan->state); !begun) {
      failed(begun.error());
      continue;
    }
    context.note(owner.name + ": the rollout of " + escape_control(plan->state.candidate.version) +
                 " has begun; `mlctl rollout start " + command + "` drives it");
  }
  return code;
}

}  // namespace mlctl::cli
