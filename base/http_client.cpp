// The blocking client: a multiplexer with one connection.
#include <memory>
#include <utility>

#include "base/http.h"
#include "base/interrupt.h"

namespace mlctl {
namespace {

class MultiplexedClient : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest& request) override {
    if (!transfers_) transfers_ = make_http_multiplexer(1);
    // Not owned: the exchange ends before this function does.
    transfers_->start(0, std::shared_ptr<const HttpRequest>(std::shared_ptr<void>(), &request));
    while (!interrupted()) {
      auto done = transfers_->poll(system_clock().steady() + std::chrono::hours(1));
      if (!done.empty()) return std::move(done.front().response);
    }
    transfers_.reset();
    return interrupted_error();
  }

 private:
  std::unique_ptr<HttpMultiplexer> transfers_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client() {
  return std::make_unique<MultiplexedClient>();
}

}  // namespace mlctl
