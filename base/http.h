// HTTP: the seam on which model servers, registries and (later) clusters stand. Answers are hostile: header and body
// sizes and times are bounded. No redirects are followed, no encodings undone. A proxy from the environment is used,
// but never for loopback. Certificates are checked unless somebody says not to. One adapter (http_curl*.cpp) talks to
// libcurl. Objects belong to one thread at a time.
#pragma once
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mlctl {

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
};
// The first header of that name (in lower case), or "".
[[nodiscard]] std::string_view header_of(const HttpResponse& response, std::string_view name);

// A body that is produced while it is sent; a server that asks for it twice gets Error{unavailable}.
struct HttpUpload {
  std::optional<std::uint64_t> size;                                      // bytes; unknown: sent in HTTP's own chunks
  std::function<Result<std::size_t>(char* into, std::size_t size)> read;  // 0 at the end; its Error ends the exchange
};
// Takes an answer's body while it comes; status and headers are there. Its Error ends the exchange.
using HttpSink = std::function<Status(const HttpResponse& so_far, std::string_view bytes)>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http:// or https://
  std::vector<std::pair<std::string, std::string>> headers;
  // At most one of the three. The bytes of `body_view` are the caller's, who keeps them until the exchange is over.
  std::string body;
  std::string_view body_view;
  std::optional<HttpUpload> upload;
  std::chrono::milliseconds limit = std::chrono::seconds(30);  // for the whole exchange, waiting for a connection too
  std::chrono::milliseconds stall{0};     // no byte either way for so long is Error{timeout}; whole seconds, 0: never
  std::uint64_t body_limit = 16U << 20U;  // bytes of the answer that are kept; more is Error{unavailable}
  HttpSink sink;                          // for the body of a 2xx answer; others stand in HttpResponse::body as always
  const std::atomic<bool>* cancelled = nullptr;  // turning true ends send() within 0.1 s: Error{interrupted}
};

struct HttpSettings {
  std::string ca_file;  // PEM; certificates that are trusted instead of the system's; "": those
  bool http2 = false;   // over TLS, where the server offers it: then one connection carries many exchanges
  std::string ca_pem;   // as ca_file, its content
  std::string client_certificate, client_key;  // PEM; who we are; "": nobody says
  std::string server_name;                     // that the certificate must have; "": the one of the URL
  bool insecure = false;                       // the server's certificate is not looked at
  std::string proxy;                           // instead of the environment's, for loopback too; "": as said above
};

struct HttpClient {
  virtual ~HttpClient() = default;
  // One exchange, blocking. Any HTTP status is a response; Error is for no response: Error{unavailable} (refused,
  // reset, truncated, not HTTP, too large), Error{timeout}, Error{interrupted}, Error{usage} (URL, method, header).
  [[nodiscard]] virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
};
[[nodiscard]] std::unique_ptr<HttpClient> make_http_client(const HttpSettings& settings = {});

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
  // Waits until something completed or `until` (to about 0.1 ms); returns what completed; early and empty when a sink
  // was given bytes, or the process is interrupted. Keep-alive connections are reused.
  [[nodiscard]] virtual std::vector<HttpExchange> poll(SteadyTime until) = 0;
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
};
// At most `exchanges` at once per host (as many connections, but for HTTP/2); requests beyond wait in order inside
// (their waiting counts as latency).
[[nodiscard]] std::unique_ptr<HttpMultiplexer> make_http_multiplexer(std::size_t exchanges);
[[nodiscard]] std::unique_ptr<HttpMultiplexer> make_http_multiplexer_with(const HttpSettings& settings,
                                                                          std::size_t exchanges);

}  // namespace mlctl
