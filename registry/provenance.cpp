#include "registry/provenance.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "registry/oci.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* build_type = "https://mlctl.dev/push/v1";
constexpr const char* dirty_annotation = "dirty";
constexpr std::size_t inputs_limit = 32;

// As SLSA writes repositories: git+https://…, git+ssh://…; a path on this machine stays a path.
std::string source_uri(std::string_view repository) {
  auto url = without_login(repository);
  if (url.find("://") != std::string::npos) return "git+" + url;
  const auto colon = url.find(':');
  if (colon == std::string::npos || url.find('/') < colon) return url;
  return "git+ssh://" + url.substr(0, colon) + "/" + url.substr(colon + 1);
}

ordered_json to_json(const Resource& resource) {
  ordered_json made;
  if (!resource.name.empty()) made["name"] = resource.name;
  if (!resource.uri.empty()) made["uri"] = resource.uri;
  if (resource.digest) made["digest"] = {{"sha256", resource.digest->hex()}};
  return made;
}

ordered_json source_json(const Provenance& provenance) {
  ordered_json source;
  if (!provenance.repository.empty()) source["uri"] = source_uri(provenance.repository);
  source["digest"] = {{"gitCommit", provenance.commit}};
  if (provenance.dirty) source["annotations"] = {{dirty_annotation, true}};
  return source;
}

// "NAME", "URL", either with "@sha256:HEX".
Resource named_resource(std::string text) {
  Resource resource;
  if (const auto at = text.rfind('@'); at != std::string::npos)
    if (auto digest = parse_digest(text.substr(at + 1))) {
      resource.digest = *digest;
      text.resize(at);
    }
  (text.find("://") == std::string::npos ? resource.name : resource.uri) = without_login(text);
  return resource;
}

void add_base(const json& value, std::vector<Resource>& found) {
  if (found.size() >= inputs_limit) return;
  if (const auto* text = value.get_ptr<const std::string*>()) {
    if (!text->empty()) found.push_back(named_resource(*text));
  } else if (value.is_object()) {
    Resource resource{oci::text(value, "name").value_or(""), without_login(oci::text(value, "uri").value_or("")), {}};
    if (auto digest = parse_digest(oci::text(value, "digest").value_or(""))) resource.digest = *digest;
    if (!resource.name.empty() || !resource.uri.empty()) found.push_back(std::move(resource));
  }
}

const json* inside(const json& value, std::initializer_list<const char*> keys) {
  const json* at = &value;
  for (const char* key : keys) {
    at = oci::member(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

}  // namespace

Builder builder_of(const std::function<std::string(const char*)>& variable) {
  const auto server = variable("GITHUB_SERVER_URL"), repository = variable("GITHUB_REPOSITORY"),
             run = variable("GITHUB_RUN_ID"), workflow = variable("GITHUB_WORKFLOW_REF"),
             attempt = variable("GITHUB_RUN_ATTEMPT");
  if (!server.empty() && !repository.empty() && !run.empty())
    return {without_login(server + "/" + (workflow.empty() ? repository : workflow)),
            without_login(server + "/" + repository + "/actions/runs/" + run +
                          (attempt.empty() ? "" : "/attempts/" + attempt))};
  const auto project = variable("CI_PROJECT_URL"), job = variable("CI_JOB_URL"), file = variable("CI_CONFIG_PATH"),
             tag = variable("CI_COMMIT_TAG"), branch = variable("CI_COMMIT_BRANCH");
  if (!project.empty() && !job.empty()) {
    const auto ref = !tag.empty() ? "@refs/tags/" + tag : !branch.empty() ? "@refs/heads/" + branch : "";
    return {without_login(project) + "//" + (file.empty() ? ".gitlab-ci.yml" : file) + ref, without_login(job)};
  }
  return {std::string(local_builder), without_login(job)};
}

ordered_json provenance_predicate(const Provenance& provenance) {
  ordered_json dependencies = ordered_json::array();
  if (!provenance.commit.empty()) dependencies.push_back(source_json(provenance));
  for (const auto& input : provenance.inputs) dependencies.push_back(to_json(input));
  ordered_json definition;
  definition["buildType"] = build_type;
  definition["externalParameters"] = {{"version", provenance.version}};
  definition["internalParameters"] = ordered_json::object();
  definition["resolvedDependencies"] = std::move(dependencies);
  ordered_json details;
  details["builder"] = {{"id", provenance.builder.id}, {"version", {{"mlctl", MLCTL_VERSION}}}};
  ordered_json metadata = ordered_json::object();
  if (!provenance.builder.invocation.empty()) metadata["invocationId"] = provenance.builder.invocation;
  if (!provenance.started.empty()) metadata["startedOn"] = provenance.started;
  if (!provenance.finished.empty()) metadata["finishedOn"] = provenance.finished;
  if (!metadata.empty()) details["metadata"] = std::move(metadata);
  return {{"buildDefinition", std::move(definition)}, {"runDetails", std::move(details)}};
}

bool same_build(const json& one, const json& other) {
  const auto *definition = inside(one, {"buildDefinition"}), *builder = inside(one, {"runDetails", "builder", "id"});
  const auto *other_definition = inside(other, {"buildDefinition"}),
             *other_builder = inside(other, {"runDetails", "builder", "id"});
  return definition != nullptr && other_definition != nullptr && *definition == *other_definition &&
         builder != nullptr && other_builder != nullptr && *builder == *other_builder;
}

std::optional<BuildSource> source_in(const json& statement) {
  const auto* dependencies = inside(statement, {"predicate", "buildDefinition", "resolvedDependencies"});
  if (dependencies == nullptr || !dependencies->is_array()) return std::nullopt;
  for (const auto& one : *dependencies)
    if (const auto* commit = inside(one, {"digest", "gitCommit"}); commit != nullptr && commit->is_string()) {
      const auto* dirty = inside(one, {"annotations", dirty_annotation});
      return BuildSource{commit->get<std::string>(), dirty != nullptr && *dirty == json(true)};
    }
  return std::nullopt;
}

std::vector<Resource> base_models(const json& metadata) {
  std::vector<Resource> found;
  for (const char* key : {"baseModel", "base_model"}) {
    const auto* base = oci::member(metadata, key);
    if (base == nullptr) continue;
    if (base->is_array())
      for (const auto& one : *base) add_base(one, found);
    else
      add_base(*base, found);
  }
  return found;
}

std::string without_login(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) {
    // git@host:path names no secret; anything with a colon before the @ might.
    const auto at = url.find('@'), colon = url.find(':');
    return std::string(at != std::string_view::npos && colon < at ? url.substr(at + 1) : url);
  }
  const auto begin = scheme + 3;
  const auto end = std::min(url.find_first_of("/?#", begin), url.size());
  std::string_view authority = url.substr(begin, end - begin);
  const auto at = authority.rfind('@');
  std::string user;
  if (at != std::string_view::npos) {
    const bool ssh = url.substr(0, scheme).find("ssh") != std::string_view::npos;
    if (ssh) user = std::string(authority.substr(0, std::min(authority.find(':'), at))) + "@";
    authority = authority.substr(at + 1);
  }
  const auto rest = url.substr(end);
  return std::string(url.substr(0, begin)) + user + std::string(authority) +
         std::string(rest.substr(0, rest.find_first_of("?#")));
}

}  // namespace mlctl::registry
