// The real Cluster: one HTTP/2 connection that carries many requests, tries again what passes, and follows the server
// when it asks for less. Source of the rules: client-go rest/with_retry.go (429 and 5xx only with Retry-After, ten
// times; broken connections where nothing can have happened twice).
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/http.h"
#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/credentials.h"
#include "deploy/cluster/discovery.h"

namespace mlctl::deploy {

inline constexpr std::size_t cluster_requests = 64;  // in flight at most

struct ClusterSeams {
  std::function<std::unique_ptr<HttpMultiplexer>(const HttpSettings&, std::size_t)> multiplexer =
      make_http_multiplexer_with;
  Credentials::Run run = run_process;
  std::function<void(const std::string&)> told;  // why somebody waits; may be null
};
// Asks nothing yet.
[[nodiscard]] std::unique_ptr<Cluster> connect_cluster(ClusterAccess access, Clock& clock, ClusterSeams seams = {});

// A cluster and the kinds that it knows.
struct Connection {
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Discovery> discovery;
};
// Of a context of the kubeconfig (deploy/cluster/access.h). `cache`: a folder for what may be forgotten; empty: none.
[[nodiscard]] Result<Connection> connect_context(const std::string& context, const std::filesystem::path& cache,
                                                 Clock& clock, ClusterSeams seams = {});

}  // namespace mlctl::deploy
