// The blocking client: a multiplexer with one connection.
#include <memory>
#include <utility>

#include "base/http.h"
#include "base/interrupt.h"

namespace mlctl {
namespace {

class MultiplexedClient : public HttpClient {
 public:
  explicit MultiplexedClient(HttpSettings settings) : settings_(std::move(settings)) {}

  Result<HttpResponse> send(const HttpRequest& request) override {
    if (!transfers_) transfers_ = make_http_multiplexer_with(settings_, 1);
    // Not owned: the exchange ends before this function does.
    transfers_->start(0, std::shared_ptr<const HttpRequest>(std::shared_ptr<void>(), &request));
    const auto* cancelled = request.cancelled;
    const Duration look = cancelled != nullptr ? Duration(std::chrono::milliseconds(100)) : std::chrono::hours(1);
    while (!interrupted() && (cancelled == nullptr || !*cancelled)) {
      auto done = transfers_->poll(system_clock().steady() + look);
      if (!done.empty()) return std::move(done.front().response);
    }
    transfers_.reset();
    return interrupted_error();
  }

 private:
  HttpSettings settings_;
  std::unique_ptr<HttpMultiplexer> transfers_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(const HttpSettings& settings) {
  return std::make_unique<MultiplexedClient>(settings);
}

}  // namespace mlctl
