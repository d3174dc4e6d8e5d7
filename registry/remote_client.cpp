#include "registry/remote_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/oci.h"
#include "registry/remote_http.h"
#include "registry/remote_retry.h"

namespace mlctl::registry {
namespace {

constexpr int redirects_limit = 5;
constexpr std::size_t words_limit = 300;  // bytes of the registry's own words in an error
constexpr std::size_t idle_clients = 16;
constexpr int first_tries = 3;  // before the registry has ever answered: a wrong address is more likely than trouble

const char* name_of(int status) {
  switch (status) {
    case 400:
      return " Bad Request";
    case 401:
      return " Unauthorized";
    case 403:
      return " Forbidden";
    case 404:
      return " Not Found";
    case 405:
      return " Method Not Allowed";
    case 413:
      return " Content Too Large";
    case 416:
      return " Range Not Satisfiable";
    case 429:
      return " Too Many Requests";
    case 500:
      return " Internal Server Error";
    case 502:
      return " Bad Gateway";
    case 503:
      return " Service Unavailable";
    case 504:
      return " Gateway Timeout";
    default:
      return "";
  }
}

// {"errors":[{"code":"DENIED","message":"…"}]} (OCI distribution 1.1), in one line; "" for anything else.
std::string own_words(const std::string& body) {
  if (body.empty() || body.front() != '{') return "";
  const auto value = parse_json(body, "answer");
  const auto* errors = value ? oci::member(*value, "errors") : nullptr;
  if (errors == nullptr || !errors->is_array()) return "";
  std::string words;
  for (const auto& one : *errors) {
    const auto code = oci::text(one, "code").value_or("");
    const auto message = oci::text(one, "message").value_or("");
    words += (words.empty() ? "" : "; ") + code + (code.empty() || message.empty() ? "" : ": ") + message;
    if (words.size() > words_limit) break;
  }
  if (words.size() > words_limit) {
    words.resize(words_limit);
    words += "…";
  }
  return escape_control(words);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool may_follow(const RemoteRequest& request, int status) {
  if (!is_redirect(status)) return false;
  if (request.method == "GET" || request.method == "HEAD") return true;
  return (status == 307 || status == 308) && !request.upload;
}

}  // namespace

Result<std::string> RemoteAnswer::location() const {
  return follow(url, header_of(response, "location"));
}

struct RemoteClient::Borrowed {
  explicit Borrowed(RemoteClient& all) : owner(all) {
    const std::lock_guard guard(owner.mutex_);
    if (!owner.free_.empty()) {
      http = std::move(owner.free_.back());
      owner.free_.pop_back();
    }
    if (!http) http = make_http_client({owner.settings_.ca_file, true});
  }
  ~Borrowed() {
    const std::lock_guard guard(owner.mutex_);
    if (owner.free_.size() < idle_clients) owner.free_.push_back(std::move(http));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  RemoteClient& owner;
  std::unique_ptr<HttpClient> http;
};

RemoteClient::RemoteClient(RemoteAddress address, RemoteSettings settings, RemoteAuth::Lookup lookup, Clock& clock)
    : address_(std::move(address)),
      settings_(std::move(settings)),
      clock_(clock),
      origin_(origin(origin_url(address_))),
      auth_(address_, std::move(lookup), clock) {
  if (settings_.overall) deadline_ = clock_.steady() + *settings_.overall;
}

bool is_passing_answer(const Result<RemoteAnswer>& answer) {
  return answer ? is_passing(answer->response.status) : is_passing(answer.error());
}

Result<RemoteAnswer> RemoteClient::send(const RemoteRequest& request) {
  const Borrowed borrowed(*this);
  Backoff backoff(clock_, request.tries, deadline_);
  const auto began = clock_.steady();
  const auto is_long = [&] { return clock_.steady() - began >= std::chrono::seconds(1); };
  for (int tries = 1;; ++tries) {
    auto answer = send_once(*borrowed.http, request);
    if (!answer) {
      const bool last = !reached_ && tries == first_tries;
      if (last || !is_passing(answer.error()) || !request.again || request.upload)
        return answer.error().context(where(request));
      if (is_long()) tell(request, answer.error().message);
      if (!backoff.wait()) return answer.error().context(where(request));
      continue;
    }
    reached_ = true;
    const int status = answer->response.status;
    if (std::find(request.fine.begin(), request.fine.end(), status) != request.fine.end()) {
      silent_ = false;
      return answer;
    }
    const auto asked = retry_after(header_of(answer->response, "retry-after"), clock_.wall());
    if (!is_passing(status) || request.upload) return error_of(request, *answer);
    if (is_long() || asked) tell(request, "answers " + std::to_string(status) + name_of(status));
    if (!backoff.wait(asked)) return error_of(request, *answer);
  }
}

// Once for each time of trouble, however many requests are in it.
void RemoteClient::tell(const RemoteRequest& request, const std::string& why) {
  if (settings_.told && !silent_.exchange(true)) settings_.told(where(request) + ": " + why + "; trying again");
}

Result<RemoteAnswer> RemoteClient::send_once(HttpClient& http, const RemoteRequest& request) {
  std::string url = request.url.substr(0, 1) == "/" ? origin_url(address_) + request.url : request.url;
  for (int redirects = 0;; ++redirects) {
    auto answer = send_to(http, request, url);
    if (!answer) return redirects == 0 ? answer : answer.error().context("redirected");
    if (!may_follow(request, answer->response.status)) return answer;
    if (redirects == redirects_limit)
      return Error{Error::Kind::unavailable, "more than " + std::to_string(redirects_limit) + " redirects",
                   "the last one leads to " + escape_control(origin(url))};
    auto target = answer->location();
    if (!target) return Error{Error::Kind::unavailable, target.error().message, "the registry is set up wrongly"};
    url = std::move(*target);
  }
}

Result<RemoteAnswer> RemoteClient::send_to(HttpClient& http, const RemoteRequest& request, const std::string& url) {
  const bool ours = origin(url) == origin_;
  std::string authorization;
  if (ours) {
    auto header = auth_.header(http, request.scope);
    if (!header) return header.error();
    authorization = std::move(*header);
  }
  auto response = exchange(http, request, url, authorization);
  // The second refusal of a fresh token is the last word: error_of says it.
  for (int renewals = 0; response && response->status == 401 && ours && !request.upload && renewals < 2; ++renewals) {
    auto renewed = auth_.renew(http, request.scope, *response, authorization);
    if (!renewed) return renewed.error();
    if (*renewed == authorization) break;
    authorization = std::move(*renewed);
    response = exchange(http, request, url, authorization);
  }
  if (!response) return response.error();
  return RemoteAnswer{std::move(*response), url};
}

Result<HttpResponse> RemoteClient::exchange(HttpClient& http, const RemoteRequest& request, const std::string& url,
                                            const std::string& authorization) const {
  HttpRequest out;
  out.method = request.method;
  out.url = url;
  out.headers = request.headers;
  if (!authorization.empty()) out.headers.emplace_back("Authorization", authorization);
  out.body_view = request.body;
  out.upload = request.upload;
  out.sink = request.sink;
  out.cancelled = request.cancelled;
  out.body_limit = request.body_limit;
  out.stall = request.stall.value_or(settings_.stall);
  out.limit = request.limit;
  if (!deadline_) return http.send(out);
  const auto left = std::chrono::floor<std::chrono::milliseconds>(*deadline_ - clock_.steady());
  if (left.count() <= 0) return too_late();
  out.limit = std::min(out.limit, left);
  auto response = http.send(out);
  // With less patience for silence than is left, it was silence; and if not, the next try is too late.
  const bool late =
      !response && response.error().kind == Error::Kind::timeout && out.limit == left && out.stall >= left;
  return late ? Result<HttpResponse>(too_late()) : response;
}

// The hint makes it final: nothing is tried again.
Error RemoteClient::too_late() {
  return Error{Error::Kind::timeout, "not done within the time that --timeout allows",
               "run the command again: it goes on where it stopped; or allow more"};
}

std::string RemoteClient::where(const RemoteRequest& request) const {
  return address_.host + (request.repository.empty() ? "" : "/" + request.repository);
}

std::string RemoteClient::hint_of(const RemoteRequest& request, const RemoteAnswer& answer) const {
  const int status = answer.response.status;
  const auto asked = retry_after(header_of(answer.response, "retry-after"), clock_.wall());
  if (is_passing(status) && asked && asked->count() > 0)
    return "it asks not to be asked for " + human_duration(*asked) + ": run the command again then";
  if (is_passing(status)) return "the registry has trouble: run the command again later";
  if (status == 400 && address_.plain_http) return "if it speaks TLS: without `--plain-http`";
  if (status == 405 && request.method != "GET" && request.method != "HEAD")
    return "the registry may be read-only, or a mirror";
  if (status < 400) return "is that the registry's address? What answers does not speak as one";
  return "";
}

Error RemoteClient::error_of(const RemoteRequest& request, const RemoteAnswer& answer) {
  const int status = answer.response.status;
  const auto words = own_words(answer.response.body);
  const std::string at = origin(answer.url) == origin_ ? "" : " from " + escape_control(origin(answer.url));
  Error error{Error::Kind::unavailable,
              where(request) + ": " + request.method + " answered " + std::to_string(status) + name_of(status) + at +
                  (words.empty() ? "" : ": " + words),
              hint_of(request, answer)};
  if (status == 404 && (request.method == "GET" || request.method == "HEAD")) error.kind = Error::Kind::not_found;
  if ((status == 401 || status == 403) && at.empty()) {
    error.kind = Error::Kind::credentials;
    error.message += " (asked " + auth_.who() + ")";
    error.hint = "`mlctl login " + address_.host + "`, as somebody who may do this";
  }
  return error;
}

}  // namespace mlctl::registry
