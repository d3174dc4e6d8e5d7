#include "deploy/cluster/dry_run.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "deploy/cluster/compare.h"
#include "deploy/cluster/state.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

Result<std::vector<FieldChange>> fields_of(const ObjectKey& key, const Json& live, const std::string& body) {
  const Json then = Json::parse(body, nullptr, false);
  if (!then.is_object())
    return Error{Error::Kind::unavailable, to_string(key) + ": the server answers with no object", ""};
  return field_changes(without_bookkeeping(live), without_bookkeeping(then));
}

}  // namespace

ApiRequest apply_request(const Resource& resource, const Json& object, const ApplyOptions& options) {
  const auto key = key_of(object);
  ApiRequest request{.method = "PATCH", .path = path_of(resource, key)};
  request.query = {{"fieldManager", field_manager}, {"fieldValidation", "Strict"}};
  if (options.force) request.query.emplace_back("force", "true");
  if (options.dry_run) request.query.emplace_back("dryRun", "All");
  request.body = to_json_text(object);
  request.content_type = "application/apply-patch+yaml";
  request.about = to_string(key);
  return request;
}

ApiRequest removal_request(const Resource& resource, const ObjectKey& key, const Read& read) {
  Json how = {{"apiVersion", "v1"},
              {"kind", "DeleteOptions"},
              {"propagationPolicy", "Background"},
              {"preconditions", {{"uid", read.uid}}}};
  if (!read.resource_version.empty()) how["preconditions"]["resourceVersion"] = read.resource_version;
  return {.method = "DELETE",
          .path = path_of(resource, key),
          .body = how.dump(-1, ' ', false, Json::error_handler_t::replace),
          .content_type = "application/json",
          .about = to_string(key)};
}

Result<std::vector<DryRun>> dry_run(Cluster& cluster, const std::vector<Doubt>& doubts, bool force) {
  std::vector<ApiRequest> requests;
  for (const auto& doubt : doubts)
    requests.push_back(apply_request(doubt.resource, *doubt.desired, {.dry_run = true, .force = force}));
  auto answers = cluster.send(requests, {});
  std::vector<DryRun> out(doubts.size());
  // Where others own fields: what forcing would change.
  std::vector<ApiRequest> forced;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) return answers[i].error();
    out[i].conflicts = conflicts_of(*answers[i]);
    if (out[i].conflicts.empty()) continue;
    forced.push_back(apply_request(doubts[i].resource, *doubts[i].desired, {.dry_run = true, .force = true}));
    places.push_back(i);
  }
  auto again = cluster.send(forced, {});
  for (std::size_t i = 0; i < again.size(); ++i) answers[places[i]] = std::move(again[i]);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) return answers[i].error();
    if (!is_fine(*answers[i])) return error_of(cluster, requests[i], *answers[i]);
    auto fields = fields_of(key_of(*doubts[i].desired), *doubts[i].live, answers[i]->body);
    if (!fields) return fields.error();
    out[i].fields = std::move(*fields);
  }
  return out;
}

}  // namespace mlctl::deploy
