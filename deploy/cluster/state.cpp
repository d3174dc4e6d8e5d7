#include "deploy/cluster/state.h"

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/document.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/fields.h"
#include "registry/base64.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* id_label = "applyset.kubernetes.io/id";
constexpr const char* tooling_annotation = "applyset.kubernetes.io/tooling";
constexpr const char* kinds_annotation = "applyset.kubernetes.io/contains-group-kinds";
constexpr const char* state_key = "state.json";
constexpr std::int64_t format = 1;

std::uint64_t number_of(const Json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

Error corrupt(const ObjectKey& key, const std::string& why) {
  return {Error::Kind::corrupt, to_string(key) + ": " + why,
          "who wrote it: `kubectl get configmap -n " + key.name_space + " " + key.name +
              " --show-managed-fields -o yaml`; put back what it was, from a backup"};
}

}  // namespace

std::string state_name(const registry::ModelName& model) {
  return "mlctl-" + model.name;
}

// KEP-3659: base64 for URLs, without padding, of the SHA-256 of NAME.NAMESPACE.KIND.GROUP; a ConfigMap has no group.
std::string applyset_id(const registry::ModelName& model, const std::string& name_space) {
  const auto hash = digest_of(state_name(model) + "." + name_space + ".ConfigMap.");
  std::string text = registry::to_base64({reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()});
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return "applyset-" + text + "-v1";
}

std::string group_kind(const ObjectKey& key) {
  const auto group = group_of(key.api_version);
  return group.empty() ? key.kind : key.kind + "." + group;
}

std::string key_in_state(const ObjectKey& key) {
  return group_kind(key) + "/" + key.name;
}

std::set<std::string> kinds_of(const Json& object) {
  const auto text = text_field(field(field(object, "metadata"), "annotations"), kinds_annotation);
  std::set<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    if (end > begin) out.insert(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

Json to_object(const ModelState& state) {
  std::string kinds;
  for (const auto& kind : state.kinds) kinds += (kinds.empty() ? "" : ",") + kind;
  Json content = {{"format", format},
                  {"model", to_string(state.model)},
                  {"environment", state.environment},
                  {"epoch", state.epoch},
                  {"assignment", state.assignment},
                  {"working", state.work.who},
                  {"workingSince", state.work.since},
                  {"workingOn", state.work.revision},
                  {"stable", state.stable ? to_json(*state.stable) : Json()},
                  {"rollout", state.rollout ? to_json(*state.rollout) : Json()},
                  {"aborted", state.aborted},
                  {"applied", state.applied}};
  Json object = {{"apiVersion", "v1"},
                 {"kind", "ConfigMap"},
                 {"metadata",
                  {{"name", state_name(state.model)},
                   {"namespace", state.name_space},
                   {"labels",
                    {{"app.kubernetes.io/name", state.model.name},
                     {managed_label, "mlctl"},
                     {id_label, applyset_id(state.model, state.name_space)}}},
                   {"annotations",
                    {{tooling_annotation, "mlctl/" MLCTL_VERSION},
                     {kinds_annotation, kinds},
                     {model_annotation, to_string(state.model)}}}}},
                 {"data", {{state_key, content.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"}}}};
  if (!state.resource_version.empty()) object["metadata"]["resourceVersion"] = state.resource_version;
  return object;
}

Result<ModelState> parse_state(const Json& object) {
  const auto key = key_of(object);
  const Json &metadata = field(object, "metadata"), &annotations = field(metadata, "annotations");
  if (key.kind != "ConfigMap" || key.name.empty())
    return Error{Error::Kind::unavailable, "what the server answers is no ConfigMap",
                 "is it an API server? A proxy before it may have answered"};
  const auto tooling = text_field(annotations, tooling_annotation);
  if (!tooling.starts_with("mlctl/"))
    return Error{Error::Kind::conflict, to_string(key) + " belongs to " + (tooling.empty() ? "somebody else" : tooling),
                 ""};
  const auto text = text_field(field(object, "data"), state_key);
  const auto checked = parse_json(text, to_string(key));
  if (!checked || !checked->is_object()) return corrupt(key, "its state is not readable");
  const Json content = *checked;
  if (number_of(content, "format") != format)
    return Error{Error::Kind::corrupt, to_string(key) + ": written by another version of mlctl",
                 "use that one, or a newer one; this is " MLCTL_VERSION};
  auto model = registry::parse_model_name(text_field(content, "model"));
  if (!model || state_name(*model) != key.name) return corrupt(key, "its state is that of another model");
  ModelState state{.model = *model, .name_space = key.name_space};
  state.environment = text_field(content, "environment");
  state.epoch = number_of(content, "epoch");
  state.assignment = number_of(content, "assignment");
  state.work = {text_field(content, "working"), text_field(content, "workingSince"), text_field(content, "workingOn")};
  if (const auto stable = content.find("stable"); stable != content.end() && stable->is_object())
    state.stable = serves_from(*stable);
  if (const Json& rollout = field(content, "rollout"); rollout.is_object()) {
    auto parsed = parse_rollout(rollout);
    if (!parsed) return corrupt(key, parsed.error().message);
    state.rollout = std::move(*parsed);
  }
  for (const auto& n : field(content, "aborted"))
    if (n.is_number_unsigned() && state.aborted.size() < most_aborted) state.aborted.insert(n.get<std::uint64_t>());
  const Json& applied = field(content, "applied");
  for (const auto& [name, hash] : applied.items())
    if (hash.is_string()) state.applied[name] = hash.get<std::string>();
  state.kinds = kinds_of(object);
  state.resource_version = text_field(metadata, "resourceVersion");
  return state;
}

}  // namespace mlctl::deploy
