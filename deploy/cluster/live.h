// What is in a cluster of what mlctl keeps there, in as few requests as there are kinds.
#pragma once
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/state.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

struct Live {
  std::map<ObjectKey, nlohmann::ordered_json> objects;  // that carry mlctl's label
  std::map<ObjectKey, nlohmann::ordered_json> states;   // the ConfigMaps of models
};
// Of these namespaces; of all where there are many, or none. Where RBAC does not let us list all, one by one.
[[nodiscard]] Result<Live> read_live(Cluster& cluster, Discovery& discovery, const std::set<std::string>& namespaces);

// A model that serves, and of which there is no state: somebody removed that. Asked where there is none.
[[nodiscard]] bool is_forgotten(const registry::ModelName& model, const std::string& name_space, const Live& live);

// The state of one model, by one request.
struct Remembered {
  std::optional<ModelState> state;  // nullopt: there is none
  std::optional<WallTime> date;     // by the server's clock
};
[[nodiscard]] Result<Remembered> read_state(Cluster& cluster, const registry::ModelName& model,
                                            const std::string& name_space);

// What a cluster remembers of a model in an environment, for the way back.
struct LiveAssignment {
  std::optional<std::uint64_t> n;   // that it serves by; nullopt: it serves nothing
  std::string digest;               // that has all traffic; "": nothing, or it is being shifted
  std::set<std::uint64_t> aborted;  // that never had all traffic
};
[[nodiscard]] Result<LiveAssignment> live_assignment(Cluster& cluster, Discovery& discovery,
                                                     const registry::ModelName& model, const std::string& name_space,
                                                     const std::string& environment);

// read_live() on a thread of its own, while somebody finds out what should be there. Until `take` or the end nobody
// else uses cluster and discovery. Whoever ends it before has given up the cluster.
class LiveAhead {
 public:
  LiveAhead(Cluster& cluster, Discovery& discovery, std::set<std::string> namespaces);
  ~LiveAhead();
  LiveAhead(const LiveAhead&) = delete;
  LiveAhead& operator=(const LiveAhead&) = delete;
  // Once. Reads again when other namespaces turn out to be the right ones.
  [[nodiscard]] Result<Live> take(const std::set<std::string>& namespaces);

 private:
  Cluster& cluster_;
  Discovery& discovery_;
  std::set<std::string> namespaces_;
  std::unique_ptr<Result<Live>> live_;  // whoever includes this need not know what JSON is
  std::thread thread_;                  // the last: it uses the others
};

struct Stranger {
  bool ours = false;  // mlctl applied it: only its labels are gone
  std::string owner;  // a field manager
};
// Which of the objects are there all the same. Error{not_found}, Error{denied}: a namespace that is not there (and is
// not among `keys`), or is being deleted.
[[nodiscard]] Result<std::map<ObjectKey, Stranger>> find_strangers(Cluster& cluster, Discovery& discovery,
                                                                   const std::vector<ObjectKey>& keys);

[[nodiscard]] std::string label_of(const nlohmann::ordered_json& object, const std::string& name);       // or ""
[[nodiscard]] std::string annotation_of(const nlohmann::ordered_json& object, const std::string& name);  // or ""
[[nodiscard]] std::string resource_version_of(const nlohmann::ordered_json& object);
[[nodiscard]] std::string uid_of(const nlohmann::ordered_json& object);
[[nodiscard]] bool is_going(const nlohmann::ordered_json& object);  // it has a deletionTimestamp

}  // namespace mlctl::deploy
