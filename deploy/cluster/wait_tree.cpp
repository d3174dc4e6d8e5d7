#include "deploy/cluster/wait_tree.h"

#include <algorithm>
#include <utility>

#include "deploy/cluster/wait.h"

namespace mlctl::deploy {
namespace {

using Kind = PodTrouble::Kind;

struct Node {
  std::string text;  // escaped
  Tone tone = Tone::plain;
  std::vector<Node> under = {};
};

Tone tone_of(Kind kind) {
  if (kind >= Kind::configuration) return Tone::bad;
  return kind >= Kind::quota ? Tone::warn : Tone::dim;
}

std::string joined(const std::vector<std::string>& names, const char* last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? last : ", ") + escape_control(names[i]);
  return out;
}

// "unschedulable for 35 s of 10 min: nvidia.com/gpu is short on 2 of 3 nodes"
std::string said(const PodTrouble& trouble, const WaitBranch& one) {
  std::string out = to_string(trouble.kind);
  if (trouble.kind == one.worst && one.lasted >= std::chrono::seconds(1)) {
    const auto patience = patience_with(trouble.kind);
    out += " for " + human_duration(std::chrono::floor<std::chrono::seconds>(one.lasted));
    if (patience != Duration::max()) out += " of " + human_duration(patience);
  }
  if (!trouble.reason.empty())
    out += ": " + (trouble.kind == Kind::unschedulable ? shortage_in(trouble.reason) : trouble.reason);
  if (trouble.restarts > 0)
    out += ", started again " + count_text(static_cast<std::uint64_t>(trouble.restarts), "time");
  return escape_control(out);
}

std::string who(const WaitBranch::Pods& pods) {
  if (pods.names.size() == 1) return "pod " + escape_control(pods.names.front());
  return count_text(pods.names.size(), "pod");
}

Node deployment_node(const WaitBranch& one) {
  Node out{to_string(one.what.deployment) + (one.reason.empty() ? "" : "  " + escape_control(one.reason))};
  if (one.made.kind != Kind::none)
    out.under.push_back({"its ReplicaSet  " + said(one.made, one), tone_of(one.made.kind)});
  for (std::size_t i = 0; i < one.pods.size(); ++i) {
    if (i == pods_shown) {
      out.under.push_back({"and " + std::to_string(one.pods.size() - i) + " kinds of trouble more", Tone::dim});
      break;
    }
    out.under.push_back({who(one.pods[i]) + "  " + said(one.pods[i].trouble, one), tone_of(one.pods[i].trouble.kind)});
  }
  return out;
}

// What waits for the model; "" when nothing does.
std::string waits_for_it(const Awaited& what) {
  const auto others = joined(what.goes_over, " and ");
  const bool several = what.goes_over.size() > 1;
  if (what.serving.empty()) return others.empty() ? "" : others + (several ? " wait for it" : " waits for it");
  return escape_control(what.serving) + " serves until it is ready" +
         (others.empty() ? "" : "; then " + others + (several ? " go over" : " goes over"));
}

std::vector<Node> nodes_of(const WaitBranch& one) {
  std::vector<Node> out{deployment_node(one)};
  if (const auto waits = waits_for_it(one.what); !waits.empty()) out.push_back({waits, Tone::dim});
  return out;
}

void draw(const std::vector<Node>& nodes, const std::string& indent, const Style& style,
          std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const bool last = i + 1 == nodes.size();
    const std::string branch = style.unicode ? (last ? "└─ " : "├─ ") : (last ? "`- " : "|- ");
    const std::string trunk = last ? "   " : style.unicode ? "│  " : "|  ";
    lines.push_back(indent + branch + paint(nodes[i].text, nodes[i].tone, style));
    draw(nodes[i].under, indent + trunk, style, lines);
  }
}

std::vector<std::string> tree_of(const WaitBranch& one, const Style& style) {
  std::vector<std::string> lines{"  " + paint(escape_control(one.what.model), Tone::strong, style)};
  draw(nodes_of(one), "  ", style, lines);
  return lines;
}

}  // namespace

std::string render_waiting(std::vector<WaitBranch> all, const Style& style, std::size_t lines) {
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.worst > b.worst; });
  std::vector<std::string> out;
  std::size_t shown = 0;
  for (const auto& one : all) {
    const auto tree = tree_of(one, style);
    const bool all_fit = shown + 1 == all.size();
    if (out.size() + tree.size() + (all_fit ? 0 : 1) > lines) break;
    out.insert(out.end(), tree.begin(), tree.end());
    ++shown;
  }
  if (shown < all.size() && lines > 0)
    out.push_back("  " + std::to_string(all.size() - shown) + (shown == 0 ? " not ready" : " more not ready") +
                  ", first " + escape_control(all[shown].what.model) + ": " +
                  (all[shown].worst == Kind::none ? escape_control(all[shown].reason) : to_string(all[shown].worst)));
  std::string text;
  for (const auto& line : out) text += cut_to_width(line, style.width - 1, style) + "\n";
  return text;
}

std::string failed_branch(const WaitBranch& one) {
  std::string out;
  for (const auto& node : deployment_node(one).under) out += "\n" + node.text;
  const auto others = joined(one.what.goes_over, " and ");
  const char* stay = one.what.goes_over.size() > 1 ? " stay as they are" : " stays as it is";
  if (!one.what.serving.empty()) out += "\n" + escape_control(one.what.serving) + " serves as before";
  if (!others.empty()) out += (one.what.serving.empty() ? "\n" : "; ") + others + stay;
  return out;
}

}  // namespace mlctl::deploy
