#include "deploy/cluster/credentials.h"

#include <nlohmann/json.hpp>

#include "base/document.h"
#include "base/filesystem.h"
#include "base/terminal.h"
#include "registry/base64.h"
#include "registry/helper_environment.h"

namespace mlctl::deploy {
namespace {

constexpr std::chrono::seconds plugin_limit{60};
constexpr std::chrono::seconds early{10};      // before it expires a token counts as expired
constexpr std::chrono::minutes token_life{1};  // after which a token's file is read again
constexpr std::uint64_t token_limit = 1U << 20U;
constexpr std::size_t answer_limit = 1U << 20U;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string text_of(const nlohmann::json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : "";
}

Error refuse(const std::string& message, const std::string& hint = "") {
  return {Error::Kind::credentials, message, hint};
}

}  // namespace

Credentials::Credentials(ClusterAccess access, Clock& clock, Run run)
    : access_(std::move(access)), clock_(clock), run_(std::move(run)) {}

Result<Identity> Credentials::current() {
  const bool stale = !identity_ || (good_until_ && clock_.steady() >= *good_until_);
  if (stale)
    if (auto renewed = renew(); !renewed) return renewed.error();
  return *identity_;
}

bool Credentials::refused() {
  identity_.reset();
  return access_.exec.has_value() || !access_.token_file.empty();
}

Status Credentials::renew() {
  Identity identity{access_.impersonation, access_.client_certificate, access_.client_key};
  good_until_.reset();
  if (!access_.token.empty()) identity.headers.emplace_back("Authorization", "Bearer " + access_.token);
  if (!access_.user.empty())
    identity.headers.emplace_back("Authorization",
                                  "Basic " + registry::to_base64(access_.user + ":" + access_.password));
  identity_ = std::move(identity);
  Status done = ok();
  if (!access_.token_file.empty()) done = read_token();
  if (access_.exec) done = run_plugin();
  if (!done) identity_.reset();
  return done;
}

Status Credentials::read_token() {
  auto token = read_file(access_.token_file, token_limit);
  if (!token) return refuse("context " + access_.context + ": " + token.error().message);
  std::erase_if(identity_->headers, [](const auto& header) { return header.first == "Authorization"; });
  identity_->headers.emplace_back("Authorization", "Bearer " + trimmed(*token));
  good_until_ = clock_.steady() + token_life;
  return ok();
}

Status Credentials::run_plugin() {
  const ExecPlugin& plugin = *access_.exec;
  ProcessSpec spec;
  spec.command.push_back(plugin.command);
  spec.command.insert(spec.command.end(), plugin.arguments.begin(), plugin.arguments.end());
  spec.environment = registry::helper_environment();
  for (const auto& [name, value] : plugin.environment) spec.environment.insert_or_assign(name, value);
  spec.environment["KUBERNETES_EXEC_INFO"] = exec_info(access_);
  spec.output_limit = answer_limit;
  spec.drop_errors = true;  // they may hold anything
  const auto where = "context " + access_.context + ": " + plugin.command;
  auto result = run_(spec, plugin_limit);
  if (!result && result.error().kind == Error::Kind::interrupted) return result.error();
  if (!result) return refuse(where + ": " + result.error().message, plugin.install_hint);
  if (result->exit_code != 0)
    return refuse(where + " gave no credentials: exit code " + std::to_string(result->exit_code),
                  "what its `exec:` in the kubeconfig runs says why, typed by hand");
  auto answer = parse_exec_answer(result->output, plugin.api_version);
  if (!answer) return answer.error().context(where);
  if (!answer->token.empty()) identity_->headers.emplace_back("Authorization", "Bearer " + answer->token);
  identity_->client_certificate = std::move(answer->client_certificate);
  identity_->client_key = std::move(answer->client_key);
  if (answer->expires) good_until_ = clock_.steady() + (*answer->expires - clock_.wall()) - early;
  return ok();
}

std::string exec_info(const ClusterAccess& access) {
  nlohmann::ordered_json spec = {{"interactive", false}};
  if (access.exec->provide_cluster_info) {
    nlohmann::ordered_json cluster = {{"server", access.server}};
    if (!access.tls_server_name.empty()) cluster["tls-server-name"] = access.tls_server_name;
    if (access.insecure) cluster["insecure-skip-tls-verify"] = true;
    if (!access.ca_pem.empty()) cluster["certificate-authority-data"] = registry::to_base64(access.ca_pem);
    if (!access.proxy.empty()) cluster["proxy-url"] = access.proxy;
    spec["cluster"] = cluster;
  }
  const nlohmann::ordered_json info = {
      {"apiVersion", access.exec->api_version}, {"kind", "ExecCredential"}, {"spec", spec}};
  return info.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<ExecAnswer> parse_exec_answer(const std::string& text, const std::string& api_version) {
  // A parser's message may show a part of what it read: none of it is repeated.
  const auto value = parse_json(text, "its answer");
  if (!value || !value->is_object()) return refuse("its answer is not an ExecCredential");
  if (text_of(*value, "kind") != "ExecCredential" || text_of(*value, "apiVersion") != api_version)
    return refuse("its answer is not an ExecCredential of " + api_version);
  const auto status = value->find("status");
  if (status == value->end() || !status->is_object()) return refuse("its answer has no status");
  ExecAnswer answer{text_of(*status, "token"), text_of(*status, "clientCertificateData"),
                    text_of(*status, "clientKeyData"), std::nullopt};
  if (answer.client_certificate.empty() != answer.client_key.empty())
    return refuse("its answer has a certificate without a key, or a key without a certificate");
  if (answer.token.empty() && answer.client_certificate.empty())
    return refuse("its answer holds neither a token nor a certificate");
  if (const auto expires = text_of(*status, "expirationTimestamp"); !expires.empty()) {
    auto time = parse_rfc3339(expires);
    if (!time) return refuse("its answer: expirationTimestamp is not a time");
    answer.expires = *time;
  }
  return answer;
}

}  // namespace mlctl::deploy
