#include "deploy/cluster/http_cluster.h"

#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <vector>

using namespace mlctl;
using namespace mlctl::deploy;
using std::chrono::seconds;

namespace {

HttpResponse plain(int status, const std::string& body = "{}") {
  return {status, {}, body};
}

// What a server says, one request after the other; keeps what it was asked.
struct Server {
  std::function<Result<HttpResponse>(const HttpRequest&, int)> say;  // the request, and how many came before
  std::vector<HttpRequest> requests;
  std::vector<HttpSettings> connections;
  std::size_t most_in_flight = 0;
};

class FakeMultiplexer : public HttpMultiplexer {
 public:
  explicit FakeMultiplexer(Server& server) : server_(server) {}
  void start(std::uint64_t id, std::shared_ptr<const HttpRequest> request) override {
    waiting_.emplace_back(id, std::move(request));
    server_.most_in_flight = std::max(server_.most_in_flight, waiting_.size());
  }
  std::vector<HttpExchange> poll(SteadyTime) override {
    std::vector<HttpExchange> out;
    for (auto& [id, request] : waiting_) {
      auto answer = server_.say(*request, static_cast<int>(server_.requests.size()));
      server_.requests.push_back(*request);
      server_.requests.back().body = std::string(request->body_view);
      out.push_back({id, std::move(answer), {}, {}});
    }
    waiting_.clear();
    return out;
  }
  [[nodiscard]] std::size_t in_flight() const override { return waiting_.size(); }

 private:
  Server& server_;
  std::vector<std::pair<std::uint64_t, std::shared_ptr<const HttpRequest>>> waiting_;
};

struct Fixture {
  ManualClock clock;
  Server server;
  std::vector<std::string> told;
  std::unique_ptr<Cluster> cluster;
  explicit Fixture(std::function<Result<HttpResponse>(const HttpRequest&, int)> say,
                   ClusterAccess access = {.context = "prod", .server = "https://k:6443", .token = "t"},
                   Credentials::Run run = run_process) {
    server.say = std::move(say);
    ClusterSeams seams;
    seams.multiplexer = [this](const HttpSettings& settings, std::size_t) {
      server.connections.push_back(settings);
      return std::make_unique<FakeMultiplexer>(server);
    };
    seams.run = std::move(run);
    seams.told = [this](const std::string& line) { told.push_back(line); };
    cluster = connect_cluster(std::move(access), clock, seams);
  }
  Result<ApiAnswer> get() { return cluster->send({{.path = "/api", .about = "kinds"}}, {}).front(); }
};

Error broken() {
  return {Error::Kind::unavailable, "connection to https://k:6443 was closed before the answer", ""};
}

}  // namespace

TEST_CASE("a request says what it is, and who asks") {
  Fixture fixture([](const HttpRequest&, int) { return plain(200); }, {.context = "prod",
                                                                       .server = "https://k:6443/base",
                                                                       .tls_server_name = "api",
                                                                       .ca_pem = "CA",
                                                                       .client_certificate = "C",
                                                                       .client_key = "K",
                                                                       .token = "t"});
  const std::vector<ApiRequest> requests{{.method = "PATCH",
                                          .path = "/api/v1/pods/a",
                                          .query = {{"fieldManager", "mlctl"}, {"selector", "a=b"}},
                                          .body = "{\"a\":1}",
                                          .content_type = "application/apply-patch+yaml"}};
  REQUIRE(fixture.cluster->send(requests, {}).front());
  const auto& sent = fixture.server.requests.front();
  CHECK(sent.url == "https://k:6443/base/api/v1/pods/a?fieldManager=mlctl&selector=a%3Db");
  CHECK(sent.body == "{\"a\":1}");
  CHECK(sent.headers ==
        std::vector<std::pair<std::string, std::string>>{{"Authorization", "Bearer t"},
                                                         {"Accept", "application/json"},
                                                         {"Content-Type", "application/apply-patch+yaml"}});
  const auto& settings = fixture.server.connections.front();
  CHECK(settings.http2);
  CHECK(settings.ca_pem + settings.client_certificate + settings.client_key + settings.server_name == "CACKapi");
}

TEST_CASE("answers come in the order of the requests, 64 in flight, and are counted") {
  Fixture fixture(
      [](const HttpRequest& request, int) { return plain(200, request.url.substr(request.url.size() - 3)); });
  std::vector<ApiRequest> requests(200);
  for (std::size_t i = 0; i < requests.size(); ++i) requests[i].path = "/" + std::to_string(100 + i);
  std::size_t counted = 0;
  const auto answers = fixture.cluster->send(requests, [&](std::size_t n) { counted = n; });
  for (std::size_t i = 0; i < answers.size(); ++i) REQUIRE(answers[i]->body == std::to_string(100 + i));
  CHECK(counted == 200);
  CHECK(fixture.server.most_in_flight == 64);
  CHECK(fixture.server.connections.size() == 1);
}

TEST_CASE("what passes is asked again, and what does not is an answer") {
  struct Case {
    const char* what;
    std::vector<Result<HttpResponse>> said;  // the last one again and again
    ApiRequest request;
    std::string outcome;
    std::size_t asked;
    seconds waited_at_least;
  };
  const auto later = [](int status, const std::string& after) {
    return HttpResponse{status, {{"retry-after", after}}, "{}"};
  };
  const ApiRequest get{.path = "/api"};
  const ApiRequest post{.method = "POST", .path = "/api", .again = false};
  const ApiRequest of_a_pod{.method = "POST", .path = "/api", .again = false, .as_it_comes = true};
  for (const auto& c : std::vector<Case>{
           {"429 with Retry-After", {later(429, "3"), plain(200)}, get, "200", 2, seconds(3)},
           {"429 to a POST: nothing has happened", {later(429, "1"), plain(201)}, post, "201", 2, seconds(1)},
           {"503 with Retry-After, for ever", {later(503, "1")}, get, "503", 10, seconds(9)},
           {"503 of a pod behind the server: that is its answer", {later(503, "1")}, of_a_pod, "503", 1, seconds(0)},
           {"429 without it", {plain(429)}, get, "429", 1, seconds(0)},
           {"500", {plain(500)}, get, "500", 1, seconds(0)},
           {"more patience than there is", {later(429, "3600")}, get, "429", 1, seconds(0)},
           {"a broken connection, once", {broken(), plain(200)}, get, "200", 2, seconds(0)},
           {"a broken connection to a POST", {broken()}, post, "context prod: " + broken().message, 1, seconds(0)},
           {"a server that never was there", {broken()}, get, "context prod: " + broken().message, 3, seconds(0)},
           {"404", {plain(404)}, get, "404", 1, seconds(0)},
           {"401 to a token that stays the same", {plain(401)}, get, "401", 1, seconds(0)},
       }) {
    CAPTURE(c.what);
    Fixture fixture(
        [&](const HttpRequest&, int n) { return c.said[std::min(static_cast<std::size_t>(n), c.said.size() - 1)]; });
    const auto answer = fixture.cluster->send({c.request}, {}).front();
    CHECK((answer ? std::to_string(answer->status) : answer.error().message) == c.outcome);
    CHECK(fixture.server.requests.size() == c.asked);
    CHECK(fixture.clock.steady().time_since_epoch() >= c.waited_at_least);
  }
}

TEST_CASE("who gives up ends what is being sent, and all that comes after") {
  Fixture fixture([&](const HttpRequest&, int) { return Result<HttpResponse>(broken()); });
  fixture.cluster->give_up();
  CHECK(fixture.get().error().kind == Error::Kind::interrupted);
  CHECK(fixture.get().error().kind == Error::Kind::interrupted);
}

TEST_CASE("a proxy that is not there is named, without its password") {
  for (const std::string scheme : {"http://", "socks5://", ""}) {
    Fixture fixture(
        [&](const HttpRequest&, int) { return Result<HttpResponse>(broken()); },
        {.context = "prod", .server = "https://k:6443", .proxy = scheme + "me:secret@dead.example:3128", .token = "t"});
    const auto error = fixture.get().error();
    CHECK(error.hint == "context prod of the kubeconfig says how the server is reached: by the proxy " + scheme +
                            "dead.example:3128");
  }
}

TEST_CASE("a server that is up again after half a minute has missed nothing") {
  int failures = 8;
  Fixture fixture(
      [&](const HttpRequest&, int n) { return n > 0 && failures-- > 0 ? Result<HttpResponse>(broken()) : plain(200); });
  REQUIRE(fixture.get());
  CHECK(fixture.get());
  CHECK(fixture.clock.steady().time_since_epoch() > seconds(30));
  CHECK(fixture.told.front() == "kinds: " + broken().message + "; trying again");
}

TEST_CASE("a connection that broke off once is mended without a word") {
  Fixture fixture([](const HttpRequest&, int n) { return n == 0 ? Result<HttpResponse>(broken()) : plain(401); });
  CHECK(fixture.get()->status == 401);
  CHECK(fixture.told.empty());
}

TEST_CASE("a server that asks for less gets less, and more again later") {
  int refused = 0;
  Fixture fixture([&](const HttpRequest&, int) {
    return refused++ < 64 ? HttpResponse{429, {{"retry-after", "1"}}, "{}"} : plain(200);
  });
  const auto answers = fixture.cluster->send(std::vector<ApiRequest>(64, ApiRequest{.path = "/api"}), {});
  for (const auto& answer : answers) CHECK(answer->status == 200);
  fixture.server.most_in_flight = 0;
  CHECK(fixture.cluster->send(std::vector<ApiRequest>(200, ApiRequest{.path = "/api"}), {}).back());
  CHECK(fixture.server.most_in_flight == 64);
}

TEST_CASE("an expired token is renewed once, in the middle of many requests") {
  int plugin_runs = 0;
  ClusterAccess access{.context = "prod", .server = "https://k"};
  access.exec = ExecPlugin{.command = "login", .api_version = "client.authentication.k8s.io/v1"};
  Fixture fixture(
      [&](const HttpRequest& request, int) { return plain(request.headers.front().second == "Bearer 2" ? 200 : 401); },
      access,
      [&](const ProcessSpec&, std::chrono::milliseconds) {
        return Result<ProcessResult>(ProcessResult{
            0, R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":")" +
                   std::to_string(++plugin_runs) + "\"}}"});
      });
  for (const auto& answer : fixture.cluster->send(std::vector<ApiRequest>(10, ApiRequest{.path = "/api"}), {}))
    CHECK(answer->status == 200);
  CHECK(plugin_runs == 2);
}

TEST_CASE("a server's warnings come with its answer") {
  Fixture fixture([](const HttpRequest&, int) {
    return HttpResponse{200, {{"warning", R"(299 - "v1beta1 is \"old\"")"}, {"warning", "199 x"}}, "{}"};
  });
  CHECK(fixture.get()->warnings == std::vector<std::string>{"v1beta1 is \"old\""});
}

namespace {

ApiRequest pods() {
  return {.path = "/api/v1/pods", .query = {{"watch", "true"}}, .about = "watch of pods"};
}

// A stream whose server says `bytes` and then ends with `status`.
std::function<Result<HttpResponse>(const HttpRequest&, int)> stream_of(const std::string& bytes, int status = 200) {
  return [=](const HttpRequest& request, int) -> Result<HttpResponse> {
    HttpResponse response = plain(status, "");
    if (status == 200) {
      if (auto taken = request.sink(response, bytes); !taken) return taken.error();
    } else {
      response.body = bytes;
    }
    return response;
  };
}

}  // namespace

TEST_CASE("a stream is heard piece by piece, and its end") {
  Fixture fixture(stream_of("{}\n"));
  const auto id = fixture.cluster->open_stream(pods());
  REQUIRE(id);
  const auto parts = fixture.cluster->listen({});
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].bytes == "{}\n");
  REQUIRE(parts[0].end);
  CHECK((*parts[0].end)->status == 200);
  CHECK(fixture.server.requests.front().url == "https://k:6443/api/v1/pods?watch=true");
  CHECK(fixture.server.requests.front().limit > seconds(600));
}

TEST_CASE("a stream that is refused ends with what the server said") {
  Fixture fixture(stream_of("no", 403));
  REQUIRE(fixture.cluster->open_stream(pods()));
  const auto parts = fixture.cluster->listen({});
  REQUIRE(parts.size() == 1);
  CHECK((*parts[0].end)->status == 403);
  CHECK((*parts[0].end)->body == "no");
}

TEST_CASE("what comes after a stream was closed, or is more than anybody keeps, ends the exchange") {
  Fixture fixture([](const HttpRequest&, int) { return plain(200); });
  const auto first = fixture.cluster->open_stream(pods()), second = fixture.cluster->open_stream(pods());
  fixture.cluster->close_stream(*first);
  std::vector<StreamPart> parts;
  fixture.server.say = [](const HttpRequest& request, int n) -> Result<HttpResponse> {
    auto taken = request.sink(plain(200), std::string(n == 0 ? 1 : 17U << 20U, 'x'));
    CHECK(!taken);
    return taken.error();
  };
  parts = fixture.cluster->listen({});
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].stream == *second);
  CHECK(parts[0].end->error().message == "watch of pods: more at once than can be kept");
}

TEST_CASE("a token that expired is renewed for a stream, once") {
  int plugin_runs = 0;
  ClusterAccess access{.context = "prod", .server = "https://k"};
  access.exec = ExecPlugin{.command = "login", .api_version = "client.authentication.k8s.io/v1"};
  int good = 2;
  Fixture fixture(
      [&](const HttpRequest& request, int n) {
        return stream_of("{}\n", request.headers.front().second == "Bearer " + std::to_string(good) ? 200 : 401)(
            request, n);
      },
      access,
      [&](const ProcessSpec&, std::chrono::milliseconds) {
        return Result<ProcessResult>(ProcessResult{
            0, R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":")" +
                   std::to_string(++plugin_runs) + "\"}}"});
      });
  const auto end = [&] {
    REQUIRE(fixture.cluster->open_stream(pods()));
    for (int i = 0; i < 3; ++i)
      for (const auto& part : fixture.cluster->listen({}))
        if (part.end) return (*part.end)->status;
    return 0;
  };
  CHECK(end() == 200);
  CHECK(plugin_runs == 2);
  good = 9;  // nobody gives that one
  CHECK(end() == 401);
  CHECK(plugin_runs == 3);
}
