#include "tests/deploy/cluster/memory_cluster.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

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
  {"resource":"controllerrevisions","responseKind":{"kind":"ControllerRevision"},"scope":"Namespaced"},
  {"resource":"deployments","responseKind":{"kind":"Deployment"},"scope":"Namespaced"}]}]},
 {"metadata":{"name":"batch"},"versions":[{"version":"v1","resources":[
  {"resource":"jobs","responseKind":{"kind":"Job"},"scope":"Namespaced"}]}]},
 {"metadata":{"name":"gateway.networking.k8s.io"},"versions":[{"version":"v1","resources":[
  {"resource":"httproutes","responseKind":{"kind":"HTTPRoute"},"scope":"Namespaced"}]}]},
 {"metadata":{"name":"monitoring.coreos.com"},"versions":[{"version":"v1","resources":[
  {"resource":"podmonitors","responseKind":{"kind":"PodMonitor"},"scope":"Namespaced"}]}]},
 {"metadata":{"name":"autoscaling"},"versions":[{"version":"v2","resources":[
  {"resource":"horizontalpodautoscalers","responseKind":{"kind":"HorizontalPodAutoscaler"},"scope":"Namespaced"}]}]},
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

// One requirement of a labelSelector: "key=value", or "key in (a,b)".
bool meets(const std::string& requirement, const Json& labels) {
  if (const auto in = requirement.find(" in ("); in != std::string::npos)
    return ("," + requirement.substr(in + 5, requirement.size() - in - 6) + ",")
               .find("," + labels.value(requirement.substr(0, in), "") + ",") != std::string::npos;
  const auto equals = requirement.find('=');
  return labels.value(requirement.substr(0, equals), "") == requirement.substr(equals + 1);
}

bool selected(const ApiRequest& request, const Json& labels) {
  for (const auto& [key, text] : request.query) {
    if (key != "labelSelector") continue;
    for (std::size_t begin = 0; begin < text.size();) {
      const auto list = text.find('(', begin);
      auto end = std::min(text.find(',', begin), text.size());
      if (list < end) end = std::min(text.find(')', list), text.size() - 1) + 1;
      if (!meets(text.substr(begin, end - begin), labels)) return false;
      begin = end + 1;
    }
  }
  return true;
}

// "spec.nodeName=a,status.phase!=Failed": of pods, by text.
bool chosen(const ApiRequest& request, const Json& object) {
  for (const auto& [key, text] : request.query) {
    if (key != "fieldSelector") continue;
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find(',', begin), text.size());
      const auto one = text.substr(begin, end - begin);
      begin = end + 1;
      const auto equals = one.find('=');
      const bool differs = one[equals - 1] == '!';
      auto path = "/" + one.substr(0, differs ? equals - 1 : equals);
      std::replace(path.begin(), path.end(), '.', '/');
      const Json::json_pointer place(path);
      const auto value = object.contains(place) ? object.at(place).get<std::string>() : std::string();
      if ((value == one.substr(equals + 1)) == differs) return false;
    }
  }
  return true;
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
  if (const auto proxy = request.path.find("/proxy/"); proxy != std::string::npos) {
    const auto path = request.path.substr(0, request.path.rfind(':', proxy));
    const auto pod = path.substr(path.rfind('/') + 1);
    if (request.method == "GET" && pages) return {200, pages(pod), {}};
    if (request.method == "POST" && answers) return answers(pod, request);
  }
  if (request.method == "GET") {
    if (has(request, "limit")) return list(request);
    const auto found = objects.find(request.path);
    return found == objects.end() ? failure(404, "NotFound", request.path) : ApiAnswer{200, found->second.dump(), {}};
  }
  return request.method == "DELETE" ? remove(request) : write(request);
}

ApiAnswer MemoryCluster::list(const ApiRequest& request) {
  ++lists;
  if (clock != nullptr) note_changes();
  Json items = Json::array();
  for (const auto& [path, object] : matching(request)) items.push_back(object);
  return {200, Json({{"metadata", {{"resourceVersion", std::to_string(version_)}}}, {"items", items}}).dump(), {}};
}

// Of one namespace, or of all: the plural stands last in both.
MemoryCluster::Objects MemoryCluster::matching(const ApiRequest& request) const {
  const auto plural = request.path.substr(request.path.rfind('/'));
  const auto root = request.path.substr(0, request.path.rfind('/'));
  Objects out;
  for (const auto& [path, object] : objects) {
    const auto folder = path.substr(0, path.rfind('/'));
    if (!folder.ends_with(plural) || !folder.starts_with(root + "/")) continue;
    if (selected(request, object["metadata"].value("labels", Json::object())) && chosen(request, object))
      out.emplace(path, object);
  }
  return out;
}

void MemoryCluster::note_changes() {
  if (!history_.empty() && history_.rbegin()->first == version_ && history_.rbegin()->second == objects) return;
  history_[++version_] = objects;
}

std::optional<std::uint64_t> MemoryCluster::open_stream(const ApiRequest& request) {
  if (clock == nullptr) return std::nullopt;
  streams.push_back(request.path);
  Stream stream{request, {}, {}};
  std::uint64_t from = 0;
  for (const auto& [key, value] : request.query)
    if (key == "resourceVersion") from = std::stoull(value);
  if (auto no = refuse_stream ? refuse_stream(request) : std::nullopt) {
    stream.end = *no;
  } else if (const auto then = history_.find(from); then == history_.end()) {
    stream.end = failure(410, "Expired", "too old resource version: " + std::to_string(from));
  } else {
    auto now = std::exchange(objects, then->second);
    stream.known = matching(request);
    objects = std::move(now);
  }
  open_.emplace(++last_stream_, std::move(stream));
  return last_stream_;
}

std::string MemoryCluster::news_of(Stream& stream) const {
  auto now = matching(stream.request);
  std::string out;
  const auto say = [&](const char* type, Json object) {
    object["metadata"]["resourceVersion"] = std::to_string(version_);
    out += Json({{"type", type}, {"object", std::move(object)}}).dump() + "\n";
  };
  for (const auto& [path, object] : now)
    if (const auto old = stream.known.find(path); old == stream.known.end() || old->second != object)
      say(old == stream.known.end() ? "ADDED" : "MODIFIED", object);
  for (const auto& [path, object] : stream.known)
    if (now.count(path) == 0) say("DELETED", object);
  stream.known = std::move(now);
  return out;
}

std::vector<StreamPart> MemoryCluster::listen(SteadyTime until) {
  for (;;) {
    note_changes();
    std::vector<StreamPart> out;
    for (auto& [id, stream] : open_) {
      StreamPart part{id, stream.end || hold_streams ? "" : news_of(stream), stream.end};
      if (!part.bytes.empty() || part.end) out.push_back(std::move(part));
    }
    for (const auto& part : out)
      if (part.end) open_.erase(part.stream);
    if (!out.empty()) return out;
    if (at.empty() || at.begin()->first > until.time_since_epoch()) {
      clock->sleep_until(until);
      return {};
    }
    clock->sleep_until(SteadyTime(at.begin()->first));
    auto next = at.extract(at.begin());
    next.mapped()();
  }
}

void MemoryCluster::cut_streams() {
  for (auto& [id, stream] : open_) stream.end = Error{Error::Kind::unavailable, "connection was closed", ""};
}

// As many as it wants, with its labels.
void MemoryCluster::make_pods(const Json& deployment) {
  const std::string name = deployment["metadata"]["name"], space = deployment["metadata"]["namespace"];
  for (int i = 0; i < deployment["spec"].value("replicas", 1); ++i) {
    const auto pod = name + "-" + std::to_string(i);
    objects["/api/v1/namespaces/" + space + "/pods/" + pod] = {
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata",
         {{"name", pod}, {"namespace", space}, {"labels", deployment["spec"]["template"]["metadata"]["labels"]}}},
        {"status",
         {{"phase", "Running"},
          {"startTime", "2026-01-01T00:00:00Z"},
          {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}};
  }
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
    if (makes_pods) make_pods(object);
  }
  if (object["kind"] == "HTTPRoute") {  // whose gateway follows at once
    const bool same = old != nullptr && (*old)["spec"] == object["spec"];
    metadata["generation"] = old == nullptr ? 1 : (*old)["metadata"]["generation"].get<int>() + (same ? 0 : 1);
    const Json accepted = {{"type", "Accepted"}, {"status", "True"}, {"observedGeneration", metadata["generation"]}};
    object["status"] = {{"parents", Json::array({{{"conditions", Json::array({accepted})}}})}};
    if (!gateway_follows && old != nullptr) object["status"] = old->value("status", Json());
  }
  return object;
}

ApiAnswer MemoryCluster::write(const ApiRequest& request) {
  Json object = Json::parse(request.body);
  if (request.content_type == "application/merge-patch+json") {
    const auto there = objects.find(request.path);
    if (there == objects.end()) return failure(404, "NotFound", request.path);
    const auto version = version_of(object);
    if (!version.empty() && version != version_of(there->second)) return failure(409, "Conflict", request.path);
    Json merged = there->second;
    merged.merge_patch(object);
    object = std::move(merged);
  }
  const std::string name = object["metadata"].value("name", object["metadata"].value("generateName", "") + "x");
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
  const auto& metadata = found->second["metadata"];
  if (preconditions.at("uid") != metadata["uid"] ||
      preconditions.value("resourceVersion", metadata["resourceVersion"]) != metadata["resourceVersion"])
    return failure(409, "Conflict", request.path);
  writes.push_back(request.method + " " + request.about);
  if (makes_pods && found->second["kind"] == "Deployment") {
    const auto pods = "/pods/" + found->second["metadata"]["name"].get<std::string>() + "-";
    std::erase_if(objects, [&](const auto& one) { return one.first.find(pods) != std::string::npos; });
  }
  objects.erase(request.path);
  return {200, "{}", {}};
}

}  // namespace mlctl::deploy::test
