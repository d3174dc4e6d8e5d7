// HTTP: the seam on which model servers (now), registries and clusters (later) stand. Answers are hostile: header and
// body sizes and times are bounded. No redirects are followed, no encodings undone. A proxy from the environment is
// used, but never for loopback. One adapter (http_curl.cpp) talks to libcurl. Objects belong to one thread at a time.
#pragma once
#include <chrono>
#include <cstddef>
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
  std::chrono::milliseconds limit = std::chrono::seconds(30);  // for the whole exchange, waiting for a connection too
  std::uint64_t body_limit = 16U << 20U;                       // bytes of the answer; more is Error{unavailable}
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
};

struct HttpClient {
  virtual ~HttpClient() = default;
  // One exchange, blocking. Any HTTP status is a response; Error is for no response: Error{unavailable} (refused,
  // reset, truncated, not HTTP, too large), Error{timeout}, Error{interrupted}, Error{usage} (URL, method, header).
  [[nodiscard]] virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
};
[[nodiscard]] std::unique_ptr<HttpClient> make_http_client();

// Many exchanges at once, for the load generator: nothing blocks but poll().
struct HttpExchange {
  std::uint64_t id = 0;
  Result<HttpResponse> response;
  SteadyTime sent;       // when the request was handed to its open connection; when it was tried, if none opened
  SteadyTime completed;  // when its last byte had been read, or it failed
};

class HttpMultiplexer {
 public:
  virtual ~HttpMultiplexer() = default;
  // Sends at once when a connection is open and free. The request is shared, never copied: render it once, start it
  // often. What cannot be sent completes with its Error in the next poll().
  virtual void start(std::uint64_t id, std::shared_ptr<const HttpRequest> request) = 0;
  // Waits until something completed or `until` (to about 0.1 ms); returns what completed; early and empty when the
  // process is interrupted. Keep-alive connections are reused.
  [[nodiscard]] virtual std::vector<HttpExchange> poll(SteadyTime until) = 0;
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
};
// At most `connections` at once per host; requests beyond wait in order inside (their waiting counts as latency).
[[nodiscard]] std::unique_ptr<HttpMultiplexer> make_http_multiplexer(std::size_t connections);

}  // namespace mlctl
