#include "deploy/gpu/check_room.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/dry_run.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/list.h"
#include "deploy/cluster/plan_detail.h"
#include "deploy/gpu/check.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

struct Wish {
  OwnerPlan* owner = nullptr;
  ObjectKey deployment;
  Json pod_spec;
  GpuNeed need;
};

const ObjectChange* made_anew(const OwnerPlan& owner) {
  for (const auto& change : owner.changes)
    if (change.change.kind == Change::Kind::create && change.change.object.kind == "Deployment") return &change;
  return nullptr;
}

// Of the pods that are to be made: those of a Deployment that is to be created, or that a rollout will create which
// begins when another has ended.
std::optional<Wish> wish_of(OwnerPlan& owner) {
  if (owner.refused || owner.spec == nullptr || !owner.spec->serving.gpu || goes_back(owner)) return std::nullopt;
  const ObjectChange* made = made_anew(owner);
  Body body = made != nullptr ? made->body : nullptr;
  if (owner.rollout == OwnerPlan::Rollout::ends)
    for (const auto& one : owner.bodies)
      if (text_field(*one, "kind") == "Deployment") body = one;
  if (body == nullptr) return std::nullopt;
  const auto& serving = owner.spec->serving;
  const Json& spec = field(*body, "spec");
  auto pods = std::max<std::int64_t>(number_field(spec, "replicas", serving.autoscale.min), 1);
  if (serving.canary && owner.before.stable) pods = std::min<std::int64_t>(pods, std::max(serving.autoscale.max, 1));
  const Json& pod_spec = field(field(spec, "template"), "spec");
  return Wish{&owner, key_of(*body), pod_spec, {*serving.gpu, pods, tolerations_of(pod_spec)}};
}

bool may_be_used(const NodeRoom& room, const std::vector<Wish>& wishes) {
  return std::any_of(wishes.begin(), wishes.end(), [&](const Wish& wish) { return why_not(room, wish.need).empty(); });
}

struct Asked {
  std::vector<ApiRequest> requests;
  std::vector<std::size_t> wishes;  // whose they are
};

// The answers that are fine, each with its wish.
template <class Take>
void for_each_answer(Cluster& cluster, const Asked& asked, std::vector<Wish>& wishes, const Take& take) {
  if (asked.requests.empty()) return;
  const auto answers = cluster.send(asked.requests, {});
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i] && is_fine(*answers[i]))
      take(wishes[asked.wishes[i]], Json::parse(answers[i]->body, nullptr, false));
}

// A canary becomes as large as stable is by then, which an autoscaler has decided.
void as_large_as_stable(Cluster& cluster, const Resource& deployments, std::vector<Wish>& wishes) {
  Asked asked;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    const auto& owner = *wishes[i].owner;
    if (owner.rollout == OwnerPlan::Rollout::none || !owner.before.stable) continue;
    auto stable = wishes[i].deployment;
    stable.name = owner.spec->model.name + "-" + owner.before.stable->revision;
    asked.requests.push_back({.path = path_of(deployments, stable), .about = to_string(stable)});
    asked.wishes.push_back(i);
  }
  for_each_answer(cluster, asked, wishes, [](Wish& wish, const Json& stable) {
    const auto most = std::max(wish.owner->spec->serving.autoscale.max, 1);
    const auto now = std::clamp<std::int64_t>(number_field(field(stable, "spec"), "replicas", 1), 1, most);
    wish.need.pods = std::max(wish.need.pods, now);
  });
}

// What a rollout would make that is there already: nothing is new.
void leave_out_those_there(Cluster& cluster, const Resource& deployments, std::vector<Wish>& wishes) {
  Asked asked;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (wishes[i].owner->rollout != OwnerPlan::Rollout::ends) continue;
    asked.requests.push_back(
        {.path = path_of(deployments, wishes[i].deployment), .about = to_string(wishes[i].deployment)});
    asked.wishes.push_back(i);
  }
  for_each_answer(cluster, asked, wishes, [](Wish& wish, const Json&) { wish.need.pods = 0; });
  std::erase_if(wishes, [](const Wish& wish) { return wish.need.pods == 0; });
}

// Admission may let pods tolerate more than their template says (PodTolerationRestriction, webhooks): where taints keep
// them away the server is asked what becomes of one. What it refuses counts as the template has it.
void admit(Cluster& cluster, std::vector<Wish>& wishes, const std::vector<NodeRoom>& rooms) {
  Asked asked;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    auto need = wishes[i].need;
    need.tolerations = {{"", "Exists", "", ""}};
    if (std::none_of(rooms.begin(), rooms.end(), [&](const NodeRoom& room) {
          return why_not(room, need).empty() && !why_not(room, wishes[i].need).empty();
        }))
      continue;
    const auto& place = wishes[i].deployment;
    const Json pod = {{"apiVersion", "v1"},
                      {"kind", "Pod"},
                      {"metadata", {{"generateName", "mlctl-look-"}, {"namespace", place.name_space}}},
                      {"spec", wishes[i].pod_spec}};
    asked.requests.push_back({.method = "POST",
                              .path = path_of({"v1", "Pod", "pods", true}, place.name_space),
                              .query = {{"dryRun", "All"}, {"fieldManager", field_manager}},
                              .body = pod.dump(-1, ' ', false, Json::error_handler_t::replace),
                              .content_type = "application/json",
                              .about = "pod of " + to_string(place)});
    asked.wishes.push_back(i);
  }
  for_each_answer(cluster, asked, wishes,
                  [](Wish& wish, const Json& pod) { wish.need.tolerations = tolerations_of(field(pod, "spec")); });
}

// Of all GPU nodes, nothing taken yet.
Result<std::vector<NodeRoom>> read_nodes(Cluster& cluster, const GpuReportOf& report_of) {
  auto nodes = find_gpu_nodes(cluster, {});
  if (!nodes && nodes.error().kind == Error::Kind::not_found) return std::vector<NodeRoom>();
  if (!nodes) return nodes.error();
  std::vector<NodeRoom> out;
  for (const auto& node : *nodes)
    out.push_back({.node = node, .report = report_of ? report_of(node.name) : std::nullopt});
  return out;
}

// What is taken of the nodes that one of the wishes might use; how many GPUs others wait for.
Result<std::int64_t> read_pods(Cluster& cluster, const std::vector<Wish>& wishes, std::vector<NodeRoom>& rooms) {
  const Resource pods{"v1", "Pod", "pods", true};
  std::vector<ListQuery> queries{{.resource = pods, .field_selector = "spec.nodeName=,status.phase=Pending"}};
  for (const auto& room : rooms)
    if (may_be_used(room, wishes))
      queries.push_back(
          {.resource = pods,
           .field_selector = "spec.nodeName=" + room.node.name + ",status.phase!=Succeeded,status.phase!=Failed"});
  auto lists = list_all(cluster, queries);
  if (!lists) return lists.error();
  std::map<std::string, std::int64_t> taken;
  for (const auto& list : *lists) taken.merge(gpus_taken(list.items));
  for (auto& room : rooms)
    if (const auto found = taken.find(room.node.name); found != taken.end()) room.taken = found->second;
  return taken[""];
}

std::string hint_of(const std::vector<NodeRoom>& rooms, const GpuNeed& need) {
  const bool fits_somewhere =
      std::any_of(rooms.begin(), rooms.end(), [&](const NodeRoom& room) { return why_not(room, need).empty(); });
  return std::string(fits_somewhere ? "free some: new pods stand beside those that serve until these are replaced"
                                    : "`serving.gpu` in the model's model.yaml says what it wants") +
         "; where nodes are added on demand, say `node_autoscaling: true` in the environment";
}

// What it leaves as it is is also where it served before, in another namespace.
void refuse(Wish& wish, const std::vector<NodeRoom>& rooms, std::int64_t placed, ClusterPlan& plan) {
  auto why = wish.owner->name + ": " + shortage(rooms, wish.need, placed);
  if (wish.owner->spec->environment.node_autoscaling) {
    for (auto line = why.find('\n'); line != std::string::npos; line = why.find('\n', line + 1))
      why.insert(line + 1, "  ");
    plan.notes.push_back(why);
    return;
  }
  wish.owner->refused = Error{Error::Kind::denied, why, hint_of(rooms, wish.need)};
  wish.owner->changes.clear();
  for (auto& other : plan.owners) {
    if (!other.is_model || other.spec != nullptr || other.before.model != wish.owner->spec->model) continue;
    other.changes.clear();
    other.after = other.before;
    other.rollout = OwnerPlan::Rollout::none;
  }
}

// Of the nodes that the pods may be put on: what should be known of them and is not, and what is known and does not
// keep pods away.
void note_checks(const std::vector<Wish>& wishes, const std::vector<NodeRoom>& rooms, ClusterPlan& plan) {
  std::string unchecked, unmarked, doubtful;
  const auto add = [](std::string& names, const std::string& name) {
    names += (names.empty() ? "" : ", ") + escape_control(name);
  };
  for (const auto& room : rooms) {
    if (!may_be_used({.node = room.node, .report = {}}, wishes)) continue;
    if (!room.report && room.node.mark.empty()) add(unchecked, room.node.name);
    if (room.unfit()) add(unmarked, room.node.name);
    if (room.report && room.report->unfit && !room.unfit()) add(doubtful, room.node.name);
  }
  const auto& environment = wishes.front().owner->spec->environment;
  const auto check = "`mlctl gpu check --cluster " + environment.name;
  if (!unmarked.empty())
    plan.notes.push_back("unfit, and nothing keeps pods away from it: " + unmarked + "; " + check +
                         " --mark` checks it again");
  if (!doubtful.empty())
    plan.notes.push_back("found unfit by a report that is kept here, and marked fit since: " + doubtful + "; " + check +
                         " --mark` decides");
  if (!unchecked.empty() && !environment.gpu_smoke.image.empty())
    plan.notes.push_back("GPUs that nobody has checked: of " + unchecked + "; " + check + "`");
}

Status ask(Cluster& cluster, Discovery& discovery, ClusterPlan& plan, std::vector<Wish>& wishes,
           const GpuReportOf& report_of) {
  auto deployments = discovery.find("apps/v1", "Deployment");
  if (!deployments) return deployments.error();
  leave_out_those_there(cluster, *deployments, wishes);
  if (wishes.empty()) return ok();
  as_large_as_stable(cluster, *deployments, wishes);
  auto rooms = read_nodes(cluster, report_of);
  if (!rooms) return rooms.error();
  admit(cluster, wishes, *rooms);
  const auto waited_for = read_pods(cluster, wishes, *rooms);
  if (!waited_for) return waited_for.error();
  note_checks(wishes, *rooms, plan);
  if (*waited_for > 0)
    plan.notes.push_back("pods that have no node yet want " + std::to_string(*waited_for) + " GPUs too");
  std::vector<GpuNeed> needs;
  for (const auto& wish : wishes) needs.push_back(wish.need);
  const auto placed = find_places(*rooms, needs);
  for (std::size_t i = 0; i < wishes.size(); ++i)
    if (placed[i] < needs[i].pods) refuse(wishes[i], *rooms, placed[i], plan);
  return ok();
}

}  // namespace

Status refuse_without_gpus(Cluster& cluster, Discovery& discovery, ClusterPlan& plan, const GpuReportOf& report_of) {
  std::vector<Wish> wishes;
  for (auto& owner : plan.owners)
    if (auto wish = wish_of(owner)) wishes.push_back(std::move(*wish));
  if (wishes.empty()) return ok();
  auto asked = ask(cluster, discovery, plan, wishes, report_of);
  if (asked || asked.error().kind != Error::Kind::credentials) return asked;
  plan.notes.push_back("whether GPUs are free is not known: " + asked.error().message);
  return ok();
}

}  // namespace mlctl::deploy
