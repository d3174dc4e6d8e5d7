// Which kinds a cluster knows and where they are, in two requests (aggregated discovery, KEP-3352), kept on disk for
// ten minutes: a kind that is missed there is asked for again.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

struct Resource {
  std::string api_version, kind;  // "apps/v1", "Deployment"
  std::string plural;
  bool namespaced = true;
  bool operator==(const Resource&) const = default;
};
[[nodiscard]] std::string group_of(std::string_view api_version);  // "apps/v1" -> "apps", "v1" -> ""
// "/apis/apps/v1/namespaces/fraud/deployments"; all namespaces where `name_space` is "".
[[nodiscard]] std::string path_of(const Resource& resource, const std::string& name_space);
[[nodiscard]] std::string path_of(const Resource& resource, const ObjectKey& key);

class Discovery {
 public:
  // `cache`: a folder for what may be forgotten; empty: none. `server`: what the cluster is told apart by.
  Discovery(Cluster& cluster, Clock& clock, const std::filesystem::path& cache, const std::string& server);

  // Error{not_found} with the definition that is missing, after the server itself was asked.
  [[nodiscard]] Result<Resource> find(const std::string& api_version, const std::string& kind);
  // The newest version of a kind of a group; nullopt when the cluster has none.
  [[nodiscard]] Result<std::optional<Resource>> find_group_kind(const std::string& group, const std::string& kind);

 private:
  Status load();
  Status ask();
  bool read_cache();
  void write_cache() const;

  Cluster& cluster_;
  Clock& clock_;
  std::filesystem::path file_;   // empty: none
  std::vector<Resource> known_;  // preferred versions first, as the server orders them
  bool loaded_ = false, fresh_ = false;
};

// The kinds of one answer. Error{unavailable}: not an APIGroupDiscoveryList.
[[nodiscard]] Result<std::vector<Resource>> parse_discovery(const std::string& body);

}  // namespace mlctl::deploy
