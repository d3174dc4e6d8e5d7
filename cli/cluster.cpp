#include "cli/cluster.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <unistd.h>

#include "cli/environment.h"
#include "cli/rollout.h"
#include "deploy/cluster/apply.h"
#include "deploy/rollout/display.h"
#include "registry/provenance.h"
#include "registry/remote_notes.h"
#include "release/provide.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

Json refused_json(const deploy::ClusterPlan& plan) {
  Json out = Json::array();
  for (const auto& owner : plan.owners)
    if (owner.refused)
      out.push_back({{"model", owner.name},
                     {"kind", to_string(owner.refused->kind)},
                     {"message", owner.refused->message},
                     {"hint", owner.refused->hint}});
  return out;
}

// The first refusal decides.
int tell_refused(const deploy::ClusterPlan& plan, Context& context) {
  int code = 0;
  for (const auto& owner : plan.owners) {
    if (!owner.refused) continue;
    const int one = context.fail(*owner.refused);
    if (code == 0) code = one;
  }
  return code;
}

// What a rollout will do is no list of changes; true when one begins or ends.
bool tell_rollouts(const ClusterView& view, Context& context) {
  bool rolls = false;
  for (const auto& owner : view.plan.owners) {
    if (owner.refused || owner.rollout == deploy::OwnerPlan::Rollout::none) continue;
    const auto command = owner.name + " --env " + view.fleet.desired.environment;
    const auto version = escape_control(owner.after.stable ? owner.after.stable->version : "");
    if (owner.rollout == deploy::OwnerPlan::Rollout::begins)
      context.note(owner.name + ": " + version + " takes the traffic step by step: `mlctl rollout plan " + command +
                   "`");
    else if (owner.rollout == deploy::OwnerPlan::Rollout::ends)
      context.note(owner.name + ": the rollout of " + escape_control(owner.before.rollout->candidate.version) +
                   " ends, git assigns " + version);
    else
      context.note(owner.name + ": " + version + " is being rolled out: `mlctl rollout status " + command + "`");
    rolls = rolls || owner.rollout != deploy::OwnerPlan::Rollout::runs;
  }
  return rolls;
}

Json outcomes_json(const std::vector<deploy::OwnerOutcome>& owners) {
  Json out = Json::array();
  for (const auto& owner : owners) {
    Json one = {{"name", owner.name}, {"changes", owner.changes.size()}, {"error", Json()}};
    if (owner.error)
      one["error"] = {
          {"kind", to_string(owner.error->kind)}, {"message", owner.error->message}, {"hint", owner.error->hint}};
    out.push_back(std::move(one));
  }
  return out;
}

Result<deploy::ClusterApplyReport> rehearse(const ClusterView& view, const deploy::ClusterApplyOptions& options) {
  auto may = deploy::may_apply(view.plan, view.fleet.desired.environment, options.force_conflicts);
  if (!may) return may.error();
  return deploy::ClusterApplyReport{};
}

// The images first: a pod that cannot be started would only make people wait.
Result<deploy::ClusterApplyReport> perform(Workplace& place, const ClusterView& view,
                                           const deploy::ClusterApplyOptions& options, Context& context) {
  auto may = deploy::may_apply(view.plan, view.fleet.desired.environment, options.force_conflicts);
  if (!may) return may.error();
  const auto open = [&](const std::string& address) { return open_store(address, context); };
  auto copied = release::provide_images(release::new_versions(view.plan), {place.project, place.git.get(), *place.store,
                                                                           open, context.clock, context.progress()});
  if (!copied) return copied.error();
  auto report =
      deploy::apply_cluster(view.fleet.desired, view.plan,
                            {*view.there.cluster, *view.there.discovery, options, context.clock, context.progress()});
  if (report && *copied > 0)
    report->notes.push_back(count_text(*copied, "version") + " copied to " + view.fleet.environment->pull);
  return report;
}

Status plan_view(ClusterView& view, bool force_conflicts, Context& context, bool again, deploy::LiveAhead* ahead) {
  auto plan = deploy::plan_cluster(*view.there.cluster, *view.there.discovery,
                                   {view.fleet.desired, force_conflicts, rfc3339(context.clock.wall()), run_name(),
                                    again, ahead, view.fleet.gpu_report});
  if (!plan) return plan.error();
  view.plan = std::move(*plan);
  return ok();
}

// Reads the cluster while it finds out what should be there.
Status view_ahead(ClusterView& view, Workplace& place, const release::FleetRequest& request, bool force_conflicts,
                  Context& context) {
  std::optional<deploy::LiveAhead> ahead;
  const auto namespaces = release::namespaces_of(place.project, request);
  if (view.there.cluster && namespaces) ahead.emplace(*view.there.cluster, *view.there.discovery, *namespaces);
  auto for_cluster = request;
  for_cluster.form = deploy::Form::bodies;
  auto fleet = release::find_fleet(place.project, place.git.get(), *place.store, for_cluster);
  if (!fleet) return fleet.error();
  view.fleet = std::move(*fleet);
  return view.there.cluster ? plan_view(view, force_conflicts, context, false, ahead ? &*ahead : nullptr) : ok();
}

}  // namespace

Result<deploy::Connection> connect(const deploy::Environment& environment, Context& context) {
  deploy::ClusterSeams seams;
  seams.told = [&context](const std::string& line) { context.note(escape_control(line)); };
  return deploy::connect_context(environment.cluster->context, registry::cache_folder(), context.clock, seams);
}

std::string run_name() {
  const auto builder = registry::builder_of(environment_variable);
  if (!builder.invocation.empty()) return builder.invocation;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const auto user = environment_variable("USER");
  return (user.empty() ? "somebody" : user) + "@" + host.data();
}

Result<ClusterView> view_cluster(Workplace& place, const release::FleetRequest& request, bool force_conflicts,
                                 Context& context) {
  auto environment = release::find_environment(place.project, request.environment);
  if (!environment) return environment.error();
  auto there = connect(**environment, context);
  ClusterView view{{}, there ? std::move(*there) : deploy::Connection{}, {}};
  // What is wrong here is said before that the cluster cannot be reached.
  if (auto done = view_ahead(view, place, request, force_conflicts, context); !done) return done.error();
  if (!there) return there.error();
  return view;
}

Result<ClusterView> view_cluster(release::Fleet fleet, bool force_conflicts, Context& context, bool again) {
  auto there = connect(*fleet.environment, context);
  if (!there) return there.error();
  ClusterView view{std::move(fleet), std::move(*there), {}};
  if (auto done = plan_view(view, force_conflicts, context, again, nullptr); !done) return done.error();
  return view;
}

int show_cluster(const ClusterView& view, Context& context) {
  const auto set = deploy::change_set(view.plan);
  auto data = deploy::to_json(set);
  data["environment"] = view.fleet.desired.environment;
  data["context"] = view.there.cluster->context();
  data["refused"] = refused_json(view.plan);
  context.print(data, [&](const Style& style) { return deploy::to_text(set, style); });
  for (const auto& note : view.fleet.notes) context.note(note);
  for (const auto& note : view.plan.notes) context.note(note);
  const int refused = tell_refused(view.plan, context);
  const bool rolls = tell_rollouts(view, context);
  return refused != 0 ? refused : set.empty() && !rolls ? 0 : 1;
}

int apply_to_cluster(Workplace& place, const ClusterView& view, const deploy::ClusterApplyOptions& asked,
                     Context& context, const Headline& headline) {
  auto options = asked;
  options.run = run_name();
  auto report = context.dry_run ? rehearse(view, options) : perform(place, view, options, context);
  if (!report) return context.fail(report.error());
  deploy::ChangeSet set = deploy::change_set(view.plan);
  if (!context.dry_run) {
    set.changes.clear();
    for (const auto& owner : report->owners)
      set.changes.insert(set.changes.end(), owner.changes.begin(), owner.changes.end());
  }
  auto data = deploy::to_json(set);
  data["environment"] = view.fleet.desired.environment;
  data["context"] = view.there.cluster->context();
  data["dryRun"] = context.dry_run;
  data["refused"] = refused_json(view.plan);
  data["owners"] = outcomes_json(report->owners);
  for (const auto& [name, text] : headline.fields) data[name] = text.empty() ? Json() : Json(text);
  const auto show = [&] {
    context.print(data, [&](const Style& style) {
      return (headline.title.empty() ? "" : escape_control(headline.title) + "\n") + deploy::to_text(set, style);
    });
  };
  // People see what was changed while the rollouts go on; machines get one document at the end.
  const bool at_once = context.format == OutputFormat::text;
  if (at_once) show();
  for (const auto& note : view.fleet.notes) context.note(note);
  for (const auto& note : view.plan.notes) context.note(note);
  for (const auto& note : report->notes) context.note(escape_control(note));
  if (context.dry_run) context.note("dry run: nothing was written");
  int code = tell_refused(view.plan, context);
  for (const auto& owner : report->owners) {
    if (!owner.error) continue;
    const int one = context.fail(*owner.error);
    if (code == 0) code = one;
  }
  if (context.dry_run) {
    if (!at_once) show();
    static_cast<void>(tell_rollouts(view, context));
    return code;
  }
  const auto rolled = begin_rollouts(place, view, options.wait, context);
  if (options.wait) data["rollouts"] = Json::array();
  for (const auto& end : rolled.ends) {
    const auto now = end.rollout->heartbeat;
    data["rollouts"].push_back(deploy::rollout_json(end, now));
    if (at_once) context.print(data, [&](const Style& style) { return deploy::to_text(end, now, style); });
  }
  if (!at_once) show();
  return code != 0 ? code : rolled.code;
}

Option force_conflicts_option(bool& force) {
  return {.name = "force-conflicts",
          .help = "take over fields and objects of a cluster that somebody else owns",
          .target = &force};
}

}  // namespace mlctl::cli
