#include "deploy/config.h"

#include <cstdlib>


namespace mlctl::deploy {
namespace {

std::map<std::string, std::string> texts(const Node& root, std::string_view path) {
  std::map<std::string, std::string> out;
  if (const Node* map = find_path(root, path))
    for (const auto& entry : map->entries)
      if (entry.value.kind == Node::Kind::scalar) out[entry.key] = entry.value.text;
  return out;
}

Error at(const Node& node, const std::string& message, const std::string& hint) {
  return {Error::Kind::usage, to_string(node.position) + ": " + message, hint};
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

std::optional<Gpu> decode_gpu(const Node& root) {
  const Node* node = find_path(root, "serving.gpu");
  if (node == nullptr || node->kind != Node::Kind::map) return std::nullopt;
  Gpu gpu;
  gpu.count = static_cast<int>(get_integer(root, "serving.gpu.count").value_or(1));
  gpu.memory = get_number(root, "serving.gpu.memory").value_or(0);
  // ">=8.6"; the table's rule has seen to the shape
  const auto arch = get_string(root, "serving.gpu.arch").value_or("");
  if (const auto dot = arch.find('.'); dot != std::string::npos) {
    gpu.major = std::atoi(arch.substr(2, dot - 2).c_str());
    gpu.minor = std::atoi(arch.substr(dot + 1).c_str());
  }
  return gpu;
}

}  // namespace

Result<Serving> decode_serving(const Node& merged_model) {
  Serving serving;
  serving.runtime = get_string(merged_model, "serving.runtime").value_or("mlserver");
  if (const Node* pool = find_path(merged_model, "serving.placement.pool"))
    return at(*pool, "pools of models in one server are not in this version", "use `placement: dedicated`");
  serving.init_image = get_string(merged_model, "serving.mount.init").value_or("");
  serving.resources = texts(merged_model, "serving.resources");
  serving.gpu = decode_gpu(merged_model);
  auto autoscale = decode_autoscale(merged_model);
  if (!autoscale) return autoscale.error();
  serving.autoscale = *autoscale;
  if (const Node* env = find_path(merged_model, "serving.env"))
    for (const auto& item : env->items)
      serving.env.push_back({get_string(item, "name").value_or(""), get_string(item, "secret.name").value_or(""),
                             get_string(item, "secret.key").value_or("")});
  serving.drain = get_duration(merged_model, "rollout.drain.timeout").value_or(std::chrono::seconds(30));
  serving.labels = texts(merged_model, "labels");
  return serving;
}

Result<Environment> decode_environment(const Node& item) {
  Environment environment;
  environment.name = get_string(item, "name").value_or("");
  environment.after = get_string(item, "after").value_or("");
  if (const Node* gitops = item.find("gitops"); gitops != nullptr && gitops->kind == Node::Kind::map)
    environment.gitops = Gitops{get_string(*gitops, "path").value_or(""), get_string(*gitops, "branch").value_or("")};
  environment.has_clusters = item.find("cluster") != nullptr || item.find("clusters") != nullptr;
  environment.pull = get_string(item, "pull").value_or("");
  if (environment.pull.rfind("oci://", 0) == 0) environment.pull.erase(0, 6);
  if (const Node* route = item.find("route"); route != nullptr && route->kind == Node::Kind::map) {
    if (const Node* rule = route->find("rule"))
      return at(*rule, "attaching to a rule of another HTTPRoute is not in this version", "give `gateway:` and `host:`");
    const auto gateway = get_string(*route, "gateway").value_or("");
    const auto host = get_string(*route, "host").value_or("");
    if (gateway.empty() || host.empty()) return at(*route, "a route needs `gateway:` and `host:`", "");
    const auto slash = gateway.find('/');
    environment.route = Route{gateway.substr(0, slash), gateway.substr(slash + 1), host};
  }
  environment.requirements = get_strings(item, "requires");
  environment.confirm = get_boolean(item, "confirm").value_or(false);
  return environment;
}

Result<Tenant> decode_tenant(const Node& item) {
  Tenant tenant;
  tenant.name = get_string(item, "name").value_or("");
  tenant.name_space = get_string(item, "namespace").value_or(tenant.name);
  tenant.quota = texts(item, "quota");
  return tenant;
}

Result<Runtime> decode_runtime(const std::string& name, const Node& value) {
  return Runtime{name, get_string(value, "image").value_or(""), get_string(value, "profile").value_or("mlserver")};
}

}  // namespace mlctl::deploy
