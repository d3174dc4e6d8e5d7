// Answers of an API server that go on for minutes, all over one HTTP/2 connection of their own: closing the last one
// closes it, and what nobody listens to is held back by the connection itself. Part of HttpCluster.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/http.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/credentials.h"

namespace mlctl::deploy {

class HttpStreams {
 public:
  using Connect = std::function<std::unique_ptr<HttpMultiplexer>(const Identity&)>;
  using Render = std::function<HttpRequest(const ApiRequest&, const Identity&)>;
  HttpStreams(Credentials& credentials, Connect connect, Render render);

  [[nodiscard]] std::uint64_t open(const ApiRequest& request);
  [[nodiscard]] std::vector<StreamPart> listen(SteadyTime until);
  void close(std::uint64_t stream);

 private:
  // Shared with the request in flight, which may outlive it.
  struct Stream {
    ApiRequest request;
    std::string bytes;     // that nobody has heard yet
    bool closed = false;   // nobody listens any more
    bool renewed = false;  // was opened again with other credentials
  };
  void start(std::uint64_t id, const std::shared_ptr<Stream>& stream);
  void take(HttpExchange& exchange);
  void end(std::uint64_t id, Result<ApiAnswer> answer);

  Credentials& credentials_;
  Connect connect_;
  Render render_;
  std::unique_ptr<HttpMultiplexer> transfers_;
  std::string certificate_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Stream>> open_;
  std::vector<StreamPart> ended_;  // nobody was told yet
};

}  // namespace mlctl::deploy
