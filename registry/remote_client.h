// The one place from which a registry is asked: credentials, redirects, tries again, and errors that say host,
// repository, status and the registry's own words. Redirects are followed here, at most five, to http and https only,
// never from https to http, and no credentials go to another host. Several threads may send at once.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/http.h"
#include "base/result.h"
#include "registry/remote_address.h"
#include "registry/remote_auth.h"

namespace mlctl::registry {

struct RemoteSettings {
  std::string ca_file;                                         // as HttpSettings has it
  std::filesystem::path docker_config;                         // where credentials are; empty: nowhere
  std::filesystem::path cache;                                 // a folder for what may be forgotten; empty: none
  std::chrono::milliseconds stall = std::chrono::seconds(60);  // how long the other side may be silent
  std::optional<std::chrono::milliseconds> overall;            // how long all requests together may take
  std::function<void(const std::string&)> told;                // why somebody waits; from any thread
};

struct RemoteRequest {
  std::string method = "GET";
  std::string url;         // absolute, or a path at the registry: "/v2/…"
  std::string repository;  // for messages; "" where there is none
  std::string scope;       // as RemoteAuth has it
  std::vector<int> fine;   // the statuses that are answers; others are errors
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;
  std::optional<HttpUpload> upload;
  HttpSink sink;
  const std::atomic<bool>* cancelled = nullptr;
  std::uint64_t body_limit = 8U << 20U;
  std::optional<std::chrono::milliseconds> stall;  // another than the settings', where a registry has much to do
  std::chrono::milliseconds limit = std::chrono::minutes(30);
  int tries = 6;      // 1: what passes (429, 5xx, a broken connection) is the caller's to try again
  bool again = true;  // false: a connection that broke is the caller's, because the sink or the server has a part
};
struct RemoteAnswer {
  HttpResponse response;
  std::string url;  // that answered
  // Where its Location leads; Error{unavailable} when nowhere.
  [[nodiscard]] Result<std::string> location() const;
};

class RemoteClient {
 public:
  RemoteClient(RemoteAddress address, RemoteSettings settings, RemoteAuth::Lookup lookup, Clock& clock);

  [[nodiscard]] Result<RemoteAnswer> send(const RemoteRequest& request);
  // 401 and 403: Error{credentials}; 404: Error{not_found}; everything else: Error{unavailable}.
  [[nodiscard]] Error error_of(const RemoteRequest& request, const RemoteAnswer& answer);

  [[nodiscard]] const RemoteAddress& address() const { return address_; }
  [[nodiscard]] const RemoteSettings& settings() const { return settings_; }
  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] std::optional<SteadyTime> deadline() const { return deadline_; }

 private:
  struct Borrowed;
  Result<RemoteAnswer> send_once(HttpClient& http, const RemoteRequest& request);
  Result<RemoteAnswer> send_to(HttpClient& http, const RemoteRequest& request, const std::string& url);
  Result<HttpResponse> exchange(HttpClient& http, const RemoteRequest& request, const std::string& url,
                                const std::string& authorization) const;
  [[nodiscard]] static Error too_late();
  [[nodiscard]] std::string where(const RemoteRequest& request) const;
  void tell(const RemoteRequest& request, const std::string& why);
  [[nodiscard]] std::string hint_of(const RemoteRequest& request, const RemoteAnswer& answer) const;

  RemoteAddress address_;
  RemoteSettings settings_;
  Clock& clock_;
  std::atomic<bool> reached_{false};    // it has ever answered
  std::atomic<bool> silent_{false};     // that it does not was told
  std::optional<SteadyTime> deadline_;  // of everything; a request after it is Error{timeout}
  std::string origin_;
  RemoteAuth auth_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> free_;
};

// Whether an error is worth sending the same bytes again, from a caller that keeps them.
[[nodiscard]] bool is_passing_answer(const Result<RemoteAnswer>& answer);

}  // namespace mlctl::registry
