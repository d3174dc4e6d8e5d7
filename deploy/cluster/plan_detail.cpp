#include "deploy/cluster/plan_detail.h"

#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/fields.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

const Json::json_pointer& replicas_at() {
  static const Json::json_pointer path("/spec/replicas");
  return path;
}

Error was_aborted(const OwnerPlan& owner) {
  const auto& rollout = *owner.before.rollout;
  return {Error::Kind::denied,
          owner.name + ": the rollout of " + escape_control(rollout.candidate.version) + " (#" +
              std::to_string(rollout.candidate.assignment) + ") was aborted: " + escape_control(rollout.reason),
          "`mlctl undo " + owner.name + " --env " + owner.before.environment +
              "` takes it back in git too; `mlctl rollout start " + owner.name + " --env " + owner.before.environment +
              " --again` tries it once more"};
}

// Until the look-around after an abort is over nothing else touches the arms.
bool is_on_its_way(const RolloutState& rollout, const std::string& now) {
  if (rollout.is_over()) return false;
  const auto time = parse_rfc3339(now);
  return rollout.phase != Phase::aborted || !time || *time - rollout.since < rollout.plan.config.look_around;
}

}  // namespace

OwnerPlan left_alone(const Unrendered& unrendered, const std::string& environment) {
  OwnerPlan owner{.name = to_string(unrendered.model), .is_model = true};
  owner.before = {.model = unrendered.model, .name_space = unrendered.name_space};
  owner.before.environment = environment;
  owner.refused = unrendered.why;
  return owner;
}

Error newer_there(const OwnerPlan& owner, std::uint64_t here) {
  return {Error::Kind::denied,
          owner.name + ": the cluster carries assignment " + std::to_string(owner.before.assignment) + ", newer than " +
              std::to_string(here) + (here == 0 ? " (none)" : "") + ", the newest known here",
          "`git fetch --tags`, then try again; a higher assignment is never overwritten by a lower one"};
}

std::optional<Error> forgotten(const OwnerPlan& owner, const Live& live) {
  const auto& before = owner.before;
  if (!before.resource_version.empty() || !is_forgotten(before.model, before.name_space, live)) return std::nullopt;
  const auto service = live.objects.find({"v1", "Service", before.name_space, before.model.name});
  const auto version = annotation_of(service->second, version_annotation);
  return Error{
      Error::Kind::conflict,
      owner.name + (version.empty() ? "" : " " + escape_control(version)) + " serves, and its ConfigMap " +
          state_name(before.model) + " is gone: nobody knows whether traffic was being shifted",
      "put it back from a backup; `--force-conflicts` makes it anew, and git's version takes all traffic at once"};
}

std::optional<Error> another_by_that_number(const OwnerPlan& owner) {
  if (owner.spec == nullptr) return std::nullopt;
  const auto& before = owner.before;
  const auto differs = [&](const Serves& there) {
    return there.assignment == static_cast<std::uint64_t>(owner.spec->assignment) &&
           there.digest != to_string(owner.spec->digest);
  };
  const Serves* there = before.stable && differs(*before.stable)               ? &*before.stable
                        : before.rollout && differs(before.rollout->candidate) ? &before.rollout->candidate
                                                                               : nullptr;
  if (there == nullptr) return std::nullopt;
  return Error{Error::Kind::conflict,
               owner.name + ": assignment " + std::to_string(there->assignment) + " is " +
                   escape_control(there->version) + " in the cluster, and " + to_string(owner.spec->version) + " here",
               "`git fetch --tags` shows what the others have assigned; the next number is `mlctl assign`'s"};
}

Error not_ours(const ObjectKey& key, const Stranger& stranger) {
  return {Error::Kind::conflict,
          to_string(key) + " is there already, and not mlctl's" +
              (stranger.owner.empty() ? "" : " but of " + escape_control(stranger.owner)),
          "delete it, give the model another name or namespace, or take it over with `--force-conflicts`"};
}

bool goes_back(const OwnerPlan& owner) {
  return owner.spec->way_back && owner.before.stable &&
         owner.before.stable->assignment < static_cast<std::uint64_t>(owner.spec->assignment);
}

void find_rollout(OwnerPlan& owner, const std::string& now, bool again) {
  const auto& before = owner.before;
  if (owner.refused || owner.spec == nullptr || !before.stable) return;
  const auto& revision = owner.revision;
  const bool lost = before.rollout && before.rollout->has_lost();
  const bool same = before.rollout && before.rollout->candidate.revision == revision &&
                    before.rollout->candidate.assignment == static_cast<std::uint64_t>(owner.spec->assignment);
  const bool other_serves = revision != before.stable->revision;
  const bool on_its_way = before.rollout && is_on_its_way(*before.rollout, now);
  if (same && lost && !again) {
    owner.refused = was_aborted(owner);
    owner.aborted = true;
  } else if (on_its_way && !(lost && other_serves)) {
    owner.rollout = same ? OwnerPlan::Rollout::runs : OwnerPlan::Rollout::ends;
  } else if (other_serves && owner.spec->serving.canary && owner.spec->assignment > 0 && !goes_back(owner)) {
    owner.rollout = OwnerPlan::Rollout::begins;
  }
}

const Json* taken_over_by(const OwnerPlan& owner, const ObjectKey& key, const Live& live) {
  const auto& stable = owner.before.stable;
  if (key.kind != "Deployment" || !stable || owner.rollout != OwnerPlan::Rollout::none) return nullptr;
  const auto old =
      live.objects.find({key.api_version, key.kind, key.name_space, owner.before.model.name + "-" + stable->revision});
  return old == live.objects.end() ? nullptr : &old->second;
}

void start_as_large(Body& body, const Json& old) {
  const auto replicas = number_field(field(old, "spec"), "replicas");
  if (replicas < 1 || body->contains(replicas_at())) return;
  Json larger = *body;
  larger["spec"]["replicas"] = replicas;
  body = std::make_shared<const Json>(std::move(larger));
}

void keep_replicas(Body& body, const Json& live, std::vector<FieldChange>& fields) {
  if (text_field(*body, "kind") != "Deployment" || body->contains(replicas_at()) || !live.contains(replicas_at()))
    return;
  if (std::erase_if(fields, [](const FieldChange& field) { return field.path == "spec.replicas"; }) == 0) return;
  Json same = *body;
  same["spec"]["replicas"] = live.at(replicas_at());
  body = std::make_shared<const Json>(std::move(same));
}

registry::ModelName model_named(const nlohmann::ordered_json& object) {
  auto model = registry::parse_model_name(annotation_of(object, model_annotation));
  return model ? *model : registry::ModelName{};
}

}  // namespace mlctl::deploy
