// An API server in memory: keeps objects by path, gives resource versions, knows preconditions, replaces on apply. No
// defaults, no field owners, no admission: what depends on these is tested against a real server (tests/cluster/).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "deploy/cluster/api.h"

namespace mlctl::deploy::test {

class MemoryCluster : public Cluster {
 public:
  [[nodiscard]] const std::string& context() const override { return context_; }
  [[nodiscard]] std::vector<Result<ApiAnswer>> send(const std::vector<ApiRequest>& requests,
                                                    const std::function<void(std::size_t)>& done) override;

  std::map<std::string, nlohmann::ordered_json> objects;  // by path
  std::vector<std::string> writes;                        // "PATCH Deployment fraud/a", in order; no dry runs
  std::function<void(const ApiRequest&)> before;          // a request is answered: what others do meanwhile
  std::function<Result<ApiAnswer>(const ApiRequest&, ApiAnswer)> after;  // what becomes of its answer
  bool pods_get_ready = true;                                            // every Deployment has its replicas at once
  bool makes_pods = false;                                               // of Deployments, ready at once
  // What a pod answers to a POST through that proxy.
  std::function<ApiAnswer(const std::string& pod, const ApiRequest&)> answers;
  std::function<std::string(const std::string& pod)> pages;  // what a pod serves through the API server's proxy

  // What somebody else writes.
  void change(const std::string& path, const std::function<void(nlohmann::ordered_json&)>& how);

 private:
  ApiAnswer answer(const ApiRequest& request);
  ApiAnswer list(const std::string& path, const ApiRequest& request) const;
  ApiAnswer write(const ApiRequest& request);
  ApiAnswer remove(const ApiRequest& request);
  void make_pods(const nlohmann::ordered_json& deployment);
  nlohmann::ordered_json stored(nlohmann::ordered_json object, const nlohmann::ordered_json* old);

  std::string context_ = "test";
  std::uint64_t version_ = 0;
};

}  // namespace mlctl::deploy::test
