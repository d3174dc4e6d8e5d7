#include "deploy/cluster/revisions.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "deploy/cluster/dry_run.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/list.h"
#include "deploy/cluster/live.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

// Everything that model_objects() makes.
constexpr std::array<std::string_view, 7> kinds = {
    "ServiceAccount",      "Deployment", "Service",   "HorizontalPodAutoscaler",
    "PodDisruptionBudget", "HTTPRoute",  "PodMonitor"};

Result<Resource> resource_of_records(Discovery& discovery) {
  return discovery.find("apps/v1", "ControllerRevision");
}

ApiRequest creation(const Resource& resource, const Json& record) {
  const auto key = key_of(record);
  return {.method = "POST",
          .path = path_of(resource, key.name_space),
          .query = {{"fieldManager", field_manager}},
          .body = record.dump(-1, ' ', false, Json::error_handler_t::replace),
          .content_type = "application/json",
          .about = to_string(key),
          .again = false};
}

ApiRequest removal(const Resource& resource, const Json& there) {
  return removal_request(resource, key_of(there), {uid_of(there), resource_version_of(there)});
}

std::int64_t assignment_of(const Json& record) {
  const auto text = annotation_of(record, assignment_annotation);
  std::int64_t n = 0;
  for (const char c : text.substr(0, 18))
    if (c >= '0' && c <= '9') n = n * 10 + (c - '0');
  return n;
}

// Keys of objects have no order here: who stored it may have given them another.
bool holds_the_same(const Json& one, const Json& other) {
  const auto unordered = [](const Json& record, const char* part) {
    return nlohmann::json::parse(
        field(field(record, "data"), part).dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  return assignment_of(one) == assignment_of(other) && unordered(one, "objects") == unordered(other, "objects") &&
         unordered(one, "replay") == unordered(other, "replay");
}

// As anything that is rendered: what reads it later goes by that.
bool is_whole(const Json& object) {
  const Json &metadata = field(object, "metadata"), &spec = field(object, "spec");
  if (!field(metadata, "labels").is_object() || !field(metadata, "annotations").is_object()) return false;
  if (text_field(object, "kind") == "ServiceAccount") return true;
  if (text_field(object, "kind") != "Deployment") return spec.is_object();
  const Json& containers = field(field(field(spec, "template"), "spec"), "containers");
  return containers.is_array() && !containers.empty();
}

// It is there already: as it should be, or it makes room for what is kept now.
Status replace(Cluster& cluster, const Resource& resource, const Json& record) {
  auto there = send_one(cluster, {.path = path_of(resource, key_of(record)), .about = to_string(key_of(record))});
  if (there) {
    const auto old = Json::parse(there->body, nullptr, false);
    if (holds_the_same(old, record)) return ok();
    auto removed = cluster.send({removal(resource, old)}, {});
    if (!removed.front()) return removed.front().error();
  } else if (there.error().kind != Error::Kind::not_found) {
    return there.error();
  }
  const auto request = creation(resource, record);
  auto made = cluster.send({request}, {});
  if (!made.front()) return made.front().error();
  return is_fine(*made.front()) ? ok() : Status(error_of(cluster, request, *made.front()));
}

}  // namespace

Json kept_revision(const ModelState& state, const Serves& serves, const Objects& objects,
                   const std::vector<std::string>& replay) {
  Json data = {{"serves", to_json(serves)}, {"objects", objects}};
  if (!replay.empty()) data["replay"] = replay;
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "ControllerRevision"},
      {"metadata",
       {{"name", state.model.name + "-" + serves.revision},
        {"namespace", state.name_space},
        {"labels",
         {{"app.kubernetes.io/name", state.model.name}, {managed_label, "mlctl"}, {revision_label, serves.revision}}},
        {"annotations",
         {{model_annotation, to_string(state.model)}, {assignment_annotation, std::to_string(serves.assignment)}}}}},
      {"revision", serves.assignment},
      {"data", std::move(data)}};
}

Result<KeptRevision> parse_kept(const Json& record, const registry::ModelName& model, const std::string& name_space) {
  const Json& data = field(record, "data");
  KeptRevision out{serves_from(field(data, "serves")), {}};
  const Error foreign{Error::Kind::corrupt, to_string(key_of(record)) + " does not hold what mlctl has applied",
                      "`kubectl delete controllerrevision -n " + name_space + " " + key_of(record).name +
                          "` forgets it: it is rendered again then"};
  const auto revision = model.name + "-" + out.serves.revision;
  if (out.serves.revision.empty() || key_of(record).name != revision || !field(data, "objects").is_array())
    return foreign;
  std::set<ObjectKey> seen;
  for (const auto& object : field(data, "objects")) {
    const auto key = key_of(object);
    const bool ours = std::find(kinds.begin(), kinds.end(), key.kind) != kinds.end() && key.name_space == name_space &&
                      (key.name == model.name || key.name == revision);
    if (!ours || !is_whole(object) || !seen.insert(key).second) return foreign;
    out.objects.push_back(object);
  }
  const bool has_pods = seen.count({"apps/v1", "Deployment", name_space, revision}) != 0;
  return has_pods ? Result<KeptRevision>(std::move(out)) : Result<KeptRevision>(foreign);
}

std::vector<Status> keep_revisions(Cluster& cluster, Discovery& discovery, const std::vector<Json>& records) {
  std::vector<Status> out;
  if (records.empty()) return out;
  auto resource = resource_of_records(discovery);
  if (!resource) return {records.size(), Status(resource.error())};
  std::vector<ApiRequest> requests;
  for (const auto& record : records) requests.push_back(creation(*resource, record));
  const auto answers = cluster.send(requests, {});
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto& answer = answers[i];
    if (!answer)
      out.push_back(answer.error());
    else if (answer->status == 409)
      out.push_back(replace(cluster, *resource, records[i]));
    else
      out.push_back(is_fine(*answer) ? ok() : Status(error_of(cluster, requests[i], *answer)));
  }
  return out;
}

std::vector<const Json*> outdated(const std::vector<const Json*>& records, const std::string& serving) {
  std::vector<const Json*> others;
  for (const Json* record : records)
    if (serving.empty() || label_of(*record, revision_label) != serving) others.push_back(record);
  std::stable_sort(others.begin(), others.end(),
                   [](const Json* one, const Json* other) { return assignment_of(*one) > assignment_of(*other); });
  if (!serving.empty()) others.erase(others.begin(), others.begin() + std::min(kept_beside, others.size()));
  return others;
}

void retire_revisions(Cluster& cluster, Discovery& discovery, const std::vector<const ModelState*>& states) {
  if (states.empty()) return;
  auto resource = resource_of_records(discovery);
  if (!resource) return;
  std::set<std::string> namespaces;
  for (const auto* state : states) namespaces.insert(state->name_space);
  std::vector<ListQuery> queries;
  for (const auto& name : namespaces)
    queries.push_back({*resource, name, std::string(managed_label) + "=mlctl", metadata_only});
  auto lists = list_all(cluster, queries);
  if (!lists) return;
  std::map<std::pair<std::string, std::string>, std::vector<const Json*>> records;  // by namespace and model
  for (const auto& list : *lists)
    for (const auto& record : list.items)
      if (!is_going(record))
        records[{key_of(record).name_space, annotation_of(record, model_annotation)}].push_back(&record);
  std::vector<ApiRequest> requests;
  for (const auto* state : states)
    for (const Json* record :
         outdated(records[{state->name_space, to_string(state->model)}], state->stable ? state->stable->revision : ""))
      requests.push_back(removal(*resource, *record));
  static_cast<void>(cluster.send(requests, {}));
}

Result<std::vector<KeptRevision>> read_kept(Cluster& cluster, Discovery& discovery, const registry::ModelName& model,
                                            const std::string& name_space) {
  auto resource = resource_of_records(discovery);
  if (!resource) return resource.error();
  auto lists = list_all(
      cluster, {{*resource, name_space, "app.kubernetes.io/name=" + model.name + "," + managed_label + "=mlctl"}});
  if (!lists) return lists.error();
  std::vector<KeptRevision> out;
  for (const auto& record : lists->front().items)
    if (annotation_of(record, model_annotation) == to_string(model) && !is_going(record))
      if (auto kept = parse_kept(record, model, name_space)) out.push_back(std::move(*kept));
  std::stable_sort(out.begin(), out.end(), [](const KeptRevision& one, const KeptRevision& other) {
    return std::pair(one.serves.assignment, one.serves.since) > std::pair(other.serves.assignment, other.serves.since);
  });
  return out;
}

}  // namespace mlctl::deploy
