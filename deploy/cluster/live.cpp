#include "deploy/cluster/live.h"

#include <nlohmann/json.hpp>

#include "deploy/cluster/fields.h"
#include "deploy/cluster/list.h"
#include "deploy/cluster/perform.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t few_namespaces = 3;

struct GroupKind {
  const char* group;
  const char* kind;
};
// What is rendered anywhere.
constexpr GroupKind rendered[] = {
    {"", "ConfigMap"},
    {"", "Namespace"},
    {"", "ResourceQuota"},
    {"", "ServiceAccount"},
    {"", "Service"},
    {"apps", "Deployment"},
    {"policy", "PodDisruptionBudget"},
    {"autoscaling", "HorizontalPodAutoscaler"},
    {"gateway.networking.k8s.io", "HTTPRoute"},
};
// What is listed only where a state names it: nobody needs the right to it who does not use it.
constexpr GroupKind rarely_rendered[] = {{"monitoring.coreos.com", "PodMonitor"}};

std::string metadata_text(const Json& object, const char* key) {
  return text_field(field(object, "metadata"), key);
}

std::string metadata_entry(const Json& object, const char* map, const std::string& name) {
  return text_field(field(field(object, "metadata"), map), name.c_str());
}

Result<std::vector<Resource>> known_resources(Discovery& discovery, const std::vector<GroupKind>& kinds) {
  std::vector<Resource> out;
  for (const auto& [group, kind] : kinds) {
    auto found = discovery.find_group_kind(group, kind);
    if (!found) return found.error();
    if (*found) out.push_back(**found);
  }
  return out;
}

std::vector<ListQuery> queries_of(const std::vector<Resource>& resources, const std::set<std::string>& namespaces) {
  const std::string ours = std::string(managed_label) + "=mlctl";
  std::vector<ListQuery> out;
  for (const auto& resource : resources) {
    if (!resource.namespaced || namespaces.empty()) {
      out.push_back({resource, "", ours});
      continue;
    }
    for (const auto& name : namespaces) out.push_back({resource, name, ours});
  }
  return out;
}

void add(Live& live, std::vector<Listing> lists) {
  for (auto& list : lists)
    for (auto& object : list.items) {
      auto key = key_of(object);
      const bool is_state = key.kind == "ConfigMap" && !label_of(object, "applyset.kubernetes.io/id").empty();
      (is_state ? live.states : live.objects).emplace(std::move(key), std::move(object));
    }
}

std::vector<GroupKind> rare_in(const Live& live) {
  std::vector<GroupKind> out;
  for (const auto& one : rarely_rendered) {
    const auto name = std::string(one.kind) + "." + one.group;
    for (const auto& [key, state] : live.states)
      if (kinds_of(state).count(name) != 0) {
        out.push_back(one);
        break;
      }
  }
  return out;
}

// Where RBAC does not let us list all namespaces, one by one.
Result<std::vector<Listing>> list_in(Cluster& cluster, const std::vector<Resource>& resources,
                                     const std::set<std::string>& namespaces) {
  const bool few = !namespaces.empty() && namespaces.size() <= few_namespaces;
  auto lists = list_all(cluster, queries_of(resources, few ? namespaces : std::set<std::string>()));
  if (!lists && !few && !namespaces.empty() && lists.error().kind == Error::Kind::credentials)
    lists = list_all(cluster, queries_of(resources, namespaces));
  return lists;
}

// Who applied or wrote an object, mlctl first.
Stranger stranger_of(const Json& object) {
  Stranger out;
  const Json& managers = field(field(object, "metadata"), "managedFields");
  if (!managers.is_array()) return out;
  for (const auto& entry : managers) {
    const auto name = text_field(entry, "manager");
    out.ours = out.ours || name == field_manager;
    if (out.owner.empty()) out.owner = name;
  }
  return out;
}

Status check_namespaces(Cluster& cluster, Discovery& discovery, const std::vector<ObjectKey>& keys) {
  std::set<std::string> made, needed;
  for (const auto& key : keys)
    (key.kind == "Namespace" ? made : needed).insert(key.kind == "Namespace" ? key.name : key.name_space);
  auto resource = discovery.find("v1", "Namespace");
  if (!resource) return resource.error();
  std::vector<ApiRequest> requests;
  std::vector<std::string> names;
  for (const auto& name : needed) {
    if (made.count(name) != 0) continue;
    const ObjectKey key{"v1", "Namespace", "", name};
    requests.push_back({.path = path_of(*resource, key), .about = to_string(key)});
    names.push_back(name);
  }
  const auto answers = cluster.send(requests, {});
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) return answers[i].error();
    if (answers[i]->status == 403) continue;  // who may not look may still apply
    if (answers[i]->status == 404)
      return Error{Error::Kind::not_found, "context " + cluster.context() + " has no namespace " + names[i],
                   "`kubectl --context " + cluster.context() + " create namespace " + names[i] +
                       "`, or give the models a tenant in mlctl.yaml"};
    if (!is_fine(*answers[i])) return error_of(cluster, requests[i], *answers[i]);
    if (is_going(Json::parse(answers[i]->body, nullptr, false)))
      return Error{Error::Kind::denied, "namespace " + names[i] + " is being deleted",
                   "wait until it is gone, then run the command again"};
  }
  return ok();
}

}  // namespace

Result<Live> read_live(Cluster& cluster, Discovery& discovery, const std::set<std::string>& namespaces) {
  Live live;
  const auto read = [&](const std::vector<GroupKind>& kinds) -> Status {
    if (kinds.empty()) return ok();
    auto resources = known_resources(discovery, kinds);
    if (!resources) return resources.error();
    auto lists = list_in(cluster, *resources, namespaces);
    if (!lists) return lists.error();
    add(live, std::move(*lists));
    return ok();
  };
  if (auto done = read({std::begin(rendered), std::end(rendered)}); !done) return done.error();
  if (auto done = read(rare_in(live)); !done) return done.error();
  return live;
}

Result<Remembered> read_state(Cluster& cluster, const registry::ModelName& model, const std::string& name_space) {
  const ApiRequest request{.path = state_path(model, name_space), .about = "state of " + to_string(model)};
  auto answer = cluster.send({request}, {});
  if (!answer.front()) return answer.front().error();
  if (answer.front()->status == 404) return Remembered{std::nullopt, answer.front()->date};
  if (!is_fine(*answer.front())) return error_of(cluster, request, *answer.front());
  auto state = parse_state(Json::parse(answer.front()->body, nullptr, false));
  if (!state) return state.error();
  return Remembered{std::move(*state), answer.front()->date};
}

bool is_forgotten(const registry::ModelName& model, const std::string& name_space, const Live& live) {
  const auto service = live.objects.find({"v1", "Service", name_space, model.name});
  return service != live.objects.end() && label_of(service->second, part_of_label) == applyset_id(model, name_space);
}

Result<LiveAssignment> live_assignment(Cluster& cluster, Discovery& discovery, const registry::ModelName& model,
                                       const std::string& name_space, const std::string& environment) {
  auto live = read_live(cluster, discovery, {name_space});
  if (!live) return live.error();
  LiveAssignment out;
  for (const auto& [key, object] : live->states) {
    auto state = parse_state(object);
    if (!state || !(state->model == model) || state->environment != environment) continue;
    out.aborted.merge(state->aborted);
    if (!state->stable) continue;
    out.n = std::max(out.n.value_or(0), state->stable->assignment);
    if (const auto& rollout = state->rollout; !rollout || rollout->has_lost() || rollout->is_over())
      out.digest = state->stable->digest;
  }
  return out;
}

LiveAhead::LiveAhead(Cluster& cluster, Discovery& discovery, std::set<std::string> namespaces)
    : cluster_(cluster),
      discovery_(discovery),
      namespaces_(std::move(namespaces)),
      thread_([this] { live_ = std::make_unique<Result<Live>>(read_live(cluster_, discovery_, namespaces_)); }) {}

LiveAhead::~LiveAhead() {
  if (!thread_.joinable()) return;
  cluster_.give_up();
  thread_.join();
}

Result<Live> LiveAhead::take(const std::set<std::string>& namespaces) {
  if (thread_.joinable()) thread_.join();
  return namespaces == namespaces_ ? std::move(*live_) : read_live(cluster_, discovery_, namespaces);
}

Result<std::map<ObjectKey, Stranger>> find_strangers(Cluster& cluster, Discovery& discovery,
                                                     const std::vector<ObjectKey>& keys) {
  std::map<ObjectKey, Stranger> out;
  if (keys.empty()) return out;
  if (auto fine = check_namespaces(cluster, discovery, keys); !fine) return fine.error();
  std::map<std::pair<std::string, std::string>, std::pair<std::string, std::set<std::string>>> places;
  for (const auto& key : keys) {
    auto& [version, names] = places[{key.kind, key.name_space}];
    version = key.api_version;
    names.insert(key.name);
  }
  std::vector<ListQuery> queries;
  for (const auto& [place, names] : places) {
    auto resource = discovery.find(names.first, place.first);
    if (!resource) return resource.error();
    queries.push_back({*resource, place.second, "", metadata_only, true});
  }
  auto lists = list_all(cluster, queries);
  if (!lists) return lists.error();
  const std::set<ObjectKey> wanted(keys.begin(), keys.end());
  for (const auto& list : *lists)
    for (const auto& object : list.items)
      if (const auto key = key_of(object); wanted.count(key) != 0) out[key] = stranger_of(object);
  return out;
}

std::string label_of(const Json& object, const std::string& name) {
  return metadata_entry(object, "labels", name);
}

std::string annotation_of(const Json& object, const std::string& name) {
  return metadata_entry(object, "annotations", name);
}

std::string resource_version_of(const Json& object) {
  return metadata_text(object, "resourceVersion");
}

std::string uid_of(const Json& object) {
  return metadata_text(object, "uid");
}

bool is_going(const Json& object) {
  return !metadata_text(object, "deletionTimestamp").empty();
}

}  // namespace mlctl::deploy
