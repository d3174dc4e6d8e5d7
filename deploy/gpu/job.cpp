#include "deploy/gpu/job.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/pods.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* container_name = "gpu-smoke";
constexpr int own_codes[] = {0, 1, 2, 3, 5};
constexpr int kept_for = 3600;  // seconds that a Job outlives its end, where nobody is left to remove it

Json tolerations_of(const GpuNode& node) {
  Json out = Json::array();
  for (const auto& taint : node.taints) {
    Json one = {{"key", taint.key}, {"operator", taint.value.empty() ? "Exists" : "Equal"}};
    if (!taint.value.empty()) one["value"] = taint.value;
    one["effect"] = taint.effect;
    out.push_back(std::move(one));
  }
  return out;
}

// By the node's own name: the label kubernetes.io/hostname may be another, or twice there.
Json pinned_to(const std::string& node) {
  const Json term = {
      {"matchFields", Json::array({{{"key", "metadata.name"}, {"operator", "In"}, {"values", Json::array({node})}}})}};
  return {{"nodeAffinity",
           {{"requiredDuringSchedulingIgnoredDuringExecution", {{"nodeSelectorTerms", Json::array({term})}}}}}};
}

Json failure_policy() {
  return {{"rules",
           Json::array(
               {{{"action", "FailJob"},
                 {"onExitCodes", {{"containerName", container_name}, {"operator", "In"}, {"values", {1, 2, 3, 5}}}}},
                {{"action", "Ignore"},
                 {"onPodConditions", Json::array({{{"type", "DisruptionTarget"}, {"status", "True"}}})}}})}};
}

Json container_of(const GpuNode& node, const GpuJobRequest& request) {
  const auto count = std::to_string(node.count);
  Json arguments = Json::array({"--output", "json"});
  if (!node.in_parts)
    for (const auto& one : {std::string("--expect-gpus"), count}) arguments.push_back(one);
  if (request.quick) arguments.push_back("--quick");
  return {{"name", container_name},
          {"image", request.image},
          {"imagePullPolicy", "IfNotPresent"},
          {"args", arguments},
          {"env", Json::array({{{"name", "NVIDIA_DRIVER_CAPABILITIES"}, {"value", "compute,utility"}}})},
          {"resources",
           {{"requests", {{"cpu", "500m"}, {"memory", "1Gi"}, {gpu_resource, count}}},
            {"limits", {{gpu_resource, count}}}}},
          {"securityContext",
           {{"allowPrivilegeEscalation", false},
            {"capabilities", {{"drop", Json::array({"ALL"})}}},
            {"readOnlyRootFilesystem", true}}}};
}

// The pod that came last: one that was evicted is followed by another. A Job of before had the same name.
const Json* newest(const Json& job, const Objects& pods) {
  const Json* out = nullptr;
  for (const auto& pod : pods) {
    if (label_of(pod, "batch.kubernetes.io/controller-uid") != uid_of(job)) continue;
    const auto began = [](const Json& one) { return text_field(field(one, "metadata"), "creationTimestamp"); };
    if (out == nullptr || began(*out) < began(pod)) out = &pod;
  }
  return out;
}

int exit_code_of(const Json& pod) {
  const Json& statuses = field(field(pod, "status"), "containerStatuses");
  if (!statuses.is_array() || statuses.empty()) return -1;
  const Json& ended = field(field(statuses.front(), "state"), "terminated");
  return ended.is_object() ? static_cast<int>(number_field(ended, "exitCode", -1)) : -1;
}

std::string said_of(const PodTrouble& trouble) {
  if (trouble.kind != PodTrouble::Kind::unschedulable) return trouble.reason;
  if (trouble.reason.find(std::string("Insufficient ") + gpu_resource) != std::string::npos)
    return "other pods have some of its GPUs";
  return "unschedulable: " + shortage_in(trouble.reason);
}

std::string why_failed(const Json& job) {
  const Json& failed = condition(field(job, "status"), "Failed");
  if (text_field(failed, "status") != "True") return "";
  const auto reason = text_field(failed, "reason");
  if (reason == "DeadlineExceeded") return "no answer within its deadline";
  return reason + ": " + text_field(failed, "message");
}

}  // namespace

std::string gpu_job_name(const std::string& node) {
  return "mlctl-gpu-check-" + digest_of(node).hex().substr(0, 10);
}

Json gpu_job(const GpuNode& node, const GpuJobRequest& request) {
  const Json labels = {{managed_label, "mlctl"}, {"app.kubernetes.io/name", "gpu-check"}};
  Json annotations = {{node_annotation, node.name}};
  if (!request.run.empty()) annotations[run_annotation] = request.run;
  Json pod = {{"restartPolicy", "Never"},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"affinity", pinned_to(node.name)},
              {"tolerations", tolerations_of(node)},
              {"securityContext",
               {{"runAsNonRoot", true}, {"runAsUser", 65532}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
              {"containers", Json::array({container_of(node, request)})}};
  return {{"apiVersion", "batch/v1"},
          {"kind", "Job"},
          {"metadata",
           {{"name", gpu_job_name(node.name)},
            {"namespace", request.name_space},
            {"labels", labels},
            {"annotations", annotations}}},
          {"spec",
           {{"backoffLimit", 2},
            {"activeDeadlineSeconds", std::chrono::duration_cast<std::chrono::seconds>(request.limit).count()},
            {"ttlSecondsAfterFinished", kept_for},
            {"podFailurePolicy", failure_policy()},
            {"template", {{"metadata", {{"labels", labels}}}, {"spec", std::move(pod)}}}}}};
}

GpuJobEnd end_of(const Json& job, const Objects& pods) {
  GpuJobEnd out;
  out.over = text_field(condition(field(job, "status"), "Complete"), "status") == "True" || !why_failed(job).empty();
  const Json* pod = newest(job, pods);
  if (pod != nullptr) {
    out.exit_code = exit_code_of(*pod);
    const bool own = std::find(std::begin(own_codes), std::end(own_codes), out.exit_code) != std::end(own_codes);
    if (!own && !out.over) out.exit_code = -1;
    if (out.exit_code >= 0) out.pod = key_of(*pod).name;
    const auto trouble = trouble_of(*pod);
    out.problem = said_of(trouble);
    out.unschedulable = trouble.kind == PodTrouble::Kind::unschedulable;
    out.no_image = trouble.kind == PodTrouble::Kind::image || trouble.kind == PodTrouble::Kind::configuration;
  }
  if (out.exit_code >= 0)
    out.problem.clear();
  else if (out.over)
    out.problem = why_failed(job) + (out.problem.empty() ? "" : " (" + out.problem + ")");
  if (out.over && out.exit_code < 0 && out.problem.empty()) out.problem = "its pod is gone";
  return out;
}

}  // namespace mlctl::deploy
