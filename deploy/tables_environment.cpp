// The tables of environments and tenants in mlctl.yaml.
#include "deploy/config.h"
#include "deploy/rollout/gateway.h"
#include "deploy/rules.h"

namespace mlctl::deploy {
namespace {

using Type = Field::Type;

Field pull_table() {
  Field more{
      .type = Type::object,
      .fields = {{.name = "registry", .doc = "The registry: oci://HOST/PATH.", .required = true, .rule = registry_url},
                 {.name = "copy",
                  .type = Type::boolean,
                  .doc = "Before pods refer to a version, apply and release copy it there. false: somebody else "
                         "does, e.g. a mirror that fills itself.",
                  .fallback = "true"}}};
  return {.name = "pull",
          .type = Type::either,
          .doc = "Where pods pull models from: oci://HOST/PATH, or {registry: oci://HOST/PATH, copy: false}.",
          .fields = {{.rule = registry_url}, more}};
}

Field cluster_table() {
  Field prometheus{
      .name = "prometheus",
      .type = Type::object,
      .doc = "Where a rollout reads what pods have counted; absent: from the pods, through the API server.",
      .fields = {{.name = "url", .doc = "Its address, as it is reached from here: http://…"},
                 {.name = "service", .doc = "NAMESPACE/NAME:PORT, reached through the API server's proxy."},
                 {.name = "auth",
                  .type = Type::object,
                  .doc = "How `url` is asked.",
                  .fields = {{.name = "token_file",
                              .doc = "File whose text is sent as a bearer token; read anew each time.",
                              .required = true,
                              .rule = not_empty}}}}};
  return {.name = "cluster",
          .type = Type::object,
          .doc = "A Kubernetes cluster that apply changes itself.",
          .fields = {{.name = "context",
                      .doc = "Context in the kubeconfig; in-cluster: of the pod that mlctl runs in.",
                      .required = true,
                      .rule = not_empty},
                     {.name = "wave", .type = Type::integer, .doc = "Order among several clusters."},
                     prometheus}};
}

Field gateway_metrics_table() {
  Field counters{
      .type = Type::object,
      .fields = {{.name = "requests", .doc = "The counter.", .required = true, .rule = series_name},
                 {.name = "code", .doc = "Its label for the status.", .required = true, .rule = series_name},
                 {.name = "service",
                  .doc = "Its label for the Service behind the route.",
                  .required = true,
                  .rule = series_name},
                 {.name = "pattern",
                  .doc = "Regular expression of that label's value; {namespace} and {service} stand for those "
                         "of a version.",
                  .required = true,
                  .rule = promql}}};
  return {.name = "metrics",
          .type = Type::either,
          .doc =
              "How the gateway counts what it answers (a name, or the counter itself), so that a rollout "
              "sees 502, 503 and 504; absent: it does not.",
          .fields = {{.type = Type::choice, .choices = gateway_names()}, counters}};
}

Field route_table() {
  return {.name = "route",
          .type = Type::object,
          .doc = "An HTTPRoute for each model; absent: none.",
          .fields = {{.name = "gateway", .doc = "The Gateway: NAMESPACE/NAME.", .rule = namespaced_name},
                     {.name = "host", .doc = "Host name of the route.", .rule = host_name},
                     gateway_metrics_table(),
                     {.name = "rule", .doc = "A rule of somebody else's HTTPRoute: a later version attaches to it."}}};
}

Field pod_monitor_table() {
  return {.name = "podMonitor",
          .type = Type::either,
          .doc =
              "A PodMonitor of the Prometheus Operator for each revision: true, or {labels: …} by which a Prometheus "
              "selects it. Absent: none; pods carry the annotations prometheus.io/scrape, port and path anyway.",
          .fields = {{.type = Type::boolean},
                     {.type = Type::object,
                      .fields = {{.name = "labels",
                                  .type = Type::map,
                                  .doc = "Labels of the PodMonitor, e.g. {release: kube-prometheus-stack}.",
                                  .fields = {{.type = Type::string}}}}}}};
}

Field gpu_smoke_table() {
  return {
      .name = "gpu_smoke",
      .type = Type::object,
      .doc = "What `mlctl gpu check --cluster` runs on the GPU nodes.",
      .fields = {{.name = "image",
                  .doc = "Image whose entry point is gpu-smoke, by digest.",
                  .required = true,
                  .rule = image_by_digest},
                 {.name = "namespace", .doc = "Where its Jobs run.", .fallback = "default", .rule = namespace_name}}};
}

}  // namespace

Field environment_table() {
  return {.type = Type::object,
          .fields = {
              {.name = "name",
               .doc = "Its name, and the stage in git: MODEL#NAME#N.",
               .required = true,
               .rule = short_name},
              {.name = "after", .doc = "The environment that comes before it in a release.", .rule = short_name},
              {.name = "gitops",
               .type = Type::object,
               .doc = "A folder on a branch of this repository.",
               .fields = {{.name = "path", .doc = "The folder.", .required = true, .rule = folder_path},
                          {.name = "branch",
                           .doc = "The branch; never the one that is checked out.",
                           .required = true,
                           .rule = branch_name}}},
              cluster_table(),
              {.name = "clusters", .type = Type::list, .doc = "Several clusters.", .fields = {cluster_table()}},
              pull_table(),
              route_table(),
              pod_monitor_table(),
              gpu_smoke_table(),
              {.name = "node_autoscaling",
               .type = Type::boolean,
               .doc = "Whether nodes are added for pods that find no room: GPUs that are missing are no reason to "
                      "refuse then.",
               .fallback = "false"},
              {.name = "requires",
               .type = Type::list,
               .doc = "Evidence that a version needs here.",
               .fields = {{.type = Type::choice, .choices = {"gate", "signature", "gpu"}}}},
              {.name = "confirm",
               .type = Type::boolean,
               .doc = "Ask a person on a terminal; `--yes` answers.",
               .fallback = "false"},
          }};
}

Field tenant_table() {
  return {.type = Type::object,
          .fields = {
              {.name = "name", .doc = "First part of the names of its models.", .required = true, .rule = short_name},
              {.name = "namespace", .doc = "Its namespace; default: its name.", .rule = namespace_name},
              {.name = "quota",
               .type = Type::map,
               .doc = "ResourceQuota of the namespace.",
               .fields = {{.type = Type::quantity}}},
              {.name = "operators",
               .type = Type::list,
               .doc = "People who may operate its models.",
               .fields = {{.type = Type::map, .fields = {{.type = Type::string}}}}}}};
}

}  // namespace mlctl::deploy
