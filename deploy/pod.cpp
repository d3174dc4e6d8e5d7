#include "deploy/pod.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* model_folder = "/mnt/models";
constexpr int stop_delay = 3;  // seconds in which endpoints forget the pod; without it a rolling update loses requests

const std::array<RuntimeProfile, 2>& profiles() {
  static const std::array<RuntimeProfile, 2> table{{
      {.name = "mlserver",
       .http_port = 8080,
       .grpc_port = 8081,
       .metrics_port = 8082,
       .ready = "/v2/health/ready",
       .live = "/v2/health/live",
       .args = {"mlserver", "start", model_folder},
       .env = {{"MLSERVER_HOST", "0.0.0.0"},
               {"MLSERVER_HTTP_PORT", "8080"},
               {"MLSERVER_GRPC_PORT", "8081"},
               {"MLSERVER_METRICS_PORT", "8082"},
               {"MLSERVER_PARALLEL_WORKERS", "0"},
               {"PYTHONPATH", model_folder},
               {"PYTHONDONTWRITEBYTECODE", "1"},
               {"HOME", "/tmp"}},
       .metrics_path = "/metrics",
       // Health and readiness are asked through the same counters; only inference is a request to the model.
       .metrics = {"rest_server_requests_total", "status_code", "rest_server_request_duration_seconds", "path",
                   "/infer"}},
      // Any server of one's own that speaks the protocol and counts under these names.
      {.name = "open-inference",
       .http_port = 8080,
       .grpc_port = 8081,
       .metrics_port = 8080,
       .ready = "/v2/health/ready",
       .live = "/v2/health/live",
       .args = {},
       .env = {{"MODEL_DIR", model_folder}, {"MODEL_NAME", "{model}"}, {"PORT", "8080"}, {"HOME", "/tmp"}},
       .metrics_path = "/metrics",
       .metrics = {"inference_requests_total", "code", "inference_request_duration_seconds", "", ""}},
  }};
  return table;
}

Json security_context() {
  return {{"allowPrivilegeEscalation", false},
          {"capabilities", {{"drop", Json::array({"ALL"})}}},
          {"readOnlyRootFilesystem", true},
          {"runAsNonRoot", true}};
}

Json probe(const std::string& path, int period, int failures) {
  return {{"httpGet", {{"path", path}, {"port", "http"}, {"scheme", "HTTP"}}},
          {"periodSeconds", period},
          {"failureThreshold", failures},
          {"timeoutSeconds", 2}};
}

Json environment_of(const RuntimeProfile& profile, const Serving& serving, const std::string& model) {
  Json env = Json::array();
  for (const auto& [name, value] : profile.env)
    env.push_back({{"name", name}, {"value", value == "{model}" ? model : value}});
  for (const auto& variable : serving.env)
    env.push_back({{"name", variable.name},
                   {"valueFrom", {{"secretKeyRef", {{"name", variable.secret}, {"key", variable.key}}}}}});
  return env;
}

Json resources_of(const Serving& serving) {
  Json amounts = Json::object();
  for (const auto& [name, quantity] : serving.resources) amounts[name] = quantity;
  if (serving.gpu) amounts["nvidia.com/gpu"] = std::to_string(serving.gpu->count);
  return {{"requests", amounts}, {"limits", amounts}};
}

Json expression(const std::string& key, const std::string& op, const std::string& value) {
  return {{"key", key}, {"operator", op}, {"values", Json::array({value})}};
}

// Labels of GPU feature discovery; Gt compares whole numbers, so ">= n" is "> n-1". Capability ">= 8.6" is a major
// above 8, or major 8 and minor above 5: two terms, of which one must match.
Json gpu_affinity(const Gpu& gpu) {
  Json common = Json::array();
  common.push_back(expression("nvidia.com/gpu.count", "Gt", std::to_string(gpu.count - 1)));
  if (gpu.memory > 0) {
    const auto mebibytes = static_cast<long long>(std::ceil(gpu.memory / (1024.0 * 1024.0)));
    common.push_back(expression("nvidia.com/gpu.memory", "Gt", std::to_string(mebibytes - 1)));
  }
  Json terms = Json::array();
  const int major = gpu.major, minor = gpu.minor;
  if (major == 0) {
    terms.push_back({{"matchExpressions", common}});
  } else {
    Json newer = common, same = common;
    newer.push_back(expression("nvidia.com/gpu.compute.major", "Gt", std::to_string(minor == 0 ? major - 1 : major)));
    terms.push_back({{"matchExpressions", newer}});
    if (minor != 0) {
      same.push_back(expression("nvidia.com/gpu.compute.major", "In", std::to_string(major)));
      same.push_back(expression("nvidia.com/gpu.compute.minor", "Gt", std::to_string(minor - 1)));
      terms.push_back({{"matchExpressions", same}});
    }
  }
  return {{"nodeAffinity", {{"requiredDuringSchedulingIgnoredDuringExecution", {{"nodeSelectorTerms", terms}}}}}};
}

Json server_container(const Spec& spec, const RuntimeProfile& profile) {
  Json ports = Json::array({{{"name", "http"}, {"containerPort", profile.http_port}, {"protocol", "TCP"}},
                            {{"name", "grpc"}, {"containerPort", profile.grpc_port}, {"protocol", "TCP"}}});
  if (profile.metrics_port != profile.http_port)
    ports.push_back({{"name", "metrics"}, {"containerPort", profile.metrics_port}, {"protocol", "TCP"}});
  Json container = {{"name", "server"}, {"image", spec.runtime.image}, {"imagePullPolicy", "IfNotPresent"}};
  if (!profile.args.empty()) container["args"] = profile.args;
  container.update(
      Json{{"ports", ports},
           {"env", environment_of(profile, spec.serving, spec.model.name)},
           {"resources", resources_of(spec.serving)},
           {"startupProbe", probe(profile.ready, 2, 150)},
           {"readinessProbe", probe(profile.ready, 5, 3)},
           {"livenessProbe", probe(profile.live, 10, 3)},
           {"lifecycle", {{"preStop", {{"sleep", {{"seconds", stop_delay}}}}}}},
           {"securityContext", security_context()},
           {"volumeMounts", Json::array({{{"name", "model"}, {"mountPath", model_folder}, {"readOnly", true}},
                                         {{"name", "tmp"}, {"mountPath", "/tmp"}}})}});
  return container;
}

Json init_container(const Spec& spec) {
  const std::string source =
      "oci://" + spec.environment.pull + "/" + to_string(spec.model) + "@" + to_string(spec.digest);
  const Json amounts = {{"cpu", "500m"}, {"memory", "256Mi"}};
  return {{"name", "pull"},
          {"image", spec.serving.init_image},
          {"imagePullPolicy", "IfNotPresent"},
          {"args", Json::array({"pull", source, "--dir", model_folder})},
          {"resources", {{"requests", amounts}, {"limits", amounts}}},
          {"securityContext", security_context()},
          {"volumeMounts",
           Json::array({{{"name", "model"}, {"mountPath", model_folder}}, {{"name", "tmp"}, {"mountPath", "/tmp"}}})}};
}

}  // namespace

std::vector<std::string> profile_names() {
  std::vector<std::string> names;
  for (const auto& profile : profiles()) names.emplace_back(profile.name);
  return names;
}

const RuntimeProfile* find_profile(const std::string& name) {
  for (const auto& profile : profiles())
    if (name == profile.name) return &profile;
  return nullptr;
}

Result<Json> pod_spec(const Spec& spec) {
  const RuntimeProfile* profile = find_profile(spec.runtime.profile);
  if (profile == nullptr) {
    std::string known;
    for (const auto& name : profile_names()) known += (known.empty() ? "" : ", ") + name;
    return Error{Error::Kind::usage, "no runtime profile '" + spec.runtime.profile + "'", "known: " + known};
  }
  if (spec.environment.pull.empty())
    return Error{Error::Kind::usage,
                 "environment " + spec.environment.name + " does not say where pods pull models from",
                 "add `pull: oci://HOST/PATH` to it in mlctl.yaml"};
  for (const auto& variable : spec.serving.env)
    for (const auto& [name, value] : profile->env)
      if (variable.name == name)
        return Error{Error::Kind::usage,
                     to_string(spec.model) + ": serving.env sets " + name + ", which runtime '" + spec.runtime.name +
                         "' needs for itself",
                     ""};
  const bool mounted = spec.serving.init_image.empty();
  const std::string image = spec.environment.pull + "/" + to_string(spec.model) + "@" + to_string(spec.image);
  Json model_volume = {{"name", "model"}};
  if (mounted)
    model_volume["image"] = {{"reference", image}, {"pullPolicy", "IfNotPresent"}};
  else
    model_volume["emptyDir"] = Json::object();

  Json pod = {{"serviceAccountName", spec.model.name},
              {"automountServiceAccountToken", false},
              // Variables for every Service of the namespace: too many of them, and one called mlserver would be read
              // as settings.
              {"enableServiceLinks", false},
              {"terminationGracePeriodSeconds",
               stop_delay + std::chrono::ceil<std::chrono::seconds>(spec.serving.drain).count()},
              {"securityContext",
               {{"runAsNonRoot", true},
                {"runAsUser", 65532},
                {"runAsGroup", 65532},
                {"fsGroup", 65532},
                {"seccompProfile", {{"type", "RuntimeDefault"}}}}}};
  if (!mounted) pod["initContainers"] = Json::array({init_container(spec)});
  pod["containers"] = Json::array({server_container(spec, *profile)});
  pod["volumes"] = Json::array({model_volume, {{"name", "tmp"}, {"emptyDir", {{"sizeLimit", "1Gi"}}}}});
  if (spec.serving.gpu) {
    pod["affinity"] = gpu_affinity(*spec.serving.gpu);
    pod["tolerations"] = Json::array({{{"key", "nvidia.com/gpu"}, {"operator", "Exists"}, {"effect", "NoSchedule"}}});
  }
  return pod;
}

}  // namespace mlctl::deploy
