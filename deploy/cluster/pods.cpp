#include "deploy/cluster/pods.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/terminal.h"
#include "deploy/cluster/fields.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using Kind = PodTrouble::Kind;

bool begins_with_any(const std::string& reason, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return reason.starts_with(word); });
}

// Exit code 137 without a word of its own is a kill by the kernel or the kubelet as well.
std::string ended(const Json& terminated) {
  const auto reason = text_field(terminated, "reason");
  if (reason == "OOMKilled") return "out of memory: the container was killed at its limit";
  return "it ended with exit code " + std::to_string(number_field(terminated, "exitCode")) +
         (reason.empty() || reason == "Error" ? "" : " (" + reason + ")");
}

PodTrouble container_trouble(const Json& status) {
  const Json& waiting = field(field(status, "state"), "waiting");
  const Json& last = field(field(status, "lastState"), "terminated");
  const Json& terminated = field(field(status, "state"), "terminated");
  const auto reason = text_field(waiting, "reason"), message = text_field(waiting, "message");
  if (begins_with_any(reason, {"ErrImage", "ImagePull", "InvalidImageName", "ImageInspect", "RegistryUnavailable"}))
    return {Kind::image, message.empty() ? reason : message};
  if (begins_with_any(reason, {"CreateContainer", "RunContainer", "PreCreateHook", "PreStartHook", "PostStartHook"}))
    return {Kind::configuration, message.empty() ? reason : message};
  const auto restarts = number_field(status, "restartCount");
  if (reason == "CrashLoopBackOff" || (!reason.empty() && last.is_object()))
    return {Kind::crash, last.is_object() ? ended(last) : message, restarts};
  if (terminated.is_object() && number_field(terminated, "exitCode") != 0)
    return {Kind::crash, ended(terminated), restarts};
  return {};
}

PodTrouble worst_container(const Json& status) {
  PodTrouble worst;
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    const Json& all = field(status, list);
    if (!all.is_array()) continue;
    for (const auto& one : all)
      if (auto trouble = container_trouble(one); trouble.kind > worst.kind) worst = std::move(trouble);
  }
  return worst;
}

}  // namespace

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::none:
      return "";
    case Kind::starting:
      return "starting";
    case Kind::unschedulable:
      return "unschedulable";
    case Kind::image:
      return "image";
    case Kind::configuration:
      return "configuration";
    case Kind::crash:
      return "crash";
    case Kind::not_ready:
      return "not ready";
    case Kind::quota:
      return "quota";
    case Kind::admission:
      return "admission";
  }
  return "";
}

PodTrouble trouble_of(const Json& pod) {
  const Json& status = field(pod, "status");
  const Json& scheduled = condition(status, "PodScheduled");
  if (text_field(scheduled, "status") == "False" && text_field(scheduled, "reason") == "Unschedulable")
    return {Kind::unschedulable, text_field(scheduled, "message")};
  if (auto trouble = worst_container(status); trouble.kind != Kind::none) return trouble;
  // Of the node, not of a container: "Evicted", "Preempting".
  if (text_field(status, "phase") == "Failed")
    return {Kind::crash, text_field(status, "reason") +
                             (text_field(status, "message").empty() ? "" : ": " + text_field(status, "message"))};
  if (text_field(condition(status, "Ready"), "status") == "True") return {};
  if (text_field(status, "phase") == "Running")
    return {Kind::not_ready, "running, and its readiness probe has not passed yet"};
  return {Kind::starting,
          text_field(status, "phase").empty() ? "not scheduled yet" : "its containers are being started"};
}

// The deployment controller hands on what the ReplicaSet was told when it asked for a pod.
PodTrouble trouble_of_deployment(const Json& deployment) {
  const Json& failure = condition(field(deployment, "status"), "ReplicaFailure");
  if (text_field(failure, "status") != "True" || text_field(failure, "reason") != "FailedCreate") return {};
  const auto message = text_field(failure, "message");
  const auto says = [&](const char* words) { return message.find(words) != std::string::npos; };
  if (says("exceeded quota")) return {Kind::quota, message};
  const bool missing = says("error looking up") || says("not found");
  return {missing ? Kind::configuration : Kind::admission, message};
}

// "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: true}. preemption: …". Source:
// k8s.io/kubernetes/pkg/scheduler/framework/types.go, FitError.
std::string shortage_in(const std::string& message) {
  constexpr std::string_view middle = " nodes are available: ", short_of = "Insufficient ", nodes = "node(s) ";
  const auto slash = message.find('/'), begins = message.find(middle);
  if (slash == std::string::npos || begins == std::string::npos || slash > begins) return message;
  const auto total = message.substr(slash + 1, begins - slash - 1);
  auto rest = std::string_view(message).substr(begins + middle.size());
  rest = rest.substr(0, rest.find(". "));
  if (rest.ends_with('.')) rest.remove_suffix(1);
  std::string out;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(", "), rest.size());
    auto part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 2, rest.size()));
    const auto digits = std::min(part.find_first_not_of("0123456789"), part.size());
    const auto count = std::string(part.substr(0, digits));
    part.remove_prefix(std::min(digits + 1, part.size()));
    if (count.empty() || part.empty()) return message;  // not as we know it
    const auto of = count + " of " + total + " nodes";
    if (!out.empty()) out += "; ";
    if (part.starts_with(short_of))
      out += std::string(part.substr(short_of.size())) + " is short on " + of;
    else
      out += of + " " + std::string(part.starts_with(nodes) ? part.substr(nodes.size()) : part);
  }
  return out.empty() ? message : out;
}

std::string trouble_of_all(const Objects& pods) {
  PodTrouble worst;
  std::size_t count = 0;
  for (const auto& pod : pods) {
    auto trouble = trouble_of(pod);
    if (trouble.kind < worst.kind || trouble.kind == Kind::none) continue;
    count = trouble.kind == worst.kind ? count + 1 : 1;
    if (trouble.kind > worst.kind) worst = std::move(trouble);
  }
  if (worst.kind == Kind::none) return "";
  return count_text(count, "pod") + " " + to_string(worst.kind) + (worst.reason.empty() ? "" : ": " + worst.reason);
}

}  // namespace mlctl::deploy
