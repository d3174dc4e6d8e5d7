// A Cluster that answers what the test said, and complains usefully about what it did not say.
#pragma once
#include <string>
#include <vector>

#include "deploy/cluster/api.h"

namespace mlctl::deploy::test {

// "GET /api/v1/pods?limit=500": method, path and query, not encoded.
[[nodiscard]] std::string line_of(const ApiRequest& request);

class FakeCluster : public Cluster {
 public:
  // The next answer to a request whose line begins with `line`; the last one said is given again and again.
  void on(const std::string& line, int status, const std::string& body);
  [[nodiscard]] const std::string& context() const override { return context_; }
  [[nodiscard]] std::vector<Result<ApiAnswer>> send(const std::vector<ApiRequest>& requests,
                                                    const std::function<void(std::size_t)>& done) override;

  std::vector<std::string> lines;    // of every request, in order
  std::vector<ApiRequest> requests;  // the same
  std::size_t batches = 0;

 private:
  struct Stub {
    std::string line;
    std::vector<ApiAnswer> answers;
    std::size_t given = 0;
  };
  std::string context_ = "test";
  std::vector<Stub> stubs_;
};

}  // namespace mlctl::deploy::test
