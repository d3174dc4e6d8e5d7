// The seam to a Kubernetes API server: requests in, answers out, many at once. What is above it (discovery, lists,
// apply, waiting) is tested without a server; http_cluster.cpp is the real one.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "deploy/changes.h"

namespace mlctl::deploy {

struct ApiRequest {
  std::string method = "GET";
  std::string path;  // "/apis/apps/v1/namespaces/fraud/deployments", percent-encoded
  std::vector<std::pair<std::string, std::string>> query;
  std::string body;
  std::string content_type;  // of the body
  std::string accept = "application/json";
  std::string about;         // "Deployment fraud/credit-risk", "list of Deployments": for messages
  bool again = true;         // may be sent a second time when nobody knows whether it arrived
  bool as_it_comes = false;  // the answer is somebody's behind the server: no status makes it be asked again
  std::chrono::milliseconds patience{};  // for the answer, which is not waited for twice; 0: what the server itself has
  std::uint64_t limit = 0;  // bytes of the answer, where it is not the server's own; 0: what a list may have
};

struct ApiAnswer {
  int status = 0;
  std::string body;
  std::vector<std::string> warnings;  // of the server, for people (RFC 7234, code 299)
  std::optional<WallTime> date = {};  // by the server's clock
};

// A piece of an answer that goes on (a watch).
struct StreamPart {
  std::uint64_t stream = 0;
  std::string bytes;                     // that came since the last part
  std::optional<Result<ApiAnswer>> end;  // there is no more: 2xx where the server closed it, its body was in the parts
};

struct Cluster {
  virtual ~Cluster() = default;
  [[nodiscard]] virtual const std::string& context() const = 0;
  // The answers in the order of the requests. Every HTTP status is an answer; what passes (429, 5xx with Retry-After, a
  // broken connection where `again` allows) was tried again before. Error{unavailable}, {timeout}, {credentials},
  // {interrupted}: there is no answer. `done` hears how many have been answered.
  [[nodiscard]] virtual std::vector<Result<ApiAnswer>> send(const std::vector<ApiRequest>& requests,
                                                            const std::function<void(std::size_t)>& done) = 0;

  // A GET whose answer goes on for minutes, beside others; nothing is tried again but a 401, once, with what renewed
  // credentials say. nullopt: this cluster has no streams.
  [[nodiscard]] virtual std::optional<std::uint64_t> open_stream(const ApiRequest&) { return std::nullopt; }
  // What came on any of them; waits until something did, or `until`; early and empty when the process is interrupted.
  [[nodiscard]] virtual std::vector<StreamPart> listen(SteadyTime) { return {}; }
  // Nothing of it is heard any more.
  virtual void close_stream(std::uint64_t) {}
  // From another thread: nobody wants the answers any more. `send` ends within a moment, now and ever after, with
  // Error{interrupted}.
  virtual void give_up() {}
};
[[nodiscard]] Result<ApiAnswer> send_one(Cluster& cluster, const ApiRequest& request);

// What an answer other than 2xx means for people, from its Status (meta/v1): Error{credentials}: 401, and 403 by RBAC
// with the rule that is missing; Error{denied}: quota, admission, a webhook's no; Error{not_found}: 404;
// Error{conflict}: 409, with the fields and their owners; Error{usage}: an object that is invalid or too large;
// Error{unavailable}: everything that may pass.
[[nodiscard]] Error error_of(const Cluster& cluster, const ApiRequest& request, const ApiAnswer& answer);
[[nodiscard]] bool is_fine(const ApiAnswer& answer);  // 2xx
// The fields that other field managers own, of a 409 to an apply; empty: another kind of conflict.
[[nodiscard]] std::vector<FieldOwner> conflicts_of(const ApiAnswer& answer);

}  // namespace mlctl::deploy
