#include "deploy/objects.h"

#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "deploy/pod.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* name_label = "app.kubernetes.io/name";

// What all objects of one model version share.
struct Frame {
  const Spec& spec;
  const RuntimeProfile& profile;
  Json pod;
  Json annotations;  // of the pod
  std::string revision;
  [[nodiscard]] std::string revision_name() const { return spec.model.name + "-" + revision; }
};

Json labels_of(const Spec& spec) {
  Json labels = Json::object();
  for (const auto& [key, value] : spec.serving.labels) labels[key] = value;
  labels[name_label] = spec.model.name;
  labels[managed_label] = "mlctl";
  return labels;
}

Json revision_labels(const Frame& frame) {
  Json labels = labels_of(frame.spec);
  labels[revision_label] = frame.revision;
  return labels;
}

// The stage's N stands outside the pod template: a new N alone restarts nothing.
Json annotations_of(const Spec& spec) {
  Json annotations = {{model_annotation, to_string(spec.model)},
                      {version_annotation, to_string(spec.version)},
                      {digest_annotation, to_string(spec.digest)}};
  if (!spec.commit.empty()) annotations[commit_annotation] = spec.commit;
  if (spec.assignment > 0) annotations[assignment_annotation] = std::to_string(spec.assignment);
  return annotations;
}

Json object(const Frame& frame, const char* api_version, const char* kind, const std::string& name,
            bool with_revision) {
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", frame.spec.name_space},
            {"labels", with_revision ? revision_labels(frame) : labels_of(frame.spec)},
            {"annotations", annotations_of(frame.spec)}}}};
}

Json selector(const Frame& frame) {
  return {{name_label, frame.spec.model.name}, {revision_label, frame.revision}};
}

Json deployment(const Frame& frame) {
  const auto& scale = frame.spec.serving.autoscale;
  Json out = object(frame, "apps/v1", "Deployment", frame.revision_name(), true);
  Json spec = Json::object();
  // An autoscaler that is there owns the number; naming it here would fight with it.
  if (scale.min == scale.max) spec["replicas"] = scale.min;
  spec["revisionHistoryLimit"] = 0;
  spec["progressDeadlineSeconds"] = 600;
  // A GPU that is not there cannot be surged on.
  if (frame.spec.serving.gpu)
    spec["strategy"] = {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", 0}, {"maxUnavailable", 1}}}};
  spec["selector"] = {{"matchLabels", selector(frame)}};
  spec["template"] = {{"metadata", {{"labels", revision_labels(frame)}, {"annotations", frame.annotations}}},
                      {"spec", frame.pod}};
  out["spec"] = spec;
  return out;
}

Json service(const Frame& frame, const std::string& name, bool of_revision) {
  Json out = object(frame, "v1", "Service", name, of_revision);
  Json ports = Json::array(
      {{{"name", "http"}, {"port", 80}, {"protocol", "TCP"}, {"targetPort", "http"}, {"appProtocol", "http"}},
       {{"name", "grpc"},
        {"port", frame.profile.grpc_port},
        {"protocol", "TCP"},
        {"targetPort", "grpc"},
        {"appProtocol", "kubernetes.io/h2c"}}});
  out["spec"] = {{"type", "ClusterIP"}, {"selector", selector(frame)}, {"ports", ports}};
  return out;
}

Json autoscaler(const Frame& frame) {
  const auto& scale = frame.spec.serving.autoscale;
  Json out = object(frame, "autoscaling/v2", "HorizontalPodAutoscaler", frame.revision_name(), true);
  const Json cpu = {
      {"type", "Resource"},
      {"resource",
       {{"name", "cpu"},
        {"target",
         {{"type", "Utilization"}, {"averageUtilization", static_cast<int>(std::lround(scale.cpu * 100))}}}}}};
  out["spec"] = {
      {"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", frame.revision_name()}}},
      {"minReplicas", scale.min},
      {"maxReplicas", scale.max},
      {"metrics", Json::array({cpu})}};
  return out;
}

Json disruption_budget(const Frame& frame) {
  Json out = object(frame, "policy/v1", "PodDisruptionBudget", frame.revision_name(), true);
  out["spec"] = {{"maxUnavailable", 1}, {"selector", {{"matchLabels", selector(frame)}}}};
  return out;
}

// The port by its name in the pod.
Json pod_monitor(const Frame& frame) {
  Json out = object(frame, "monitoring.coreos.com/v1", "PodMonitor", frame.revision_name(), true);
  for (const auto& [key, value] : frame.spec.environment.pod_monitor->labels) out["metadata"]["labels"][key] = value;
  const char* port = frame.profile.metrics_port == frame.profile.http_port ? "http" : "metrics";
  out["spec"] = {{"selector", {{"matchLabels", selector(frame)}}},
                 {"podMetricsEndpoints", Json::array({{{"port", port}, {"path", frame.profile.metrics_path}}})}};
  return out;
}

// What a Prometheus reads that finds its targets by annotations.
Json scrape_annotations(const RuntimeProfile& profile) {
  return {{"prometheus.io/scrape", "true"},
          {"prometheus.io/port", std::to_string(profile.metrics_port)},
          {"prometheus.io/path", profile.metrics_path}};
}

// Defaults are written out: a server that fills them in would otherwise show a difference for ever. Every model has
// its own prefix below the shared host, and its server sees paths without it.
Json http_route(const Frame& frame) {
  const Route& route = *frame.spec.environment.route;
  Json out = object(frame, "gateway.networking.k8s.io/v1", "HTTPRoute", frame.spec.model.name, false);
  const Json match = {{"path", {{"type", "PathPrefix"}, {"value", "/" + to_string(frame.spec.model)}}}};
  const Json rewrite = {{"type", "URLRewrite"},
                        {"urlRewrite", {{"path", {{"type", "ReplacePrefixMatch"}, {"replacePrefixMatch", "/"}}}}}};
  const Json backend = {
      {"group", ""}, {"kind", "Service"}, {"name", frame.revision_name()}, {"port", 80}, {"weight", 1}};
  out["spec"] = {{"parentRefs", Json::array({{{"group", "gateway.networking.k8s.io"},
                                              {"kind", "Gateway"},
                                              {"namespace", route.gateway_namespace},
                                              {"name", route.gateway}}})},
                 {"hostnames", Json::array({route.host})},
                 {"rules", Json::array({{{"matches", Json::array({match})},
                                         {"filters", Json::array({rewrite})},
                                         {"backendRefs", Json::array({backend})}}})}};
  return out;
}

// The revision's own label cannot be in what it is the hash of.
Result<Frame> frame_of(const Spec& spec) {
  auto pod = pod_spec(spec);
  if (!pod) return pod.error();
  const auto& profile = *find_profile(spec.runtime.profile);
  auto annotations = scrape_annotations(profile);
  const auto hash = digest_of(to_string(spec.digest) + "\n" + to_json_text(labels_of(spec)) + "\n" +
                              to_json_text(annotations) + "\n" + to_json_text(*pod));
  return Frame{spec, profile, std::move(*pod), std::move(annotations), hash.hex().substr(0, 10)};
}

Status nameable(const registry::ModelName& model) {
  if (std::isalpha(static_cast<unsigned char>(model.name.front())) != 0) return ok();
  return Error{Error::Kind::usage, "Kubernetes does not take '" + model.name + "' for the name of a Service",
               "a model that is served in a cluster has a name that begins with a letter"};
}

Objects kept_objects(const Spec& spec) {
  Objects out = spec.kept->objects;
  for (auto& object : out) object["metadata"]["annotations"][assignment_annotation] = std::to_string(spec.assignment);
  return out;
}

}  // namespace

std::string to_string(const ObjectKey& key) {
  return key.kind + " " + (key.name_space.empty() ? "" : key.name_space + "/") + key.name;
}

ObjectKey key_of(const Json& object) {
  const auto text = [](const Json& parent, const char* key) {
    const auto found = parent.find(key);
    return found != parent.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  ObjectKey key;
  if (!object.is_object()) return key;
  key.api_version = text(object, "apiVersion");
  key.kind = text(object, "kind");
  if (const auto metadata = object.find("metadata"); metadata != object.end() && metadata->is_object()) {
    key.name_space = text(*metadata, "namespace");
    key.name = text(*metadata, "name");
  }
  return key;
}

Result<std::string> revision_of(const Spec& spec) {
  if (spec.kept) return spec.kept->revision;
  auto frame = frame_of(spec);
  if (!frame) return frame.error();
  return frame->revision;
}

Result<Objects> model_objects(const Spec& spec) {
  if (spec.kept) return kept_objects(spec);
  if (auto named = nameable(spec.model); !named) return named.error();
  auto framed = frame_of(spec);
  if (!framed) return framed.error();
  const Frame& frame = *framed;

  Objects objects;
  objects.push_back(object(frame, "v1", "ServiceAccount", spec.model.name, false));
  objects.back()["automountServiceAccountToken"] = false;
  objects.push_back(deployment(frame));
  objects.push_back(service(frame, frame.revision_name(), true));
  objects.push_back(service(frame, spec.model.name, false));
  if (spec.serving.autoscale.min != spec.serving.autoscale.max) objects.push_back(autoscaler(frame));
  objects.push_back(disruption_budget(frame));
  if (spec.environment.pod_monitor) objects.push_back(pod_monitor(frame));
  if (spec.environment.route) objects.push_back(http_route(frame));
  return objects;
}

Objects tenant_objects(const Tenant& tenant) {
  const Json labels = {{managed_label, "mlctl"}};
  const Json annotations = {{tenant_annotation, tenant.name}};
  Json restricted = labels;
  restricted["pod-security.kubernetes.io/enforce"] = "restricted";
  Objects objects;
  objects.push_back(
      {{"apiVersion", "v1"},
       {"kind", "Namespace"},
       {"metadata", {{"name", tenant.name_space}, {"labels", restricted}, {"annotations", annotations}}}});
  if (!tenant.quota.empty()) {
    Json hard = Json::object();
    for (const auto& [resource, quantity] : tenant.quota) hard[resource] = quantity;
    objects.push_back(
        {{"apiVersion", "v1"},
         {"kind", "ResourceQuota"},
         {"metadata",
          {{"name", "mlctl"}, {"namespace", tenant.name_space}, {"labels", labels}, {"annotations", annotations}}},
         {"spec", {{"hard", hard}}}});
  }
  return objects;
}

}  // namespace mlctl::deploy
