// HTTP: the seam on which model servers (now), registries and clusters (later) stand. Answers are hostile: header and
// body sizes and times are bounded. No redirects are followed. One adapter (http_curl.cpp) talks to libcurl.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mlctl {

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http:// or https://
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds limit = std::chrono::seconds(30);  // for the whole exchange
  std::uint64_t body_limit = 16U << 20U;  // bytes of the answer; more is Error{unavailable}
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
};

struct HttpClient {
  virtual ~HttpClient() = default;
  // One exchange, blocking. Any HTTP status is a response; Error is for no response: Error{unavailable} (refused,
  // reset, too large), Error{timeout}, Error{interrupted}.
  [[nodiscard]] virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
};
[[nodiscard]] std::unique_ptr<HttpClient> make_http_client();

// Many exchanges at once, for the load generator: nothing blocks but poll().
struct HttpExchange {
  std::uint64_t id = 0;
  Result<HttpResponse> response;
  SteadyTime sent;       // when the request was handed to the connection
  SteadyTime completed;  // when its last byte had arrived
};

class HttpMultiplexer {
 public:
  virtual ~HttpMultiplexer() = default;
  virtual void start(std::uint64_t id, const HttpRequest& request) = 0;
  // Waits until something completed or `until`; returns what completed. Keep-alive connections are reused.
  [[nodiscard]] virtual std::vector<HttpExchange> poll(SteadyTime until) = 0;
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
};
// At most `connections` at once per host; requests beyond wait in order inside (their waiting counts as latency).
[[nodiscard]] std::unique_ptr<HttpMultiplexer> make_http_multiplexer(std::size_t connections);

}  // namespace mlctl
