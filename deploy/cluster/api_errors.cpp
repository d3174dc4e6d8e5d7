// What a Kubernetes Status says, in words for people. Source: apimachinery pkg/api/errors, meta/v1 Status.
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "base/terminal.h"
#include "deploy/cluster/api.h"

namespace mlctl::deploy {
namespace {

constexpr std::size_t words_limit = 2000;  // bytes of the server's own words
constexpr std::size_t causes_limit = 10;

struct Cause {
  std::string reason, field, message;
};
struct ApiStatus {
  std::string reason, message;
  std::string group, kind;  // of details: "apps", "deployments"
  std::vector<Cause> causes;
};

std::string text_of(const nlohmann::json& value, const char* key) {
  const auto found = value.find(key);
  if (found == value.end() || !found->is_string()) return "";
  auto text = found->get<std::string>();
  if (text.size() > words_limit) text = text.substr(0, words_limit) + "…";
  return text;
}

ApiStatus parse_status(const ApiAnswer& answer) {
  ApiStatus status;
  const auto value = parse_json(answer.body.substr(0, 1U << 20U), "answer");
  if (!value || !value->is_object() || text_of(*value, "kind") != "Status") {
    status.message = "status " + std::to_string(answer.status);
    return status;
  }
  status.reason = text_of(*value, "reason");
  status.message = text_of(*value, "message");
  const auto details = value->find("details");
  if (details == value->end() || !details->is_object()) return status;
  status.group = text_of(*details, "group");
  status.kind = text_of(*details, "kind");
  const auto causes = details->find("causes");
  if (causes == details->end() || !causes->is_array()) return status;
  for (const auto& cause : *causes) {
    if (!cause.is_object() || status.causes.size() == causes_limit) break;
    status.causes.push_back({text_of(cause, "reason"), text_of(cause, "field"), text_of(cause, "message")});
  }
  return status;
}

bool has_cause(const ApiStatus& status, const std::string& reason) {
  for (const auto& cause : status.causes)
    if (cause.reason == reason) return true;
  return false;
}

// The owner stands in quotes in the cause's message: conflict with "kubectl-edit" using apps/v1.
std::string owner_of(const std::string& message) {
  const auto begin = message.find('"');
  const auto end = message.find('"', begin == std::string::npos ? begin : begin + 1);
  return end == std::string::npos ? "somebody else" : message.substr(begin + 1, end - begin - 1);
}

std::vector<FieldOwner> owners_of(const ApiStatus& status) {
  std::vector<FieldOwner> out;
  for (const auto& cause : status.causes)
    if (cause.reason == "FieldManagerConflict")
      out.push_back({cause.field.empty() ? "?" : cause.field, owner_of(cause.message)});
  return out;
}

Error conflict_of(const ApiStatus& status, const std::string& where) {
  const auto owners = owners_of(status);
  if (owners.empty())
    return {Error::Kind::conflict, where + ": changed by somebody else meanwhile", "run the command again"};
  std::string message = where + ": fields that others own:";
  for (const auto& [field, owner] : owners) message += "\n  " + escape_control(field) + " of " + escape_control(owner);
  return {Error::Kind::conflict, message, "`--force-conflicts` takes them over, if they are to be mlctl's"};
}

// 'User "x" cannot get resource "pods/proxy" in …': the details know no subresource.
std::string resource_in(const std::string& message, const std::string& otherwise) {
  constexpr std::string_view before = " resource \"";
  const auto begin = message.find(before);
  if (begin == std::string::npos) return otherwise;
  const auto end = message.find('"', begin + before.size());
  return end == std::string::npos ? otherwise : message.substr(begin + before.size(), end - begin - before.size());
}

// What RBAC needs for the request, as a person writes it into a Role.
std::string rule_of(const ApiRequest& request, const ApiStatus& status) {
  const auto resource = resource_in(status.message, status.kind);
  const std::string verbs = request.method == "PATCH"                 ? "[create, patch]"
                            : request.method == "DELETE"              ? "[delete]"
                            : request.method == "POST"                ? "[create]"
                            : request.method == "PUT"                 ? "[update]"
                            : resource.find('/') != std::string::npos ? "[get]"
                                                                      : "[get, list, watch]";
  return "{apiGroups: [\"" + status.group + "\"], resources: [" + resource + "], verbs: " + verbs + "}";
}

Error forbidden(const ApiStatus& status, const ApiRequest& request, const std::string& where) {
  const auto& message = status.message;
  const std::string said = where + ": " + escape_control(message);
  if (has_cause(status, "NamespaceTerminating"))
    return {Error::Kind::denied, where + ": its namespace is being deleted",
            "wait until it is gone, then run the command again"};
  if (message.find("exceeded quota") != std::string::npos)
    return {Error::Kind::denied, said, "raise the quota of the tenant, or ask for less"};
  // 'User "x" cannot patch resource "deployments" in API group "apps" in the namespace "y"'
  if (message.find(" cannot ") != std::string::npos && message.find(" resource \"") != std::string::npos)
    return {Error::Kind::credentials, said,
            "a Role or ClusterRole that allows it has the rule " + escape_control(rule_of(request, status))};
  return {Error::Kind::denied, said, "the cluster's admission says no"};
}

// A webhook says `admission webhook "w" denied the request: …`, a policy `ValidatingAdmissionPolicy 'p' … denied
// request`.
bool is_admission(const ApiStatus& status) {
  const auto& message = status.message;
  return message.find("denied the request") != std::string::npos ||
         (message.find("ValidatingAdmissionPolicy") != std::string::npos &&
          message.find("denied request") != std::string::npos);
}

Error invalid(const ApiStatus& status, const std::string& where) {
  std::string message = where + ": " + escape_control(status.message);
  for (const auto& cause : status.causes)
    if (status.message.find(cause.message) == std::string::npos)
      message += "\n  " + escape_control(cause.field) + ": " + escape_control(cause.message);
  return {Error::Kind::usage, message, "the cluster does not take the object as it is rendered"};
}

// By the API server, by etcd, or on the way between the two (which the server answers with 500).
bool is_too_large(const ApiAnswer& answer, const ApiStatus& status) {
  if (answer.status == 413) return true;
  for (const char* words : {"etcdserver: request is too large", "trying to send message larger than max"})
    if (answer.status >= 400 && status.message.find(words) != std::string::npos) return true;
  return false;
}

Error missing(const ApiStatus& status, const std::string& where) {
  // For a kind that the server does not know there is no reason and no name: "the server could not find the …".
  if (status.message.find("could not find the requested resource") != std::string::npos ||
      status.message.starts_with("status 404"))
    return {Error::Kind::not_found, where + ": the cluster does not know this kind",
            "its CustomResourceDefinition is not installed there"};
  return {Error::Kind::not_found, where + ": " + escape_control(status.message), ""};
}

}  // namespace

bool is_fine(const ApiAnswer& answer) {
  return answer.status >= 200 && answer.status < 300;
}

std::vector<FieldOwner> conflicts_of(const ApiAnswer& answer) {
  return answer.status == 409 ? owners_of(parse_status(answer)) : std::vector<FieldOwner>();
}

Result<ApiAnswer> send_one(Cluster& cluster, const ApiRequest& request) {
  auto answers = cluster.send({request}, {});
  if (!answers.front()) return answers.front();
  if (!is_fine(*answers.front())) return error_of(cluster, request, *answers.front());
  return answers.front();
}

Error error_of(const Cluster& cluster, const ApiRequest& request, const ApiAnswer& answer) {
  const auto status = parse_status(answer);
  const std::string where = request.about.empty() ? request.path : request.about;
  if (is_too_large(answer, status)) return {Error::Kind::usage, where + ": larger than the cluster takes", ""};
  switch (answer.status) {
    case 401:
      return {Error::Kind::credentials, "context " + cluster.context() + ": the cluster does not know who asks",
              "the token or the certificate may have expired: log in again, then `kubectl --context " +
                  shell_word(cluster.context()) + " auth whoami` shows who you are"};
    case 403:
      return forbidden(status, request, where);
    case 404:
      return missing(status, where);
    case 409:
      return conflict_of(status, where);
    case 410:
      return {Error::Kind::unavailable, where + ": what was read is too old for the server", "run the command again"};
    case 400:
    case 422:
      if (is_admission(status))
        return {Error::Kind::denied, where + ": " + escape_control(status.message), "the cluster's admission says no"};
      return invalid(status, where);
    default:
      return {Error::Kind::unavailable,
              where + ": the server answers " + std::to_string(answer.status) + ": " + escape_control(status.message),
              "run the command again later"};
  }
}

}  // namespace mlctl::deploy
