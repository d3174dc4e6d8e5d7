#include "tests/deploy/cluster/memory_cluster.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mlctl::deploy::test {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* core_kinds =
    R"({"kind":"APIGroupDiscoveryList","items":[{"metadata":{},"versions":[{"version":"v1",
"resources":[
 {"resource":"namespaces","responseKind":{"kind":"Namespace"},"scope":"Cluster"},
 {"resource":"pods","responseKind":{"kind":"Pod"},"scope":"Namespaced"},
 {"resource":"configmaps","responseKind":{"kind":"ConfigMap"},"scope":"Namespaced"},
 {"resource":"resourcequotas","responseKind":{"kind":"ResourceQuota"},"scope":"Namespaced"},
 {"resource":"serviceaccounts","responseKind":{"kind":"ServiceAccount"},"scope":"Namespaced"},
 {"resource":"services","responseKind":{"kind":"Service"},"scope":"Namespaced"}]}]}]})";
constexpr const char* group_kinds = R"({"kind":"APIGroupDiscoveryList","items":[
 {"metadata":{"name":"apps"},"versions":[{"version":"v1","resources":[
  {"resource":"deployments","responseKind":{"kind":"Deployment"},"scope":"Namespaced"}]}]},
 {"metadata":{"name":"policy"},"versions":[{"version":"v1","resources":[
  {"resource":"poddisruptionbudgets","responseKind":{"kind":"PodDisruptionBudget"},"scope":"Namespaced"}]}]}]})";

ApiAnswer failure(int code, const std::string& reason, const std::string& message) {
  return {code, Json({{"kind", "Status"}, {"reason", reason}, {"message", message}}).dump(), {}};
}

bool has(const ApiRequest& request, const std::string& key) {
  return std::any_of(request.query.begin(), request.query.end(), [&](const auto& one) { return one.first == key; });
}

std::string version_of(const Json& object) {
  return object.value("/metadata/resourceVersion"_json_pointer, "");
}

}  // namespace

std::vector<Result<ApiAnswer>> MemoryCluster::send(const std::vector<ApiRequest>& requests,
                                                   const std::function<void(std::size_t)>& done) {
  std::vector<Result<ApiAnswer>> out;
  for (const auto& request : requests) {
    if (before) before(request);
    auto given = answer(request);
    out.push_back(after ? after(request, std::move(given)) : Result<ApiAnswer>(std::move(given)));
    if (done) done(out.size());
  }
  return out;
}

void MemoryCluster::change(const std::string& path, const std::function<void(Json&)>& how) {
  auto& object = objects.at(path);
  how(object);
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
}

ApiAnswer MemoryCluster::answer(const ApiRequest& request) {
  if (request.path == "/api") return {200, core_kinds, {}};
  if (request.path == "/apis") return {200, group_kinds, {}};
  if (request.method == "GET") {
    if (has(request, "limit")) return list(request.path, request);
    const auto found = objects.find(request.path);
    return found == objects.end() ? failure(404, "NotFound", request.path) : ApiAnswer{200, found->second.dump(), {}};
  }
  return request.method == "DELETE" ? remove(request) : write(request);
}

// Of one namespace, or of all: the plural stands last in both.
ApiAnswer MemoryCluster::list(const std::string& path, const ApiRequest& request) const {
  const auto plural = path.substr(path.rfind('/'));
  const auto root = path.substr(0, path.rfind('/'));
  Json items = Json::array();
  for (const auto& [at, object] : objects) {
    const auto folder = at.substr(0, at.rfind('/'));
    if (!folder.ends_with(plural) || !folder.starts_with(root + "/")) continue;
    if (has(request, "labelSelector") &&
        object["metadata"].value("labels", Json::object()).value("app.kubernetes.io/managed-by", "") != "mlctl")
      continue;
    items.push_back(object);
  }
  return {200, Json({{"metadata", {{"resourceVersion", std::to_string(version_)}}}, {"items", items}}).dump(), {}};
}

Json MemoryCluster::stored(Json object, const Json* old) {
  auto& metadata = object["metadata"];
  metadata["uid"] = old != nullptr ? (*old)["metadata"]["uid"] : Json("uid-" + std::to_string(version_ + 1));
  metadata["resourceVersion"] = std::to_string(++version_);
  if (object["kind"] == "Deployment") {
    metadata["generation"] = old != nullptr ? (*old)["metadata"]["generation"].get<int>() + 1 : 1;
    const int count = object["spec"].value("replicas", 1);
    if (pods_get_ready)
      object["status"] = {{"observedGeneration", metadata["generation"]},
                          {"replicas", count},
                          {"updatedReplicas", count},
                          {"readyReplicas", count},
                          {"availableReplicas", count}};
  }
  return object;
}

ApiAnswer MemoryCluster::write(const ApiRequest& request) {
  Json object = Json::parse(request.body);
  const std::string name = object["metadata"]["name"];
  const auto path = request.method == "POST" ? request.path + "/" + name : request.path;
  const auto space = path.find("/namespaces/");
  if (const auto end = space == std::string::npos ? space : path.find('/', space + 12); end != std::string::npos)
    if (const auto owner = "/api/v1" + path.substr(space, end - space); objects.count(owner) == 0)
      return failure(404, "NotFound", owner + " not found");
  const auto found = objects.find(path);
  const Json* old = found == objects.end() ? nullptr : &found->second;
  if (request.method == "POST" && old != nullptr) return failure(409, "AlreadyExists", name);
  const auto wanted = version_of(object);
  if (!wanted.empty() && (old == nullptr || wanted != version_of(*old))) return failure(409, "Conflict", name);
  if (has(request, "dryRun")) return {200, object.dump(), {}};
  writes.push_back(request.method + " " + request.about);
  Json kept = stored(std::move(object), old);
  objects[path] = kept;
  return {old == nullptr ? 201 : 200, kept.dump(), {}};
}

ApiAnswer MemoryCluster::remove(const ApiRequest& request) {
  const auto found = objects.find(request.path);
  if (found == objects.end()) return failure(404, "NotFound", request.path);
  const auto preconditions = Json::parse(request.body).at("preconditions");
  if (preconditions.at("uid") != found->second["metadata"]["uid"] ||
      preconditions.at("resourceVersion") != found->second["metadata"]["resourceVersion"])
    return failure(409, "Conflict", request.path);
  writes.push_back(request.method + " " + request.about);
  objects.erase(found);
  return {200, "{}", {}};
}

}  // namespace mlctl::deploy::test
