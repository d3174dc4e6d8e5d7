#include "deploy/cluster/pods.h"

#include <algorithm>
#include <nlohmann/json.hpp>

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
  if (reason == "CrashLoopBackOff" || (!reason.empty() && last.is_object()))
    return {Kind::crash, last.is_object() ? ended(last) : message};
  if (terminated.is_object() && number_field(terminated, "exitCode") != 0) return {Kind::crash, ended(terminated)};
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
