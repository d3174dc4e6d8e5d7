#include "release/record.h"

#include <nlohmann/json.hpp>

#include "base/document.h"
#include "base/filesystem.h"

namespace mlctl::release {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::uint64_t record_limit = 64U << 20U;
constexpr int schema_version = 1;

std::filesystem::path record_path(const std::filesystem::path& root, const std::string& digest) {
  const auto colon = digest.find(':');
  return root / ".mlctl" / "releases" / (digest.substr(colon == std::string::npos ? 0 : colon + 1) + ".json");
}

std::string text(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

WallTime time(const nlohmann::json& object, const char* key) {
  const auto parsed = parse_rfc3339(text(object, key));
  return parsed ? *parsed : WallTime{};
}

// nullopt: not an outcome that this version wrote.
std::optional<Outcome> outcome_from(const nlohmann::json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto kind = parse_step_kind(text(json, "step"));
  const auto verdict = validate::parse_verdict(text(json, "verdict"));
  if (!kind || !verdict) return std::nullopt;
  Outcome outcome;
  outcome.step = {*kind, text(json, "environment")};
  outcome.key = text(json, "key");
  outcome.verdict = *verdict;
  outcome.summary = text(json, "summary");
  outcome.started = time(json, "started");
  outcome.finished = time(json, "finished");
  if (const auto facts = json.find("facts"); facts != json.end() && facts->is_object())
    for (const auto& [key, value] : facts->items())
      if (value.is_string()) outcome.facts[key] = value.get<std::string>();
  if (const auto report = json.find("report"); report != json.end()) {
    auto parsed = validate::report_from_json(*report);
    if (!parsed) return std::nullopt;
    outcome.report = std::move(*parsed);
  }
  return outcome;
}

}  // namespace

Json to_json(const Outcome& outcome) {
  Json json = {{"step", to_string(outcome.step.kind)}};
  if (!outcome.step.environment.empty()) json["environment"] = outcome.step.environment;
  if (!outcome.key.empty()) json["key"] = outcome.key;
  json["verdict"] = validate::to_string(outcome.verdict);
  json["summary"] = outcome.summary;
  if (!outcome.reused_from.empty()) json["reusedFrom"] = outcome.reused_from;
  if (!outcome.notes.empty()) json["notes"] = outcome.notes;
  if (!outcome.facts.empty()) {
    json["facts"] = Json::object();
    for (const auto& [key, value] : outcome.facts) json["facts"][key] = value;
  }
  json["started"] = rfc3339(outcome.started);
  json["finished"] = rfc3339(outcome.finished);
  if (outcome.report) json["report"] = validate::to_json(*outcome.report);
  return json;
}

Json to_json(const Release& release) {
  Json steps = Json::array();
  for (const auto& outcome : release.outcomes) steps.push_back(to_json(outcome));
  Json plan = Json::array();
  for (const auto& step : release.plan) plan.push_back(to_string(step));
  return {{"schemaVersion", schema_version},
          {"model", release.model},
          {"version", release.version},
          {"digest", release.digest},
          {"image", release.image},
          {"commit", release.commit},
          {"tag", release.tag},
          {"verdict", validate::to_string(verdict_of(release))},
          {"started", rfc3339(release.started)},
          {"finished", rfc3339(release.finished)},
          {"plan", plan},
          {"steps", steps}};
}

std::vector<Outcome> load_record(const std::filesystem::path& root, const std::string& digest) {
  const auto bytes = read_file(record_path(root, digest), record_limit);
  if (!bytes) return {};
  const auto json = parse_json(*bytes, "release record");
  if (!json || !json->is_object() || !json->contains("schemaVersion") || (*json)["schemaVersion"] != schema_version)
    return {};
  std::vector<Outcome> outcomes;
  for (const char* part : {"earlier", "steps"}) {
    const auto steps = json->find(part);
    if (steps == json->end() || !steps->is_array()) continue;
    for (const auto& step : *steps)
      if (auto outcome = outcome_from(step)) outcomes.push_back(std::move(*outcome));
  }
  return outcomes;
}

Status save_record(const std::filesystem::path& root, const Release& release, const std::vector<Outcome>& earlier) {
  Json json = to_json(release);
  Json kept = Json::array();
  for (const auto& outcome : earlier)
    if (!outcome.key.empty() && find_answer(release.outcomes, outcome.step.kind, outcome.key) == nullptr)
      kept.push_back(to_json(outcome));
  json["earlier"] = kept;
  const auto text = json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  return write_file(record_path(root, release.digest), text);
}

}  // namespace mlctl::release
