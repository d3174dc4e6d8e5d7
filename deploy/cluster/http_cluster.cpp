#include "deploy/cluster/http_cluster.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/http_detail.h"
#include "base/interrupt.h"
#include "base/terminal.h"
#include "deploy/cluster/http_streams.h"
#include "registry/remote_http.h"

namespace mlctl::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int tries = 10;
constexpr int first_tries = 3;  // before the server has ever answered: a wrong address is more likely than trouble
constexpr seconds longest_wait{60};
constexpr seconds exchange_limit{60};
constexpr milliseconds look_up_interval{100};        // whether somebody gave up
constexpr std::uint64_t answer_limit = 128U << 20U;  // a page of a list of large objects

// Of a request that is not answered yet.
struct Pending {
  std::size_t index = 0;
  int tried = 0;
  bool renewed = false;  // was sent again with other credentials
};

// Values of Warning headers: `299 - "text"`.
std::vector<std::string> warnings_of(const HttpResponse& response) {
  std::vector<std::string> out;
  for (const auto& [name, value] : response.headers) {
    const auto begin = value.find('"'), end = value.rfind('"');
    if (name != "warning" || !value.starts_with("299") || begin >= end) continue;
    std::string text = value.substr(begin + 1, end - begin - 1);
    for (std::size_t i = text.find('\\'); i != std::string::npos; i = text.find('\\', i + 1)) text.erase(i, 1);
    out.push_back(std::move(text));
  }
  return out;
}

bool may_pass(const Error& error) {
  return (error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout) && error.hint.empty();
}

class HttpCluster : public Cluster {
 public:
  HttpCluster(ClusterAccess access, Clock& clock, ClusterSeams seams)
      : credentials_(std::move(access), clock, seams.run),
        clock_(clock),
        seams_(std::move(seams)),
        streams_(
            credentials_, [this](const Identity& identity) { return connection(identity); },
            [this](const ApiRequest& request, const Identity& identity) { return rendered(request, identity); }) {}

  [[nodiscard]] const std::string& context() const override { return credentials_.access().context; }

  std::vector<Result<ApiAnswer>> send(const std::vector<ApiRequest>& requests,
                                      const std::function<void(std::size_t)>& done) override {
    Batch batch{requests, {}, {}, {}, {}, done, 0};
    batch.answers.resize(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) batch.waiting.push_back({i});
    while (batch.answered < requests.size()) {
      if (auto sent = send_waiting(batch); !sent) return all_failed(batch, sent.error());
      auto wake = clock_.steady() + look_up_interval;
      if (!batch.later.empty()) wake = std::min(wake, batch.later.begin()->first);
      if (batch.flying.empty() && !batch.later.empty()) {
        clock_.sleep_until(wake);
      } else {
        for (auto& exchange : transfers_->poll(wake)) take(batch, exchange);
      }
      if (interrupted() || given_up_) {
        transfers_.reset();
        return all_failed(batch, interrupted_error());
      }
      wake_up(batch);
    }
    std::vector<Result<ApiAnswer>> out;
    out.reserve(batch.answers.size());
    for (auto& answer : batch.answers) out.push_back(std::move(*answer));
    return out;
  }

  std::optional<std::uint64_t> open_stream(const ApiRequest& request) override { return streams_.open(request); }
  std::vector<StreamPart> listen(SteadyTime until) override { return streams_.listen(until); }
  void close_stream(std::uint64_t stream) override { streams_.close(stream); }
  void give_up() override { given_up_ = true; }

 private:
  struct Batch {
    const std::vector<ApiRequest>& requests;
    std::vector<std::optional<Result<ApiAnswer>>> answers;
    std::deque<Pending> waiting;
    std::multimap<SteadyTime, Pending> later;
    std::map<std::uint64_t, Pending> flying;
    const std::function<void(std::size_t)>& done;
    std::size_t answered = 0;
  };

  static std::vector<Result<ApiAnswer>> all_failed(Batch& batch, const Error& error) {
    std::vector<Result<ApiAnswer>> out;
    out.reserve(batch.answers.size());
    for (auto& answer : batch.answers) out.push_back(answer ? std::move(*answer) : Result<ApiAnswer>(error));
    return out;
  }

  void wake_up(Batch& batch) {
    while (!batch.later.empty() && batch.later.begin()->first <= clock_.steady()) {
      batch.waiting.push_back(batch.later.begin()->second);
      batch.later.erase(batch.later.begin());
    }
  }

  Status send_waiting(Batch& batch) {
    if (batch.waiting.empty()) return ok();
    auto identity = credentials_.current();
    if (!identity) return identity.error();
    if (!transfers_ || identity->client_certificate != certificate_) {
      if (transfers_ && !batch.flying.empty()) return ok();  // the old ones first
      certificate_ = identity->client_certificate;
      transfers_ = connection(*identity);
    }
    while (!batch.waiting.empty() && batch.flying.size() < window_) {
      const Pending next = batch.waiting.front();
      batch.waiting.pop_front();
      batch.flying[++last_id_] = next;
      transfers_->start(last_id_, std::make_shared<HttpRequest>(rendered(batch.requests[next.index], *identity)));
    }
    return ok();
  }

  [[nodiscard]] std::unique_ptr<HttpMultiplexer> connection(const Identity& identity) const {
    const ClusterAccess& access = credentials_.access();
    return seams_.multiplexer({.http2 = true,
                               .ca_pem = access.ca_pem,
                               .client_certificate = identity.client_certificate,
                               .client_key = identity.client_key,
                               .server_name = access.tls_server_name,
                               .insecure = access.insecure,
                               .proxy = access.proxy},
                              cluster_requests);
  }

  [[nodiscard]] HttpRequest rendered(const ApiRequest& request, const Identity& identity) const {
    HttpRequest out;
    out.method = request.method;
    out.url = registry::with_query(credentials_.access().server + request.path, request.query);
    out.headers = identity.headers;
    out.headers.emplace_back("Accept", request.accept);
    if (!request.content_type.empty()) out.headers.emplace_back("Content-Type", request.content_type);
    out.body_view = request.body;
    out.limit = request.patience.count() > 0 ? request.patience : exchange_limit;
    out.body_limit = request.limit != 0 ? request.limit : answer_limit;
    return out;
  }

  void take(Batch& batch, HttpExchange& exchange) {
    const auto found = batch.flying.find(exchange.id);
    if (found == batch.flying.end()) return;
    const Pending pending = found->second;
    batch.flying.erase(found);
    const ApiRequest& request = batch.requests[pending.index];
    if (!exchange.response) return take_failure(batch, pending, request, exchange.response.error());
    reached_ = true;
    const HttpResponse& response = *exchange.response;
    if (response.status == 401 && !pending.renewed && credentials_.refused()) {
      Pending again = pending;
      again.renewed = true;
      batch.waiting.push_front(again);
      return;
    }
    const auto asked = registry::retry_after(header_of(response, "retry-after"), clock_.wall());
    const bool passes = response.status == 429 || response.status >= 500;
    if (passes && !request.as_it_comes && asked && *asked <= longest_wait && pending.tried + 1 < tries) {
      window_ = std::max<std::size_t>(1, window_ / 2);
      tell(request, "the server answers " + std::to_string(response.status));
      return again_at(batch, pending, clock_.steady() + std::max(*asked, seconds(1)));
    }
    window_ = std::min(window_ + 1, cluster_requests);
    in_trouble_ = false;
    finish(batch, pending,
           ApiAnswer{response.status, std::move(exchange.response)->body, warnings_of(response),
                     parse_http_date(header_of(response, "date"))});
  }

  void take_failure(Batch& batch, const Pending& pending, const ApiRequest& request, const Error& error) {
    const int most = reached_ ? tries : first_tries;
    const bool waited = request.patience.count() > 0 && error.kind == Error::Kind::timeout;
    if (!request.again || waited || !may_pass(error) || pending.tried + 1 >= most)
      return finish(batch, pending, told(error));
    // A server that closes a connection (HTTP/2's GOAWAY) breaks off what was sent meanwhile: nobody need know of what
    // a second try mends.
    if (pending.tried > 0) tell(request, error.message);
    // 0.2, 0.4, … seconds: an API server that restarts is back within a few of them.
    again_at(batch, pending, clock_.steady() + milliseconds(200) * (1 << std::min(pending.tried, 6)));
  }

  static void again_at(Batch& batch, Pending pending, SteadyTime when) {
    ++pending.tried;
    batch.later.emplace(when, pending);
  }

  static void finish(Batch& batch, const Pending& pending, Result<ApiAnswer> answer) {
    batch.answers[pending.index] = std::move(answer);
    ++batch.answered;
    if (batch.done) batch.done(batch.answered);
  }

  [[nodiscard]] std::string by_proxy() const {
    const auto& proxy = credentials_.access().proxy;
    return proxy.empty() ? "" : ": by the proxy " + escape_control(http_detail::origin_of(proxy));
  }

  // The hints of the HTTP client name flags of registries.
  [[nodiscard]] Error told(Error error) const {
    const bool names_flags = !error.hint.empty();
    if (names_flags || !reached_)
      error.hint = "context " + context() + " of the kubeconfig says how the server is reached" + by_proxy();
    return error.context("context " + context());
  }

  // Once for each time of trouble, however many requests are in it.
  void tell(const ApiRequest& request, const std::string& why) {
    if (seams_.told && !std::exchange(in_trouble_, true)) seams_.told(request.about + ": " + why + "; trying again");
  }

  Credentials credentials_;
  Clock& clock_;
  ClusterSeams seams_;
  std::unique_ptr<HttpMultiplexer> transfers_;
  std::string certificate_;
  std::size_t window_ = cluster_requests;
  std::uint64_t last_id_ = 0;
  bool reached_ = false;
  bool in_trouble_ = false;
  std::atomic<bool> given_up_ = false;
  HttpStreams streams_;  // last: its streams refer to what stands above
};

}  // namespace

std::unique_ptr<Cluster> connect_cluster(ClusterAccess access, Clock& clock, ClusterSeams seams) {
  return std::make_unique<HttpCluster>(std::move(access), clock, std::move(seams));
}

Result<Connection> connect_context(const std::string& context, const std::filesystem::path& cache, Clock& clock,
                                   ClusterSeams seams) {
  auto access = find_access(context);
  if (!access) return access.error();
  const auto server = access->server + "\n" + access->context;
  Connection connection{connect_cluster(std::move(*access), clock, std::move(seams)), nullptr};
  connection.discovery = std::make_unique<Discovery>(*connection.cluster, clock, cache, server);
  return connection;
}

}  // namespace mlctl::deploy
