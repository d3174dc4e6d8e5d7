#include "deploy/gpu/nodes.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "deploy/cluster/fields.h"
#include "deploy/cluster/live.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

// A whole number from 0 on, else 0: resources and labels are text, and anybody may have written it.
std::int64_t whole(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 ? value : 0;
}

std::int64_t amount(const Json& status, const char* which) {
  return whole(text_field(field(status, which), gpu_resource));
}

// Under the device plugin's strategy "mixed" each kind of MIG device is a resource: nvidia.com/mig-1g.10gb.
std::int64_t amount_of_mig(const Json& status) {
  std::int64_t out = 0;
  if (const Json& all = field(status, "allocatable"); all.is_object())
    for (const auto& [name, count] : all.items())
      if (name.starts_with("nvidia.com/mig-") && count.is_string())
        out = std::max(out, whole(count.get<std::string>()));
  return out;
}

std::vector<Taint> taints_of(const Json& node) {
  std::vector<Taint> out;
  const Json& taints = field(field(node, "spec"), "taints");
  if (taints.is_array())
    for (const auto& taint : taints)
      out.push_back({text_field(taint, "key"), text_field(taint, "value"), text_field(taint, "effect")});
  return out;
}

GpuNode node_from(const Json& node) {
  const auto label = [&](const char* name) { return label_of(node, name); };
  return {.name = key_of(node).name,
          .count = amount(field(node, "status"), "allocatable"),
          .labelled = whole(label("nvidia.com/gpu.count")),
          .model = label("nvidia.com/gpu.product"),
          .memory = whole(label("nvidia.com/gpu.memory")),
          .major = static_cast<int>(std::min<std::int64_t>(whole(label("nvidia.com/gpu.compute.major")), 1000)),
          .minor = static_cast<int>(std::min<std::int64_t>(whole(label("nvidia.com/gpu.compute.minor")), 1000)),
          .taints = taints_of(node),
          .ready = text_field(condition(field(node, "status"), "Ready"), "status") == "True",
          .mark = label(gpu_label),
          .marked = text_field(field(field(node, "metadata"), "annotations"), checked_annotation),
          .in_parts = whole(label("nvidia.com/gpu.replicas")) > 1 ||
                      label("nvidia.com/gpu.product").find("-MIG-") != std::string::npos ||
                      amount_of_mig(field(node, "status")) > 0};
}

bool has_gpus(const Json& node) {
  const Json& status = field(node, "status");
  return amount(status, "capacity") > 0 || amount(status, "allocatable") > 0 ||
         label_of(node, "nvidia.com/gpu.present") == "true";
}

}  // namespace

std::vector<GpuNode> gpu_nodes(const Objects& nodes) {
  std::vector<GpuNode> out;
  for (const auto& node : nodes)
    if (has_gpus(node)) out.push_back(node_from(node));
  std::sort(out.begin(), out.end(), [](const GpuNode& one, const GpuNode& other) { return one.name < other.name; });
  return out;
}

Json mark_patch(const Json& node, const GpuMark& mark) {
  Json taints = Json::array();
  const Json& before = field(field(node, "spec"), "taints");
  if (before.is_array())
    for (const auto& taint : before)
      if (text_field(taint, "key") != gpu_label) taints.push_back(taint);
  if (!mark.fit) taints.push_back({{"key", gpu_label}, {"value", "unfit"}, {"effect", "NoSchedule"}});
  return {{"metadata",
           {{"resourceVersion", resource_version_of(node)},
            {"labels", {{gpu_label, mark.fit ? "fit" : "unfit"}}},
            {"annotations", {{checked_annotation, mark.when}}}}},
          {"spec", {{"taints", taints}}}};
}

}  // namespace mlctl::deploy
