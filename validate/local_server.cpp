#include "validate/local_server.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/units.h"
#include "validate/protocol.h"

namespace mlctl::validate {
namespace {

Error usage(std::string message, std::string hint = "") {
  return {.kind = Error::Kind::usage, .message = std::move(message), .hint = std::move(hint)};
}

// Where it stands in the files, as the other deviations of a configuration say it.
Error usage_at(const Node& node, const std::string& message, std::string hint) {
  const auto place = to_string(node.position);
  return usage((place.empty() ? "" : place + ": ") + message, std::move(hint));
}

struct Preset {
  const char* runtime;
  LocalServer local;
};

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = {
      {"mlserver",
       {.command = {"mlserver", "start", "."},
        .templates = {{"settings.json",
                       "{\"host\": \"127.0.0.1\", \"http_port\": {port}, \"grpc_port\": {grpc_port}, "
                       "\"metrics_port\": {metrics_port}, \"parallel_workers\": 0, \"debug\": false}\n"}},
        .env = {{"PYTHONPATH", "."}},
        .ready = "/v2/health/ready",
        .protocol = "oip-v2",
        .start = std::chrono::seconds(60)}},
  };
  return all;
}

std::optional<std::string> value_of(std::string_view word, const Expansion& values) {
  if (word == "port") return std::to_string(values.port);
  if (word == "grpc_port") return std::to_string(values.grpc_port);
  if (word == "metrics_port") return std::to_string(values.metrics_port);
  if (word == "model") return values.model;
  return std::nullopt;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::map<std::string, std::string> texts_of(const Node& root, std::string_view path,
                                            std::map<std::string, std::string> preset) {
  const Node* node = find_path(root, path);
  if (node == nullptr) return preset;
  for (const auto& entry : node->entries) preset[entry.key] = entry.value.text;
  return preset;
}

// A server without a command is not "the preset's command": who writes an empty list means something else.
Status check_command(const Node& root) {
  const Node* node = find_path(root, "serving.local.command");
  if (node == nullptr || node->kind != Node::Kind::list || !node->items.empty()) return ok();
  return usage_at(*node, "serving.local.command must not be empty", "leave it out to have the runtime's own command");
}

Status check_templates(const Node& root) {
  const Node* node = find_path(root, "serving.local.templates");
  if (node == nullptr) return ok();
  for (const auto& entry : node->entries) {
    const std::filesystem::path path(entry.key);
    const bool leaves = std::any_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
    if (entry.key.empty() || path.is_absolute() || leaves || !path.has_filename()) {
      return usage_at(entry.value,
                      "serving.local.templates: '" + entry.key + "' is not a path inside the model's folder",
                      "a name such as settings.json: the file is written beside the model's");
    }
  }
  return ok();
}

}  // namespace

const LocalServer* find_preset(std::string_view runtime) {
  for (const auto& preset : presets()) {
    if (runtime == preset.runtime) return &preset.local;
  }
  return nullptr;
}

Result<std::string> expand(std::string_view text, const Expansion& values, bool lenient) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    text.remove_prefix(open);
    const auto close = text.find('}');
    const auto word = close == std::string_view::npos ? std::string_view() : text.substr(1, close - 1);
    if (auto value = value_of(word, values)) {
      out += *value;
      text.remove_prefix(close + 1);
      continue;
    }
    if (!lenient && is_word(word)) {
      const std::vector<std::string> known = {"port", "grpc_port", "metrics_port", "model"};
      const auto near = nearest(word, known);
      return usage(
          "serving.local: {" + std::string(word) + "} is not known",
          near.empty() ? "known are {port} {grpc_port} {metrics_port} {model}" : "did you mean {" + near + "}?");
    }
    out += '{';
    text.remove_prefix(1);
  }
  return out;
}

Result<LocalServer> expand(LocalServer local, const Expansion& values) {
  const auto replace = [&](std::string& text, bool lenient) -> Status {
    auto expanded = expand(std::string_view(text), values, lenient);
    if (!expanded) return expanded.error();
    text = std::move(*expanded);
    return ok();
  };
  for (auto& word : local.command) {
    if (auto status = replace(word, false); !status) return status.error();
  }
  for (auto& [name, text] : local.env) {
    if (auto status = replace(text, false); !status) return status.error().context("env " + name);
  }
  for (auto& [name, text] : local.templates) {
    if (auto status = replace(text, true); !status) return status.error();
  }
  if (auto status = replace(local.ready, false); !status) return status.error();
  return local;
}

Result<LocalServer> decode_local(const Node& merged_model) {
  const auto runtime = get_string(merged_model, "serving.runtime").value_or("");
  for (const auto check : {check_command, check_templates}) {
    if (auto status = check(merged_model); !status) return status.error();
  }
  const LocalServer* preset = find_preset(runtime);
  LocalServer local = preset != nullptr ? *preset : LocalServer{};
  if (auto command = get_strings(merged_model, "serving.local.command"); !command.empty())
    local.command = std::move(command);
  local.templates = texts_of(merged_model, "serving.local.templates", local.templates);
  local.env = texts_of(merged_model, "serving.local.env", local.env);
  local.ready = get_string(merged_model, "serving.local.ready").value_or(local.ready);
  local.protocol = get_string(merged_model, "serving.local.protocol").value_or(local.protocol);
  local.start = get_duration(merged_model, "serving.local.start").value_or(local.start);

  const std::string who = runtime.empty() ? "this model" : "the runtime " + runtime;
  if (local.command.empty()) {
    return usage("serving.local.command is missing: there is no preset for how " + who + " is started here",
                 "give serving.local {command, ready}, or use a runtime with a preset: mlserver");
  }
  if (local.ready.empty() || local.ready.front() != '/') {
    return usage("serving.local.ready must be the path that answers 200 when " + who +
                 " is ready, such as /v2/health/ready");
  }
  if (find_protocol(local.protocol) == nullptr)
    return usage("serving.local.protocol: " + local.protocol + " is not known");
  // Tried once here, so that a misspelt word is found before anything is started.
  if (auto trial = expand(local, Expansion{}); !trial) return trial.error();
  return local;
}

}  // namespace mlctl::validate
