#include "deploy/cluster/discovery.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/document.h"
#include "base/filesystem.h"
#include "registry/remote_http.h"

namespace mlctl::deploy {
namespace {

constexpr std::uint64_t cache_limit = 16U << 20U;
constexpr std::chrono::minutes cache_life{10};
constexpr const char* discovery_type =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

std::string text_of(const nlohmann::json& value, const char* key) {
  if (!value.is_object()) return "";
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : "";
}

const nlohmann::json& list_of(const nlohmann::json& value, const char* key) {
  static const nlohmann::json none = nlohmann::json::array();
  if (!value.is_object()) return none;
  const auto found = value.find(key);
  return found != value.end() && found->is_array() ? *found : none;
}

}  // namespace

std::string group_of(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? "" : std::string(api_version.substr(0, slash));
}

std::string path_of(const Resource& resource, const std::string& name_space) {
  const bool core = resource.api_version.find('/') == std::string::npos;
  std::string path = (core ? "/api/" : "/apis/") + resource.api_version;
  if (resource.namespaced && !name_space.empty()) path += "/namespaces/" + registry::percent_encode(name_space);
  return path + "/" + resource.plural;
}

std::string path_of(const Resource& resource, const ObjectKey& key) {
  return path_of(resource, key.name_space) + "/" + registry::percent_encode(key.name);
}

Result<std::vector<Resource>> parse_discovery(const std::string& body) {
  const auto value = parse_json(body, "discovery");
  if (!value) return Error{Error::Kind::unavailable, value.error().message, ""};
  if (text_of(*value, "kind") != "APIGroupDiscoveryList")
    return Error{Error::Kind::unavailable, "the server lists its kinds in no way that mlctl knows",
                 "mlctl needs Kubernetes 1.27 or newer"};
  std::vector<Resource> out;
  for (const auto& group : list_of(*value, "items")) {
    const auto name = group.is_object() && group.contains("metadata") ? text_of(group["metadata"], "name") : "";
    for (const auto& version : list_of(group, "versions")) {
      const auto number = text_of(version, "version");
      for (const auto& resource : list_of(version, "resources")) {
        const auto kind =
            resource.is_object() && resource.contains("responseKind") ? text_of(resource["responseKind"], "kind") : "";
        Resource one{name.empty() ? number : name + "/" + number, kind, text_of(resource, "resource"),
                     text_of(resource, "scope") != "Cluster"};
        if (!one.kind.empty() && !one.plural.empty()) out.push_back(std::move(one));
      }
    }
  }
  return out;
}

Discovery::Discovery(Cluster& cluster, Clock& clock, const std::filesystem::path& cache, const std::string& server)
    : cluster_(cluster), clock_(clock) {
  if (!cache.empty()) file_ = cache / "clusters" / digest_of(server).hex().substr(0, 32) / "kinds.json";
}

Result<Resource> Discovery::find(const std::string& api_version, const std::string& kind) {
  if (auto loaded = load(); !loaded) return loaded.error();
  for (;;) {
    for (const auto& resource : known_)
      if (resource.api_version == api_version && resource.kind == kind) return resource;
    if (fresh_) break;
    if (auto asked = ask(); !asked) return asked.error();
  }
  return Error{Error::Kind::not_found,
               "context " + cluster_.context() + ": the cluster does not know " + kind + " in " + api_version,
               api_version.starts_with("gateway.networking.k8s.io/")
                   ? "install the Gateway API there, or take `route:` from the environment"
               : api_version.starts_with("monitoring.coreos.com/")
                   ? "install the Prometheus Operator there, or take `podMonitor:` from the environment"
                   : "install what defines it there"};
}

Result<std::optional<Resource>> Discovery::find_group_kind(const std::string& group, const std::string& kind) {
  if (auto loaded = load(); !loaded) return loaded.error();
  for (;;) {
    for (const auto& resource : known_)
      if (group_of(resource.api_version) == group && resource.kind == kind) return std::optional(resource);
    if (fresh_) return std::optional<Resource>();
    if (auto asked = ask(); !asked) return asked.error();
  }
}

Status Discovery::load() {
  if (loaded_) return ok();
  loaded_ = true;
  return read_cache() ? ok() : ask();
}

Status Discovery::ask() {
  std::vector<ApiRequest> requests(2);
  requests[0] = {.path = "/api", .accept = discovery_type, .about = "kinds of the cluster"};
  requests[1] = {.path = "/apis", .accept = discovery_type, .about = "kinds of the cluster"};
  std::vector<Resource> found;
  const auto answers = cluster_.send(requests, {});
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) return answers[i].error();
    if (!is_fine(*answers[i])) return error_of(cluster_, requests[i], *answers[i]);
    auto part = parse_discovery(answers[i]->body);
    if (!part) return part.error().context("context " + cluster_.context());
    found.insert(found.end(), part->begin(), part->end());
  }
  known_ = std::move(found);
  fresh_ = true;
  write_cache();
  return ok();
}

// A cache that lies leads to a 404 at worst: what matters is asked of the server again.
bool Discovery::read_cache() {
  if (file_.empty()) return false;
  const auto text = read_file(file_, cache_limit);
  const auto value = text ? parse_json(*text, "cache") : Result<nlohmann::json>(text.error());
  if (!value || !value->is_object() || !value->contains("at")) return false;
  const auto at = parse_rfc3339(text_of(*value, "at"));
  const auto now = clock_.wall();
  if (!at || *at > now || now - *at > cache_life) return false;
  for (const auto& one : list_of(*value, "kinds"))
    known_.push_back({text_of(one, "apiVersion"), text_of(one, "kind"), text_of(one, "plural"),
                      !one.is_object() || one.value("namespaced", nlohmann::json(true)) != nlohmann::json(false)});
  return !known_.empty();
}

void Discovery::write_cache() const {
  if (file_.empty()) return;
  nlohmann::ordered_json kinds = nlohmann::ordered_json::array();
  for (const auto& one : known_)
    kinds.push_back(
        {{"apiVersion", one.api_version}, {"kind", one.kind}, {"plural", one.plural}, {"namespaced", one.namespaced}});
  const nlohmann::ordered_json all = {{"at", rfc3339(clock_.wall())}, {"kinds", kinds}};
  // Without it the next run asks again.
  static_cast<void>(write_file(file_, all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)));
}

}  // namespace mlctl::deploy
