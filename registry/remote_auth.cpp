#include "registry/remote_auth.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/base64.h"
#include "registry/oci.h"
#include "registry/remote_http.h"
#include "registry/remote_retry.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t token_limit = 64U << 10U;
constexpr std::uint64_t default_life = 60;  // seconds, says the token specification
constexpr int token_tries = 4;

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  void skip(std::string_view characters) {
    text_.remove_prefix(std::min(text_.find_first_not_of(characters), text_.size()));
  }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string token() {
    std::string out;
    while (!text_.empty() && is_token_char(text_.front())) out += next();
    return out;
  }
  std::optional<std::string> value() {
    if (!take('"')) return token();
    std::string out;
    while (!text_.empty()) {
      if (take('"')) return out;
      if (take('\\') && text_.empty()) break;
      out += next();
    }
    return std::nullopt;
  }

 private:
  char next() {
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }
  std::string_view text_;
};

bool holds_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> all;
  Reader reader(header);
  for (;;) {
    reader.skip(" \t,");
    const std::string word = reader.token();
    if (word.empty()) return all;
    reader.skip(" \t");
    if (!reader.take('=')) {
      all.push_back({lower(word), {}});
      continue;
    }
    reader.skip(" \t");
    auto value = reader.value();
    if (all.empty() || !value || all.back().parameters.size() > 20) return all;
    all.back().parameters.emplace(lower(word), std::move(*value));
  }
}

Result<const Credentials*> RemoteAuth::credentials() {
  if (!credentials_) credentials_ = lookup_ ? lookup_() : Credentials{};
  if (!*credentials_) return credentials_->error();
  return &**credentials_;
}

std::string RemoteAuth::who() {
  const std::lock_guard guard(mutex_);
  if (!credentials_ || !*credentials_ || (*credentials_)->empty()) return "without credentials";
  const auto& username = (*credentials_)->username;
  return username.empty() ? "with a token" : "as " + escape_control(username);
}

Error RemoteAuth::refused() const {
  const bool given = credentials_ && *credentials_ && !(*credentials_)->empty();
  return {Error::Kind::credentials,
          given ? "the registry refuses the credentials" : "the registry wants credentials and there are none",
          "`mlctl login " + address_.host + "`"};
}

Result<std::string> RemoteAuth::header(HttpClient& http, const std::string& scope) {
  const std::lock_guard guard(mutex_);
  if (!basic_.empty() || realm_.empty()) return basic_;
  return take_token(http, scope);
}

Result<std::string> RemoteAuth::take_token(HttpClient& http, const std::string& scope) {
  const std::string wanted = scope.empty() ? asked_ : scope;
  auto known = tokens_.find(wanted);
  if (known != tokens_.end() && known->second.expires > clock_.steady()) return "Bearer " + known->second.value;
  auto fresh = fetch(http, wanted);
  if (!fresh) return fresh.error();
  return "Bearer " + (tokens_[wanted] = std::move(*fresh)).value;
}

Result<std::string> RemoteAuth::renew(HttpClient& http, const std::string& scope, const HttpResponse& refusal,
                                      const std::string& sent) {
  const std::lock_guard guard(mutex_);
  auto known = credentials();
  if (!known) return known.error();
  if (!(*known)->registry_token.empty()) {
    basic_ = "Bearer " + (*known)->registry_token;
    return sent == basic_ ? Result<std::string>(refused()) : basic_;
  }
  std::vector<Challenge> all;
  for (const auto& [name, value] : refusal.headers)
    if (name == "www-authenticate")
      for (auto& one : parse_challenges(value)) all.push_back(std::move(one));
  const auto of = [&](std::string_view scheme) {
    return std::find_if(all.begin(), all.end(), [&](const Challenge& one) { return one.scheme == scheme; });
  };
  if (const auto bearer = of("bearer"); bearer != all.end() && !bearer->parameters["realm"].empty()) {
    realm_ = bearer->parameters["realm"];
    service_ = bearer->parameters["service"];
    asked_ = bearer->parameters["scope"];
    const auto token = tokens_.find(scope.empty() ? asked_ : scope);
    // Another thread may have fetched one since.
    if (token != tokens_.end() && "Bearer " + token->second.value == sent) tokens_.erase(token);
    return take_token(http, scope);
  }
  if (of("basic") == all.end())
    return Error{Error::Kind::credentials, "the registry wants credentials of a kind that is not understood",
                 "mlctl knows Basic and Bearer: is that the registry's address?"};
  if ((*known)->password.empty()) return refused();
  basic_ = "Basic " + to_base64((*known)->username + ":" + (*known)->password);
  if (sent == basic_) return refused();
  return basic_;
}

Result<HttpRequest> RemoteAuth::token_request(const std::string& scope, const Credentials& known) const {
  const std::string at = origin(realm_);
  const bool plain = at.rfind("http://", 0) == 0;
  if (at.empty() || holds_control(realm_) || realm_.find_first_of("@ #") != std::string::npos)
    return Error{Error::Kind::unavailable,
                 address_.host + " names a token service that is no URL: " + escape_control(realm_.substr(0, 200)),
                 "the registry, or a proxy before it, is set up wrongly"};
  if (plain && !address_.plain_http)
    return Error{Error::Kind::unavailable, address_.host + " names a token service without TLS: " + escape_control(at),
                 "credentials are not sent there"};
  HttpRequest request;
  request.limit = std::chrono::seconds(60);
  request.body_limit = 1U << 20U;
  std::vector<std::pair<std::string, std::string>> parameters;
  if (!known.identity_token.empty()) {
    request.method = "POST";
    request.url = realm_;
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    parameters = {{"grant_type", "refresh_token"}, {"service", service_}, {"client_id", "mlctl"}, {"scope", scope}};
    parameters.emplace_back("refresh_token", known.identity_token);
    for (const auto& [key, value] : parameters)
      request.body += (request.body.empty() ? "" : "&") + key + "=" + percent_encode(value);
    return request;
  }
  if (!service_.empty()) parameters.emplace_back("service", service_);
  for (std::string_view rest = scope; !rest.empty();) {
    const auto end = std::min(rest.find(' '), rest.size());
    if (end > 0) parameters.emplace_back("scope", rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  request.url = with_query(realm_, parameters);
  if (!known.password.empty()) {
    request.headers.emplace_back("Authorization", "Basic " + to_base64(known.username + ":" + known.password));
  }
  return request;
}

Result<RemoteAuth::Token> RemoteAuth::fetch(HttpClient& http, const std::string& scope) {
  auto known = credentials();
  if (!known) return known.error();
  auto request = token_request(scope, **known);
  if (!request) return request.error();
  const std::string at = "token service " + escape_control(origin(realm_));
  Backoff backoff(clock_, token_tries);
  auto answer = http.send(*request);
  while (!answer ? is_passing(answer.error()) : is_passing(answer->status)) {
    const auto asked = answer ? retry_after(header_of(*answer, "retry-after"), clock_.wall()) : std::nullopt;
    if (!backoff.wait(asked)) break;
    answer = http.send(*request);
  }
  if (!answer) return answer.error();
  if (answer->status == 400 || answer->status == 401 || answer->status == 403) {
    Error error = refused();
    error.message += ": its " + at + " answered " + std::to_string(answer->status);
    return error;
  }
  if (answer->status != 200)
    return Error{Error::Kind::unavailable, at + " answered " + std::to_string(answer->status), ""};
  const SteadyTime now = clock_.steady();
  const auto value = parse_json(answer->body, at);
  std::string token;
  if (value) token = oci::text(*value, "token").value_or("");
  if (value && token.empty()) token = oci::text(*value, "access_token").value_or("");
  if (token.empty() || token.size() > token_limit || holds_control(token))
    return Error{Error::Kind::unavailable, at + " gave no token", ""};
  const std::uint64_t day = 86'400;
  const auto life = std::min(oci::count(*value, "expires_in").value_or(default_life), day);
  // A tenth of its life before its end, so that no request sets out with a token that dies on the way.
  const auto spare = std::max<std::uint64_t>(life / 10, std::min<std::uint64_t>(life / 2, 5));
  return Token{token, now + std::chrono::seconds(life - spare)};
}

}  // namespace mlctl::registry
