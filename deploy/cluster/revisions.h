// What an apply made is kept in the cluster: a ControllerRevision for each revision, with its objects as they were
// applied. The way back needs no registry and no rendering then (rollout.md, rule 3). Two are kept beside what serves.
#pragma once
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/state.h"

namespace mlctl::deploy {

inline constexpr std::size_t kept_beside = 2;  // what serves

struct KeptRevision {
  Serves serves;
  Objects objects;
};

// The ControllerRevision of what serves, or is about to; `replay`: the requests that are replayed to it.
[[nodiscard]] nlohmann::ordered_json kept_revision(const ModelState& state, const Serves& serves,
                                                   const Objects& objects, const std::vector<std::string>& replay = {});
// Error{corrupt}: it holds something else than objects that mlctl makes for this model: it was written by others, and
// is not to be applied.
[[nodiscard]] Result<KeptRevision> parse_kept(const nlohmann::ordered_json& record, const registry::ModelName& model,
                                              const std::string& name_space);

// Writes the records, all at once; the outcomes in their order. Nothing can change a ControllerRevision: what is there
// with other objects (the same revision under an older assignment) is replaced.
[[nodiscard]] std::vector<Status> keep_revisions(Cluster& cluster, Discovery& discovery,
                                                 const std::vector<nlohmann::ordered_json>& records);

// Pure. Of the records of one model those that are too many: all but what serves and the newest `kept_beside` others;
// all where nothing serves.
[[nodiscard]] std::vector<const nlohmann::ordered_json*> outdated(
    const std::vector<const nlohmann::ordered_json*>& records, const std::string& serving);

// Removes what is outdated of these models, by their states. What cannot be removed now is left to the next time: it
// does no harm.
void retire_revisions(Cluster& cluster, Discovery& discovery, const std::vector<const ModelState*>& states);

// What is kept of a model, newest first; records that parse_kept refuses are left out.
[[nodiscard]] Result<std::vector<KeptRevision>> read_kept(Cluster& cluster, Discovery& discovery,
                                                          const registry::ModelName& model,
                                                          const std::string& name_space);

}  // namespace mlctl::deploy
