#include "release/audit_cluster.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "deploy/cluster/live.h"

namespace mlctl::release {
namespace {

using Json = nlohmann::ordered_json;

std::string named(const std::string& version, std::uint64_t n) {
  return version + " (#" + std::to_string(n) + ")";
}

std::string rollout_text(const deploy::RolloutState& rollout) {
  std::string out = rollout.candidate.version + " takes " + std::to_string(std::lround(rollout.weight * 100)) +
                    " % of the traffic, " + to_string(rollout.phase);
  if (!rollout.reason.empty()) out += ": " + rollout.reason;
  if (rollout.pause) out += ", paused: " + rollout.pause->reason;
  return out;
}

// How the cluster differs from git, which assigns `wanted`; "" when it does not.
std::string drift_of(const AuditedCluster& cluster, const std::optional<registry::Assignment>& wanted,
                     const Audit& audit) {
  const auto& serves = cluster.serves;
  const bool assigned = wanted && to_string(wanted->version) == audit.version;
  const auto git = wanted ? named(to_string(wanted->version), wanted->n) : std::string("nothing");
  if (!assigned) return cluster.is_audited ? "it serves there, and git assigns " + git : "";
  const auto way = cluster.rollout && !cluster.rollout->is_over() ? "; " + rollout_text(*cluster.rollout) : "";
  if (!serves) return "assigned, and nothing of the model serves there";
  if (serves->assignment > wanted->n)
    return named(serves->version, serves->assignment) + " serves there, newer than git here, which assigns " + git;
  if (!cluster.is_audited || serves->assignment < wanted->n)
    return named(serves->version, serves->assignment) + " serves there, and git assigns " + git + way;
  if (serves->commit != audit.commit)
    return "the cluster has it from commit " + serves->commit + ", not from its tag's";
  return "";
}

std::string configuration_drift(const AuditedCluster& cluster, const deploy::Environment& environment,
                                const ClusterQuestion& question, const std::string& model) {
  const auto revision = question.revision(environment);
  if (!revision) return "whether it serves as it is configured cannot be judged: " + revision.error().message;
  return *revision == cluster.serves->revision
             ? ""
             : "it serves by another configuration; `mlctl diff " + model + " --env " + environment.name + "` shows it";
}

void read(const Project& project, const deploy::Environment& environment, const ClusterQuestion& question,
          const registry::ModelName& model, AuditedCluster& out) {
  auto there = question.connect(environment);
  auto found = there ? deploy::read_state(*there->cluster, model, namespace_of(project, model))
                     : Result<deploy::Remembered>(there.error());
  if (!found) {
    out.unknown = found.error().message;
    return;
  }
  auto& state = found->state;
  if (!state) return;
  if (state->environment != environment.name) {
    out.unknown = "what is there belongs to environment " + state->environment;
    return;
  }
  out.serves = std::move(state->stable);
  out.rollout = std::move(state->rollout);
}

}  // namespace

void look_into_clusters(const Project& project, const ClusterQuestion& question, const registry::ModelTags& tags,
                        Audit& audit) {
  for (const auto& environment : project.environments) {
    if (!environment.cluster || environment.gitops) continue;  // beside a folder somebody else applies
    AuditedCluster one{.environment = environment.name, .context = environment.cluster->context};
    read(project, environment, question, tags.model(), one);
    const auto wanted = tags.assignment(environment.name);
    if (!wanted && one.unknown.empty()) one.unknown = wanted.error().message;
    if (one.unknown.empty()) {
      one.is_audited = one.serves && !audit.digest.empty() && one.serves->digest == audit.digest;
      // The rollout of something else proves nothing here.
      if (one.rollout && one.rollout->candidate.digest != audit.digest && one.rollout->is_over()) one.rollout.reset();
      const bool assigned = *wanted && to_string((*wanted)->version) == audit.version;
      const bool tried = one.rollout && one.rollout->candidate.digest == audit.digest;
      if (!assigned && !one.is_audited && !tried) continue;
      one.drift = drift_of(one, *wanted, audit);
      if (one.drift.empty() && assigned) one.drift = configuration_drift(one, environment, question, audit.model);
    }
    audit.clusters.push_back(std::move(one));
  }
}

void find_cluster_gaps(Audit& audit) {
  for (const auto& one : audit.clusters) {
    if (!one.unknown.empty())
      audit.gaps.push_back(one.environment + ": what runs in the cluster could not be found out: " + one.unknown);
    if (!one.drift.empty()) audit.gaps.push_back(one.environment + ": " + one.drift);
  }
}

std::string cluster_text(const AuditedCluster& cluster, const Style& style) {
  const bool fine = cluster.unknown.empty() && cluster.drift.empty();
  std::string out = "  " +
                    paint(symbol(fine ? Symbol::pass : Symbol::warn, style), fine ? Tone::good : Tone::warn, style) +
                    " " + escape_control(cluster.environment + "  ");
  const auto& serves = cluster.serves;
  if (!cluster.unknown.empty())
    out += "unknown";
  else if (!serves)
    out += "nothing serves";
  else
    out += escape_control((cluster.is_audited ? "serves" : serves->version + " serves") + "  #" +
                          std::to_string(serves->assignment) + "  since " + serves->since + "  by " + serves->run);
  out += "  " + paint(escape_control("context " + cluster.context), Tone::dim, style) + "\n";
  if (serves) out += "    " + escape_control("revision " + serves->revision + ", commit " + serves->commit) + "\n";
  if (!cluster.rollout) return out;
  const auto& rollout = *cluster.rollout;
  out += "    " +
         escape_control("rollout " + rollout.baseline.version + (style.unicode ? " → " : " -> ") +
                        rollout.candidate.version + " by " + rollout.candidate.run + ": " + to_string(rollout.phase) +
                        " since " + rfc3339(rollout.since)) +
         "\n";
  if (!rollout.reason.empty()) out += "    " + escape_control("because " + rollout.reason) + "\n";
  if (rollout.pause) out += "    " + escape_control("paused: " + rollout.pause->reason) + "\n";
  for (const auto& event : rollout.events)
    out += "      " + paint(rfc3339(event.when), Tone::dim, style) + "  " + escape_control(event.what) + "\n";
  return out;
}

Json cluster_json(const AuditedCluster& cluster) {
  Json rollout;
  if (cluster.rollout) {
    const auto& state = *cluster.rollout;
    Json events = Json::array();
    for (const auto& event : state.events) events.push_back({{"when", rfc3339(event.when)}, {"what", event.what}});
    rollout = {{"phase", to_string(state.phase)},
               {"since", rfc3339(state.since)},
               {"began", rfc3339(state.began)},
               {"weight", state.weight},
               {"candidate", to_json(state.candidate)},
               {"baseline", to_json(state.baseline)},
               {"reason", state.reason},
               {"paused", state.pause ? Json(state.pause->reason) : Json()},
               {"events", std::move(events)}};
  }
  return {{"environment", cluster.environment},
          {"context", cluster.context},
          {"unknown", cluster.unknown},
          {"serves", cluster.serves ? to_json(*cluster.serves) : Json()},
          {"servesAudited", cluster.is_audited},
          {"rollout", std::move(rollout)},
          {"drift", cluster.drift}};
}

}  // namespace mlctl::release
