// An API server in memory: keeps objects by path, gives resource versions, knows preconditions, replaces on apply. No
// defaults, no field owners, no admission: what depends on these is tested against a real server (tests/cluster/).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
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
  bool gateway_follows = true;                                           // false: a route's status stays what it was
  bool makes_pods = false;                                               // of Deployments, ready at once
  // What a pod answers to a POST through that proxy.
  std::function<ApiAnswer(const std::string& pod, const ApiRequest&)> answers;
  std::function<std::string(const std::string& pod)> pages;  // what a pod serves through the API server's proxy

  // With a clock there are watches: `at` holds what others do while somebody listens, and when.
  ManualClock* clock = nullptr;
  std::multimap<Duration, std::function<void()>> at;
  std::function<std::optional<ApiAnswer>(const ApiRequest&)> refuse_stream;  // instead of a watch
  bool hold_streams = false;                                                 // what they should say does not arrive
  std::vector<std::string> streams;                                          // that were opened: their paths
  [[nodiscard]] std::optional<std::uint64_t> open_stream(const ApiRequest& request) override;
  [[nodiscard]] std::vector<StreamPart> listen(SteadyTime until) override;
  void close_stream(std::uint64_t stream) override { open_.erase(stream); }
  void cut_streams();                  // the connection breaks
  void forget() { history_.clear(); }  // compaction: a watch from before now is too old
  [[nodiscard]] std::size_t listening() const { return open_.size(); }
  std::size_t lists = 0;  // that were asked for

  // What somebody else writes.
  void change(const std::string& path, const std::function<void(nlohmann::ordered_json&)>& how);

 private:
  ApiAnswer answer(const ApiRequest& request);
  ApiAnswer list(const ApiRequest& request);
  ApiAnswer write(const ApiRequest& request);
  ApiAnswer remove(const ApiRequest& request);
  void make_pods(const nlohmann::ordered_json& deployment);
  nlohmann::ordered_json stored(nlohmann::ordered_json object, const nlohmann::ordered_json* old);

  using Objects = std::map<std::string, nlohmann::ordered_json>;
  struct Stream {
    ApiRequest request;
    Objects known;
    std::optional<Result<ApiAnswer>> end;
  };
  void note_changes();
  [[nodiscard]] Objects matching(const ApiRequest& request) const;
  [[nodiscard]] std::string news_of(Stream& stream) const;

  std::string context_ = "test";
  std::uint64_t version_ = 0;
  std::map<std::uint64_t, Objects> history_;  // what there was at a version
  std::map<std::uint64_t, Stream> open_;
  std::uint64_t last_stream_ = 0;
};

}  // namespace mlctl::deploy::test
