// What clusters say of the version that is audited. Internal to release/.
#pragma once
#include <functional>
#include <string>

#include "release/audit.h"

namespace mlctl::release {

struct ClusterQuestion {
  const ConnectCluster& connect;
  // As which git would have it served there: the assigned version, by today's configuration.
  std::function<Result<std::string>(const deploy::Environment& environment)> revision;
};
// Reads what each environment's cluster remembers of the model: one request each. What cannot be read is written down
// and no error. Fills audit.clusters from the rest of `audit`.
void look_into_clusters(const Project& project, const ClusterQuestion& question, const registry::ModelTags& tags,
                        Audit& audit);
void find_cluster_gaps(Audit& audit);

[[nodiscard]] std::string cluster_text(const AuditedCluster& cluster, const Style& style);
[[nodiscard]] nlohmann::ordered_json cluster_json(const AuditedCluster& cluster);

}  // namespace mlctl::release
