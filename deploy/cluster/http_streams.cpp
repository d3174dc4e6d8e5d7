#include "deploy/cluster/http_streams.h"

#include <utility>

namespace mlctl::deploy {
namespace {

using std::chrono::minutes;

constexpr minutes longest{11};                      // a watch asks for ten at most
constexpr std::size_t unheard_limit = 16U << 20U;   // bytes that are kept for somebody who does not listen
constexpr std::uint64_t refusal_limit = 1U << 20U;  // bytes of an answer that is no stream

}  // namespace

HttpStreams::HttpStreams(Credentials& credentials, Connect connect, Render render)
    : credentials_(credentials), connect_(std::move(connect)), render_(std::move(render)) {}

std::uint64_t HttpStreams::open(const ApiRequest& request) {
  auto stream = std::make_shared<Stream>();
  stream->request = request;
  const auto id = ++last_id_;
  open_.emplace(id, stream);
  start(id, stream);
  return id;
}

void HttpStreams::start(std::uint64_t id, const std::shared_ptr<Stream>& stream) {
  auto identity = credentials_.current();
  if (!identity) return end(id, identity.error());
  if (!transfers_ || identity->client_certificate != certificate_) {
    // A connection carries one certificate: whoever listened over the old one opens anew.
    if (transfers_)
      for (auto other = open_.begin(); other != open_.end();) {
        const auto one = other++;
        if (one->first != id)
          end(one->first, Error{Error::Kind::unavailable, "the client certificate was renewed", ""});
      }
    certificate_ = identity->client_certificate;
    transfers_ = connect_(*identity);
  }
  auto request = std::make_shared<HttpRequest>(render_(stream->request, *identity));
  request->limit = longest;
  request->body_limit = refusal_limit;
  request->sink = [stream](const HttpResponse&, std::string_view bytes) -> Status {
    if (stream->closed) return Error{Error::Kind::interrupted, "nobody listens any more", ""};
    if (stream->bytes.size() + bytes.size() > unheard_limit)
      return Error{Error::Kind::unavailable, stream->request.about + ": more at once than can be kept", ""};
    stream->bytes.append(bytes);
    return ok();
  };
  transfers_->start(id, std::move(request));
}

std::vector<StreamPart> HttpStreams::listen(SteadyTime until) {
  if (ended_.empty() && transfers_)
    for (auto& exchange : transfers_->poll(until)) take(exchange);
  std::vector<StreamPart> out;
  for (auto& [id, stream] : open_)
    if (!stream->bytes.empty()) out.push_back({id, std::exchange(stream->bytes, {}), std::nullopt});
  for (auto& part : ended_) out.push_back(std::move(part));
  ended_.clear();
  return out;
}

void HttpStreams::take(HttpExchange& exchange) {
  const auto found = open_.find(exchange.id);
  if (found == open_.end()) return;
  const auto stream = found->second;
  if (!exchange.response) return end(exchange.id, exchange.response.error());
  if (exchange.response->status == 401 && !std::exchange(stream->renewed, true) && credentials_.refused())
    return start(exchange.id, stream);
  end(exchange.id, ApiAnswer{exchange.response->status, std::move(exchange.response)->body, {}});
}

void HttpStreams::end(std::uint64_t id, Result<ApiAnswer> answer) {
  const auto found = open_.find(id);
  ended_.push_back({id, std::exchange(found->second->bytes, {}), std::move(answer)});
  found->second->closed = true;
  open_.erase(found);
}

void HttpStreams::close(std::uint64_t stream) {
  const auto found = open_.find(stream);
  if (found == open_.end()) return;
  found->second->closed = true;
  open_.erase(found);
  if (open_.empty()) transfers_.reset();
}

}  // namespace mlctl::deploy
