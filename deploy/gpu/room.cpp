#include "deploy/gpu/room.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/terminal.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/live.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t nodes_told = 10;
constexpr std::int64_t most_gpus = 1'000'000;  // that one pod can hold; more is nonsense that somebody wrote

std::int64_t asked(const Json& container) {
  const Json& resources = field(container, "resources");
  std::int64_t most = 0;
  for (const char* kind : {"requests", "limits"}) {
    const auto text = text_field(field(resources, kind), gpu_resource);
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error == std::errc() && end == text.data() + text.size()) most = std::max(most, count);
  }
  return std::clamp<std::int64_t>(most, 0, most_gpus);
}

// Containers and sidecars run beside each other; other init containers one by one before them, beside the sidecars that
// were started by then.
std::int64_t held_by(const Json& pod) {
  const Json& spec = field(pod, "spec");
  std::int64_t sidecars = 0, most = 0;
  if (const Json& first = field(spec, "initContainers"); first.is_array())
    for (const auto& one : first) {
      const auto count = asked(one);
      if (text_field(one, "restartPolicy") == "Always")
        sidecars = std::min(sidecars + count, most_gpus);
      else
        most = std::max(most, sidecars + count);
    }
  std::int64_t together = sidecars;
  if (const Json& containers = field(spec, "containers"); containers.is_array())
    for (const auto& one : containers) together = std::min(together + asked(one), most_gpus);
  return std::max(most, together);
}

std::string capability(int major, int minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string memory_text(double bytes) {
  return human_bytes(static_cast<std::uint64_t>(bytes));
}

std::string wanted_text(const GpuNeed& need) {
  const Gpu& gpu = need.gpu;
  std::string out = count_text(static_cast<std::size_t>(gpu.count), "GPU") + (need.pods == 1 ? "" : " each");
  if (gpu.memory > 0) out += ", of " + memory_text(gpu.memory) + " at least";
  if (gpu.major > 0) out += ", of compute capability " + capability(gpu.major, gpu.minor) + " at least";
  return out;
}

std::int64_t spare(const NodeRoom& room) {
  return std::max<std::int64_t>(room.node.count - room.taken, 0);
}

}  // namespace

std::map<std::string, std::int64_t> gpus_taken(const Objects& pods) {
  std::map<std::string, std::int64_t> out;
  for (const auto& pod : pods) {
    const auto node = text_field(field(pod, "spec"), "nodeName");
    const auto phase = text_field(field(pod, "status"), "phase");
    if (phase == "Succeeded" || phase == "Failed" || is_going(pod)) continue;
    auto& count = out[node];
    count = std::min(count + held_by(pod), most_gpus);
  }
  return out;
}

std::vector<Toleration> tolerations_of(const Json& pod_spec) {
  std::vector<Toleration> out;
  const Json& all = field(pod_spec, "tolerations");
  if (all.is_array())
    for (const auto& one : all)
      out.push_back(
          {text_field(one, "key"), text_field(one, "operator"), text_field(one, "value"), text_field(one, "effect")});
  return out;
}

bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint) {
  return std::any_of(tolerations.begin(), tolerations.end(), [&](const Toleration& one) {
    if (!one.effect.empty() && one.effect != taint.effect) return false;
    if (one.op == "Exists") return one.key.empty() || one.key == taint.key;
    return one.key == taint.key && one.value == taint.value;
  });
}

std::string why_not(const NodeRoom& room, const GpuNeed& need) {
  const auto& node = room.node;
  const auto& gpu = need.gpu;
  if (!node.ready) return "it is not ready";
  if (room.unfit()) return "its GPUs were found unfit at " + room.report->when;
  for (const auto& taint : node.taints)
    if (taint.effect != "PreferNoSchedule" && !tolerates(need.tolerations, taint))
      return "it has the taint " + taint.key + (taint.value.empty() ? "" : "=" + taint.value);
  if (node.labelled == 0) return "it has no label nvidia.com/gpu.count, by which our pods choose nodes";
  if (node.labelled < gpu.count || node.count < gpu.count)
    return "it has " + count_text(static_cast<std::size_t>(std::min(node.labelled, node.count)), "GPU");
  if (gpu.memory > 0 && node.memory == 0) return "it has no label nvidia.com/gpu.memory";
  if (gpu.memory > static_cast<double>(node.memory) * 1048576.0 && gpu.memory > 0)
    return "its GPUs have " + memory_text(static_cast<double>(node.memory) * 1048576.0);
  if (gpu.major > 0 && node.major == 0) return "it has no label nvidia.com/gpu.compute.major";
  if (node.major < gpu.major || (node.major == gpu.major && node.minor < gpu.minor))
    return "its GPUs have compute capability " + capability(node.major, node.minor);
  return "";
}

std::vector<std::int64_t> find_places(std::vector<NodeRoom>& nodes, const std::vector<GpuNeed>& needs) {
  std::vector<std::vector<NodeRoom*>> fitting(needs.size());
  for (std::size_t i = 0; i < needs.size(); ++i)
    for (auto& node : nodes)
      if (why_not(node, needs[i]).empty()) fitting[i].push_back(&node);
  std::vector<std::size_t> order(needs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t one, std::size_t other) {
    return std::pair(fitting[one].size(), -needs[one].gpu.count) <
           std::pair(fitting[other].size(), -needs[other].gpu.count);
  });
  std::vector<std::int64_t> out(needs.size());
  for (const auto which : order) {
    const auto& need = needs[which];
    // Pods of one need are alike: whole nodes are filled, those with the least to spare first.
    std::stable_sort(fitting[which].begin(), fitting[which].end(),
                     [](const NodeRoom* one, const NodeRoom* other) { return spare(*one) < spare(*other); });
    std::vector<std::pair<NodeRoom*, std::int64_t>> found;
    for (auto* node : fitting[which]) {
      const auto here = std::min(spare(*node) / need.gpu.count, need.pods - out[which]);
      found.emplace_back(node, here * need.gpu.count);
      out[which] += here;
    }
    if (out[which] == need.pods)
      for (const auto& [node, gpus] : found) node->taken += gpus;
  }
  return out;
}

std::string shortage(const std::vector<NodeRoom>& nodes, const GpuNeed& need, std::int64_t placed) {
  std::string out = count_text(static_cast<std::size_t>(need.pods), "new pod") +
                    (need.pods == 1 ? " wants " : " want ") + wanted_text(need) + ", and there is " +
                    (placed == 0 ? "no room" : "room for " + std::to_string(placed));
  if (nodes.empty()) return out + ": no node has GPUs";
  for (std::size_t i = 0; i < std::min(nodes.size(), nodes_told); ++i) {
    const auto why = why_not(nodes[i], need);
    out += "\n" + escape_control(nodes[i].node.name) + ": " +
           (why.empty() ? std::to_string(spare(nodes[i])) + " of " +
                              count_text(static_cast<std::size_t>(nodes[i].node.count), "GPU") + " free"
                        : escape_control(why));
  }
  if (nodes.size() > nodes_told) out += "\n… and " + count_text(nodes.size() - nodes_told, "more node");
  return out;
}

}  // namespace mlctl::deploy
