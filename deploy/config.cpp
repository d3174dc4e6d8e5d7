#include "deploy/config.h"

#include <cmath>
#include <set>

#include "base/units.h"
#include "deploy/rollout/gateway.h"
#include "deploy/rules.h"

namespace mlctl::deploy {
namespace {

Error at(const Position& position, const std::string& message, const std::string& hint) {
  return {Error::Kind::usage, (position.line > 0 ? to_string(position) + ": " : "") + message, hint};
}

Error at(const Node& node, const std::string& message, const std::string& hint) {
  return at(node.position, message, hint);
}

using Rule = Status (*)(std::string_view);

// A map of names and texts; the keys are asked here because a table has no rule for them.
Result<std::map<std::string, std::string>> texts(const Node& root, std::string_view path, Rule key_rule,
                                                 Rule value_rule) {
  std::map<std::string, std::string> out;
  const Node* map = find_path(root, path);
  if (map == nullptr) return out;
  for (const auto& entry : map->entries) {
    if (entry.value.kind != Node::Kind::scalar) continue;  // a null takes a level's value away
    if (const auto good = key_rule(entry.key); !good)
      return at(entry.position, std::string(path) + " '" + entry.key + "': " + good.error().message, good.error().hint);
    if (const auto good = value_rule(entry.value.text); !good)
      return at(entry.value, std::string(path) + "." + entry.key + ": " + good.error().message, good.error().hint);
    out[entry.key] = entry.value.text;
  }
  return out;
}

Status amount(std::string_view text) {
  const auto value = parse_quantity(text);
  if (!value) return value.error();
  if (*value >= 0 && *value <= 1e15) return ok();
  return Error{Error::Kind::usage, "out of range", "from 0 to 1P"};
}

// Devices and objects have no halves; processors and bytes do.
bool is_counted(std::string_view name) {
  if (name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")) return false;
  return name.find('/') != std::string_view::npos ||
         !(name.ends_with("cpu") || name.ends_with("memory") || name.ends_with("storage"));
}

Status whole_counts(const Node& root, const std::string& path, const std::map<std::string, std::string>& amounts) {
  for (const auto& [name, text] : amounts)
    if (const auto value = parse_quantity(text); is_counted(name) && value && std::floor(*value) != *value)
      return at(*find_path(root, path), path + "." + name + ": must be a whole number, not " + text, "");
  return ok();
}

Result<std::map<std::string, std::string>> decode_resources(const Node& root) {
  auto resources = texts(root, "serving.resources", resource_name, amount);
  if (!resources) return resources.error();
  const Node* node = find_path(root, "serving.resources");
  for (const char* name : {"cpu", "memory"}) {
    const auto found = resources->find(name);
    if (found == resources->end() || *parse_quantity(found->second) <= 0)
      return at(node != nullptr ? *node : root, std::string("serving.resources has no ") + name,
                "every replica has limits, e.g. `resources: {cpu: 500m, memory: 1Gi}`");
  }
  if (auto whole = whole_counts(root, "serving.resources", *resources); !whole) return whole.error();
  return resources;
}

Result<std::vector<SecretVariable>> decode_env(const Node& root) {
  std::vector<SecretVariable> out;
  std::set<std::string> names;
  const Node* env = find_path(root, "serving.env");
  if (env == nullptr) return out;
  for (const auto& item : env->items) {
    out.push_back({get_string(item, "name").value_or(""), get_string(item, "secret.name").value_or(""),
                   get_string(item, "secret.key").value_or("")});
    if (!names.insert(out.back().name).second) return at(item, "serving.env has " + out.back().name + " twice", "");
  }
  return out;
}

Result<Autoscale> decode_autoscale(const Node& root) {
  const Node* node = find_path(root, "serving.autoscale");
  for (const char* metric : {"concurrency", "rate"})
    if (node != nullptr && node->find(metric) != nullptr)
      return at(*node->find(metric), std::string("autoscaling by ") + metric + " needs KEDA or a metrics adapter",
                "use `cpu`, which Kubernetes measures by itself");
  Autoscale scale;
  scale.min = static_cast<int>(get_integer(root, "serving.autoscale.min").value_or(1));
  scale.max = static_cast<int>(get_integer(root, "serving.autoscale.max").value_or(scale.min));
  scale.cpu = get_number(root, "serving.autoscale.cpu").value_or(0.7);
  const bool max_is_default = node == nullptr || node->find("max") == nullptr || node->find("max")->level == "built-in";
  if (max_is_default && scale.max < scale.min) scale.max = scale.min;
  if (scale.max < scale.min) return at(*node, "autoscale.max is below autoscale.min", "");
  return scale;
}

Result<std::optional<Gpu>> decode_gpu(const Node& root) {
  const Node* node = find_path(root, "serving.gpu");
  if (node == nullptr || node->kind != Node::Kind::map) return std::optional<Gpu>();
  Gpu gpu;
  gpu.count = static_cast<int>(get_integer(root, "serving.gpu.count").value_or(1));
  gpu.memory = get_number(root, "serving.gpu.memory").value_or(0);
  if (gpu.memory < 0 || gpu.memory > 1e15) return at(*node, "serving.gpu.memory: out of range", "e.g. 24Gi");
  // ">=8.6"; the table's rule has seen to the shape
  const auto arch = get_string(root, "serving.gpu.arch").value_or("");
  if (const auto dot = arch.find('.'); dot != std::string::npos) {
    const auto major = parse_integer(arch.substr(2, dot - 2)), minor = parse_integer(arch.substr(dot + 1));
    if (!major || !minor) return at(*node, "serving.gpu.arch: out of range", "e.g. \">=8.0\"");
    gpu.major = static_cast<int>(*major);
    gpu.minor = static_cast<int>(*minor);
  }
  return std::optional<Gpu>(gpu);
}

// {url: …}, or {service: NAMESPACE/NAME:PORT}.
Result<std::optional<PrometheusConfig>> decode_prometheus(const Node& cluster) {
  const Node* node = cluster.find("prometheus");
  if (node == nullptr || node->kind != Node::Kind::map) return std::optional<PrometheusConfig>();
  PrometheusConfig out{.url = get_string(*node, "url").value_or("")};
  const auto service = get_string(*node, "service").value_or("");
  const Error shape = at(*node, "prometheus is {url: http://…} or {service: NAMESPACE/NAME:PORT}",
                         "e.g. `prometheus: {service: monitoring/prometheus:9090}`");
  if (out.url.empty() == service.empty()) return shape;
  if (!out.url.empty()) {
    if (!out.url.starts_with("http://") && !out.url.starts_with("https://")) return shape;
    while (out.url.ends_with('/')) out.url.pop_back();
    out.token_file = get_string(*node, "auth.token_file").value_or("");
    const auto host = out.url.substr(7, out.url.find_first_of(":/", 7) - 7);  // of http://
    const bool here = host == "127.0.0.1" || host == "localhost";
    if (out.url.find('@') != std::string::npos) return at(*node, "prometheus.url must not hold credentials", "");
    if (!out.token_file.empty() && !out.url.starts_with("https://") && !here)
      return at(*node, "a token is sent over https alone", "give Prometheus an https:// address");
    return std::optional(out);
  }
  if (get_string(*node, "auth.token_file"))
    return at(*node, "auth is for `url:`: a service is reached with the credentials of the context", "");
  const auto slash = service.find('/'), colon = service.rfind(':');
  if (slash == std::string::npos || colon == std::string::npos || colon < slash) return shape;
  out.name_space = service.substr(0, slash);
  out.service = service.substr(slash + 1, colon - slash - 1);
  out.port = service.substr(colon + 1);
  const auto port = parse_integer(out.port);
  if (!namespaced_name(service.substr(0, colon)) || !port || *port < 1 || *port > 65535) return shape;
  return std::optional(out);
}

// The name of a gateway whose counters are known, or what they are called.
Result<std::optional<GatewayMetrics>> decode_gateway(const Node& route, const Node& environment) {
  const Node* node = route.find("metrics");
  if (node == nullptr || node->kind == Node::Kind::null) return std::optional<GatewayMetrics>();
  const Node* prometheus = find_path(environment, "cluster.prometheus");
  if (prometheus == nullptr || prometheus->kind != Node::Kind::map)
    return at(*node, "route.metrics needs a Prometheus that scrapes the gateway",
              "`cluster: {prometheus: {service: NAMESPACE/NAME:PORT}}`");
  if (const auto* known = find_gateway(node->text)) return std::optional(*known);
  const auto pattern = get_string(*node, "pattern").value_or("");
  if (pattern.find("{service}") == std::string::npos)
    return at(*node, "route.metrics.pattern does not have {service}: both versions would be counted alike",
              "e.g. \".*{namespace}-{service}-.*\"");
  return std::optional(GatewayMetrics{get_string(*node, "requests").value_or(""),
                                      get_string(*node, "code").value_or(""), get_string(*node, "service").value_or(""),
                                      pattern});
}

// true, or {labels: …}.
Result<std::optional<PodMonitor>> decode_pod_monitor(const Node& item) {
  const Node* node = item.find("podMonitor");
  if (node == nullptr || node->kind == Node::Kind::null) return std::optional<PodMonitor>();
  if (node->kind == Node::Kind::scalar && !get_boolean(item, "podMonitor").value_or(false))
    return std::optional<PodMonitor>();
  auto labels = texts(item, "podMonitor.labels", label_key, label_value);
  if (!labels) return labels.error();
  return std::optional(PodMonitor{std::move(*labels)});
}

}  // namespace

Result<Serving> decode_serving(const Node& merged_model) {
  Serving serving;
  serving.runtime = get_string(merged_model, "serving.runtime").value_or("mlserver");
  if (const Node* pool = find_path(merged_model, "serving.placement.pool"))
    return at(*pool, "pools of models in one server are not in this version", "use `placement: dedicated`");
  serving.init_image = get_string(merged_model, "serving.mount.init").value_or("");
  auto resources = decode_resources(merged_model);
  if (!resources) return resources.error();
  serving.resources = std::move(*resources);
  auto gpu = decode_gpu(merged_model);
  if (!gpu) return gpu.error();
  serving.gpu = *gpu;
  auto autoscale = decode_autoscale(merged_model);
  if (!autoscale) return autoscale.error();
  serving.autoscale = *autoscale;
  auto env = decode_env(merged_model);
  if (!env) return env.error();
  serving.env = std::move(*env);
  serving.drain = get_duration(merged_model, "rollout.drain.timeout").value_or(std::chrono::seconds(30));
  serving.canary = get_string(merged_model, "rollout.strategy").value_or("canary") == "canary";
  auto labels = texts(merged_model, "labels", label_key, label_value);
  if (!labels) return labels.error();
  serving.labels = std::move(*labels);
  return serving;
}

Result<Environment> decode_environment(const Node& item) {
  Environment environment;
  environment.name = get_string(item, "name").value_or("");
  environment.after = get_string(item, "after").value_or("");
  if (const Node* gitops = item.find("gitops"); gitops != nullptr && gitops->kind == Node::Kind::map)
    environment.gitops = Gitops{get_string(*gitops, "path").value_or(""), get_string(*gitops, "branch").value_or("")};
  if (const Node* several = item.find("clusters"); several != nullptr && several->kind != Node::Kind::null)
    environment.several_clusters = true;
  if (const Node* cluster = item.find("cluster"); cluster != nullptr && cluster->kind == Node::Kind::map) {
    auto prometheus = decode_prometheus(*cluster);
    if (!prometheus) return prometheus.error();
    environment.cluster = ClusterConfig{get_string(*cluster, "context").value_or(""), *prometheus};
  }
  environment.pull = get_string(item, "pull").value_or(get_string(item, "pull.registry").value_or(""));
  environment.copies = get_boolean(item, "pull.copy").value_or(true);
  if (environment.pull.starts_with("oci://")) environment.pull.erase(0, 6);
  if (const Node* route = item.find("route"); route != nullptr && route->kind == Node::Kind::map) {
    if (const Node* rule = route->find("rule"); rule != nullptr && rule->kind != Node::Kind::null)
      return at(*rule, "attaching to a rule of another HTTPRoute is not in this version",
                "give `gateway:` and `host:`");
    const auto gateway = get_string(*route, "gateway").value_or("");
    const auto host = get_string(*route, "host").value_or("");
    if (gateway.empty() || host.empty()) return at(*route, "a route needs `gateway:` and `host:`", "");
    const auto slash = gateway.find('/');
    auto metrics = decode_gateway(*route, item);
    if (!metrics) return metrics.error();
    environment.route = Route{gateway.substr(0, slash), gateway.substr(slash + 1), host, *metrics};
  }
  auto monitor = decode_pod_monitor(item);
  if (!monitor) return monitor.error();
  environment.pod_monitor = std::move(*monitor);
  environment.gpu_smoke = {get_string(item, "gpu_smoke.image").value_or(""),
                           get_string(item, "gpu_smoke.namespace").value_or("default")};
  environment.node_autoscaling = get_boolean(item, "node_autoscaling").value_or(false);
  environment.requirements = get_strings(item, "requires");
  environment.confirm = get_boolean(item, "confirm").value_or(false);
  return environment;
}

Result<Tenant> decode_tenant(const Node& item) {
  Tenant tenant;
  tenant.name = get_string(item, "name").value_or("");
  tenant.name_space = get_string(item, "namespace").value_or(tenant.name);
  // The rule of the table saw a namespace that was written; a name that becomes one is asked here.
  if (const auto good = namespace_name(tenant.name_space); !good)
    return at(item, "tenant " + tenant.name + ": " + good.error().message, "give it another `namespace:`");
  auto quota = texts(item, "quota", quota_name, amount);
  if (!quota) return quota.error();
  if (auto whole = whole_counts(item, "quota", *quota); !whole) return whole.error();
  tenant.quota = std::move(*quota);
  return tenant;
}

Result<Runtime> decode_runtime(const std::string& name, const Node& value) {
  return Runtime{name, get_string(value, "image").value_or(""), get_string(value, "profile").value_or("mlserver")};
}

}  // namespace mlctl::deploy
