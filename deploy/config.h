// The sections of the configuration that deploy/ owns: how a model is served (serving:), how it is rolled out
// (rollout:), where (environments:, tenants:) and by what (runtimes:). Tables for base/config.h, and what they decode
// to.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/result.h"

namespace mlctl::deploy {

struct Gpu {
  int count = 1;
  double memory = 0;         // bytes at least; 0: any
  int major = 0, minor = 0;  // compute capability at least; 0.0: any
};

struct Autoscale {
  int min = 1;
  int max = 1;       // equal to min: a fixed number of replicas and no autoscaler
  double cpu = 0.7;  // target utilisation of the request
};

struct SecretVariable {
  std::string name, secret, key;
};

struct Serving {
  std::string runtime;
  std::string init_image;                        // "": the model is an image volume; else this image pulls it
  std::map<std::string, std::string> resources;  // requests and limits alike
  std::optional<Gpu> gpu;
  Autoscale autoscale;
  std::vector<SecretVariable> env;
  Duration drain{};                           // how long a pod may finish its requests
  bool canary = true;                         // a new revision takes traffic step by step; false: at once
  std::map<std::string, std::string> labels;  // the model's own
};

struct Gitops {
  std::string path, branch;
};

// Where the counters of pods are read; else from the pods themselves, through the API server.
struct PrometheusConfig {
  std::string url;                        // "http://prometheus.example:9090"
  std::string token_file;                 // whose text is sent to `url` as a bearer token; "": none is
  std::string name_space, service, port;  // through the API server's proxy, where `url` is ""
};

struct ClusterConfig {
  std::string context;  // of the kubeconfig
  std::optional<PrometheusConfig> prometheus;
};

// How a gateway counts what it answered, for each Service behind it. In `pattern`, a regular expression (RE2) of the
// whole value of `service_label`, {namespace} and {service} stand for those of an arm.
struct GatewayMetrics {
  std::string requests, code_label, service_label, pattern;
  bool operator==(const GatewayMetrics&) const = default;
};

struct Route {
  std::string gateway_namespace, gateway, host;
  std::optional<GatewayMetrics> metrics;
};

// A PodMonitor for each revision (Prometheus Operator, monitoring.coreos.com/v1).
struct PodMonitor {
  std::map<std::string, std::string> labels;  // by which a Prometheus selects it
};

// What `mlctl gpu check --cluster` runs on GPU nodes.
struct GpuSmoke {
  std::string image;  // by digest; "": not configured
  std::string name_space = "default";
};

struct Environment {
  std::string name;
  std::string after;
  std::optional<Gitops> gitops;
  std::optional<ClusterConfig> cluster;
  bool several_clusters = false;  // `clusters:`, which are rendered for and not applied to in this version
  std::string pull;               // "registry.example/models"; "" when not configured
  bool copies = true;             // versions are copied there before pods refer to them; false: somebody else does
  std::optional<Route> route;
  std::optional<PodMonitor> pod_monitor;
  GpuSmoke gpu_smoke;
  bool node_autoscaling = false;          // nodes are added where pods find no room
  std::vector<std::string> requirements;  // `requires:` (a keyword in C++)
  bool confirm = false;
};

struct Tenant {
  std::string name, name_space;
  std::map<std::string, std::string> quota;
};

struct Runtime {
  std::string name, image, profile;
};

// Tables. `serving.local` is validate's and is added to serving where the tables are put together.
[[nodiscard]] Field serving_table();
[[nodiscard]] Field rollout_table();
[[nodiscard]] Field environment_table();  // an item of `environments:`, without `defaults`
[[nodiscard]] Field tenant_table();       // an item of `tenants:`
[[nodiscard]] Field runtime_table();      // a value of `runtimes:`

// From trees that were checked against the tables. Error{usage} with the place for what only the whole can tell: keys
// and values of labels, resources and quotas, an autoscaler that needs KEDA or has no CPU request, min above max, a
// variable named twice, a pool.
[[nodiscard]] Result<Serving> decode_serving(const Node& merged_model);
[[nodiscard]] Result<Environment> decode_environment(const Node& item);
[[nodiscard]] Result<Tenant> decode_tenant(const Node& item);
[[nodiscard]] Result<Runtime> decode_runtime(const std::string& name, const Node& value);

}  // namespace mlctl::deploy
