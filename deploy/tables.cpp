// The tables of what models say about serving and rollouts, and of runtimes.
#include "deploy/config.h"
#include "deploy/pod.h"
#include "deploy/rules.h"

namespace mlctl::deploy {
namespace {

using Type = Field::Type;

Field gpu_table() {
  return {.name = "gpu",
          .type = Type::object,
          .doc = "GPUs for each replica; absent: none.",
          .fields = {
              {.name = "count",
               .type = Type::integer,
               .doc = "GPUs for each replica.",
               .fallback = "1",
               .rule = replica_count},
              {.name = "memory",
               .type = Type::quantity,
               .doc = "Memory of each GPU at least, as GPU feature discovery reports it (an L4 has 22.5Gi, not 24Gi)."},
              {.name = "arch",
               .type = Type::string,
               .doc = "Compute capability at least, e.g. \">=8.0\".",
               .rule = capability},
          }};
}

Field autoscale_table() {
  return {
      .name = "autoscale",
      .type = Type::object,
      .doc = "How many replicas. Equal min and max: a fixed number, and no autoscaler.",
      .fallback = "{}",
      .fields = {
          {.name = "min", .type = Type::integer, .doc = "Replicas at least.", .fallback = "1", .rule = replica_count},
          {.name = "max", .type = Type::integer, .doc = "Replicas at most.", .fallback = "1", .rule = replica_count},
          {.name = "cpu",
           .type = Type::percent,
           .doc = "Target CPU utilisation, of the request.",
           .fallback = "70%",
           .rule = utilisation},
          {.name = "concurrency", .type = Type::number, .doc = "Needs KEDA or a metrics adapter: not in this version."},
          {.name = "rate", .type = Type::rate, .doc = "Needs KEDA or a metrics adapter: not in this version."},
      }};
}

Field env_table() {
  Field secret{.name = "secret",
               .type = Type::object,
               .doc = "The Secret and the key in it that hold the value.",
               .required = true,
               .fields = {{.name = "name", .doc = "Name of the Secret.", .required = true, .rule = dns_subdomain},
                          {.name = "key", .doc = "Key in the Secret.", .required = true, .rule = secret_key}}};
  return {
      .name = "env",
      .type = Type::list,
      .doc = "Environment variables of the server: references to Secrets only, never values.",
      .fields = {{.type = Type::object,
                  .fields = {{.name = "name", .doc = "Name of the variable.", .required = true, .rule = variable_name},
                             secret}}}};
}

}  // namespace

Field serving_table() {
  Field pool{.type = Type::object, .fields = {{.name = "pool", .doc = "Name of a shared server: later."}}};
  Field init{
      .type = Type::object,
      .fields = {
          {.name = "init", .doc = "The image that pulls the model.", .required = true, .rule = image_by_digest}}};
  return {
      .name = "serving",
      .type = Type::object,
      .doc = "How the model is served, in a cluster and (local) by the gate.",
      .fallback = "{}",
      .fields = {{.name = "runtime",
                  .doc = "The runtime that serves it: a key of `runtimes:` in mlctl.yaml.",
                  .fallback = "mlserver"},
                 {.name = "placement",
                  .type = Type::either,
                  .doc = "dedicated: pods of its own.",
                  .fallback = "dedicated",
                  .fields = {{.type = Type::choice, .choices = {"dedicated"}}, pool}},
                 {.name = "mount",
                  .type = Type::either,
                  .doc = "How the files reach the pod: as an image volume, or {init: IMAGE@DIGEST} that pulls them.",
                  .fallback = "image",
                  .fields = {{.type = Type::choice, .choices = {"image"}}, init}},
                 {.name = "resources",
                  .type = Type::map,
                  .doc = "Requests of each replica, and its limits.",
                  .fallback = "{cpu: 500m, memory: 1Gi}",
                  .fields = {{.type = Type::quantity}}},
                 gpu_table(),
                 autoscale_table(),
                 env_table()}};
}

Field rollout_table() {
  Field step{.type = Type::object,
             .fields = {{.name = "weight",
                         .type = Type::percent,
                         .doc = "Share of the traffic.",
                         .required = true,
                         .rule = traffic_share},
                        {.name = "for", .type = Type::duration, .doc = "At least this long."},
                        {.name = "minRequests",
                         .type = Type::integer,
                         .doc = "At least so many requests of the canary, replayed ones too."}}};
  Field ratios{.name = "ratio",
               .type = Type::list,
               .doc = "The ratio to exclude, one for each step below 100%.",
               .fields = {{.type = Type::number}}};
  Field worse{
      .name = "worse", .type = Type::number, .doc = "Fail when the canary is shown to be worse than this ratio."};
  Field metric{
      .type = Type::object,
      .fields = {
          {.name = "name", .doc = "How it is called in verdicts.", .required = true, .rule = metric_title},
          {.name = "good",
           .doc =
               "PromQL: the counter of what was good, for each pod. {namespace} stands for the namespace, {pods} for a "
               "regular expression of the names of the pods of both versions.",
           .required = true,
           .rule = promql},
          {.name = "total", .doc = "PromQL: the counter of all of it.", .required = true, .rule = promql},
          {.name = "floor", .type = Type::percent, .doc = "A share of what was not good that is good enough."},
          worse,
          ratios}};
  return {
      .name = "rollout",
      .type = Type::object,
      .doc = "How traffic moves to a new version in a cluster. An environment with gitops alone replaces.",
      .fallback = "{}",
      .fields = {
          {.name = "strategy",
           .type = Type::choice,
           .doc = "canary: step by step; replace: at once.",
           .fallback = "canary",
           .choices = {"canary", "replace"}},
          {.name = "steps",
           .type = Type::list,
           .doc = "Weights of the canary, in order.",
           .fallback = "[{weight: 5%, for: 5m, minRequests: 500}, {weight: 25%, for: 5m}, {weight: 50%, for: 10m}, "
                       "{weight: 100%}]",
           .fields = {step}},
          {.name = "judge",
           .type = Type::object,
           .doc = "What the canary is compared by.",
           .fallback = "{}",
           .fields = {{.name = "errors",
                       .type = Type::object,
                       .doc = "Error rates.",
                       .fields = {{.name = "floor", .type = Type::percent, .doc = "A rate that is good enough."},
                                  worse,
                                  ratios}},
                      {.name = "latency",
                       .type = Type::object,
                       .doc = "Share of requests that take longer than an edge, which is chosen from stable's.",
                       .fields = {{.name = "floor", .type = Type::percent, .doc = "A share that is good enough."},
                                  worse,
                                  ratios}},
                      {.name = "metrics",
                       .type = Type::list,
                       .doc = "Metrics of one's own: PromQL that yields two counters with the label `pod`.",
                       .fields = {metric}},
                      {.name = "block",
                       .type = Type::duration,
                       .doc = "Counters are compared block by block of this length, each scraped four times. The "
                              "judge's error rates were measured with 60s and hold from there on.",
                       .fallback = "60s"}}},
          {.name = "inconclusive",
           .type = Type::object,
           .doc = "When the data do not decide.",
           .fallback = "{}",
           .fields = {{.name = "extend", .type = Type::duration, .doc = "Wait this much longer.", .fallback = "10m"},
                      {.name = "then",
                       .type = Type::choice,
                       .doc = "And then.",
                       .fallback = "pause",
                       .choices = {"pause", "abort"}}}},
          {.name = "low_traffic",
           .type = Type::choice,
           .doc = "When there is too little traffic to decide: pause; go on after the step's time; or replay recorded "
                  "requests.",
           .fallback = "pause",
           .choices = {"pause", "time", "replay"}},
          {.name = "replay",
           .type = Type::object,
           .doc = "With low_traffic: replay, recorded requests (gate.parity.cases) to pods of both versions.",
           .fallback = "{}",
           .fields = {{.name = "rate",
                       .type = Type::rate,
                       .doc = "What people's traffic is filled up to, both versions together; 1/s to 100/s.",
                       .fallback = "50/s"}}},
          {.name = "look_around",
           .type = Type::duration,
           .doc = "How long the arm that lost is kept: stable after a promotion, the canary after an abort.",
           .fallback = "5m"},
          {.name = "drain",
           .type = Type::object,
           .doc = "When a replica ends.",
           .fallback = "{}",
           .fields = {{.name = "timeout",
                       .type = Type::duration,
                       .doc = "How long it may finish its requests.",
                       .fallback = "30s"}}},
      }};
}

Field runtime_table() {
  return {
      .type = Type::object,
      .fields = {{.name = "image", .doc = "Image of the server, by digest.", .required = true, .rule = image_by_digest},
                 {.name = "profile",
                  .type = Type::choice,
                  .doc = "How it is started, probed and measured: mlserver, or a server of one's own that speaks Open "
                         "Inference Protocol v2 on port 8080 and counts under /metrics (docs/guide.md).",
                  .fallback = "mlserver",
                  .choices = profile_names()}}};
}

}  // namespace mlctl::deploy
