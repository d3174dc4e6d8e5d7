#include "base/http.h"

#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <string>

#include "base/http_detail.h"
#include "base/interrupt.h"
#include "base/network.h"
#include "tests/base/loopback_server.h"
#include "tests/base/process_help.h"

using mlctl::Error;
using mlctl::HttpRequest;
using mlctl::test::LoopbackServer;
using mlctl::test::ok_answer;
using mlctl::test::RawAnswer;
using namespace std::chrono_literals;

namespace {

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

std::shared_ptr<const HttpRequest> shared(HttpRequest request) {
  return std::make_shared<const HttpRequest>(std::move(request));
}

std::string endless_headers() {
  std::string text = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 5000; ++i) text += "X-Header-" + std::to_string(i) + ": something\r\n";
  return text + "\r\n";
}

std::string no_answers() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n";
  return text;
}

}  // namespace

TEST_CASE("any whole answer is a response") {
  struct Case {
    const char* name;
    RawAnswer answer;
    int status;
    const char* body;
  };
  const Case cases[] = {
      {"with a length", {ok_answer("hello")}, 200, "hello"},
      {"in chunks",
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"},
       200,
       "hello"},
      {"until the connection closes", {"HTTP/1.1 200 OK\r\n\r\nhello", true}, 200, "hello"},
      {"HTTP/1.0", {"HTTP/1.0 200 OK\r\n\r\nhello", true}, 200, "hello"},
      {"an error of the server", {"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"}, 500, "no"},
      {"a redirect, not followed", {"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"}, 302, ""},
      {"nothing but a status", {"HTTP/1.1 204 No Content\r\n\r\n"}, 204, ""},
      {"after an interim answer",
       {"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" + ok_answer("hello")},
       200,
       "hello"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    LoopbackServer server([&](const std::string&) { return c.answer; });
    const auto response = mlctl::make_http_client()->send(get(server.url()));
    REQUIRE(response);
    CHECK(response->status == c.status);
    CHECK(response->body == c.body);
    for (const auto& [name, value] : response->headers) CHECK(name != "x-early");
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("what is no whole answer is an error that says why") {
  struct Case {
    const char* name;
    RawAnswer answer;
    Error::Kind kind;
    const char* message;
  };
  using Kind = Error::Kind;
  const std::string big(100001, 'x');
  const Case cases[] = {
      {"cut off", {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", true}, Kind::unavailable, "ended too early"},
      {"a chunk cut off",
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhello", true},
       Kind::unavailable,
       "127.0.0.1"},
      {"closed without a word", {"", true}, Kind::unavailable, "closed before the answer"},
      {"a status line that is none", {"SSH-2.0-OpenSSH_9.2\r\n\r\n", true}, Kind::unavailable, "not HTTP"},
      {"never", {"", false, true}, Kind::timeout, "within 200 ms"},
      {"a body that never ends",
       {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"},
       Kind::timeout,
       "within 200 ms"},
      {"a body over the limit", {ok_answer(big)}, Kind::unavailable, "too large"},
      {"a body over the limit without length", {"HTTP/1.1 200 OK\r\n\r\n" + big, true}, Kind::unavailable, "too large"},
      {"a length over the limit",
       {"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"},
       Kind::unavailable,
       "too large"},
      {"headers without end", {endless_headers()}, Kind::unavailable, "too large"},
      {"interim answers without end", {no_answers()}, Kind::unavailable, "too large"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    LoopbackServer server([&](const std::string&) { return c.answer; });
    auto request = get(server.url());
    request.limit = c.kind == Kind::timeout ? 200ms : 20s;
    request.body_limit = 100000;
    const auto response = mlctl::make_http_client()->send(request);
    REQUIRE_FALSE(response);
    CHECK(response.error().kind == c.kind);
    CHECK(response.error().message.find(c.message) != std::string::npos);
  }
}

TEST_CASE("a body as large as the limit is taken") {
  LoopbackServer server([](const std::string&) { return RawAnswer{ok_answer(std::string(100000, 'x'))}; });
  auto request = get(server.url());
  request.body_limit = 100000;
  const auto response = mlctl::make_http_client()->send(request);
  REQUIRE(response);
  CHECK(response->body.size() == 100000);
}

TEST_CASE("nobody at the port is an error that names it") {
  const auto ports = mlctl::free_loopback_ports(1);
  REQUIRE(ports);
  const auto response =
      mlctl::make_http_client()->send(get("http://127.0.0.1:" + std::to_string(ports->front()) + "/x"));
  REQUIRE_FALSE(response);
  CHECK(response.error().kind == Error::Kind::unavailable);
  CHECK(response.error().message ==
        "cannot connect to http://127.0.0.1:" + std::to_string(ports->front()) + ": Connection refused");
}

TEST_CASE("a malformed request is refused before anything is sent") {
  struct Case {
    const char* name;
    HttpRequest request;
  };
  std::vector<Case> cases;
  for (const char* url : {"", "file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1:80", "http://127.0.0.1/a b",
                          "http://127.0.0.1/\r\nX: y"})
    cases.push_back({url, get(url)});
  for (const char* method : {"", "GET /", "get", "GET\r\n"}) {
    cases.push_back({"method", get("http://127.0.0.1:1/")});
    cases.back().request.method = method;
  }
  for (const auto& header :
       {std::pair<std::string, std::string>{"X", "a\r\nY: b"}, {"X:", "a"}, {"", "a"}, {"X\n", "a"}}) {
    cases.push_back({"header", get("http://127.0.0.1:1/")});
    cases.back().request.headers.push_back(header);
  }
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto response = mlctl::make_http_client()->send(c.request);
    REQUIRE_FALSE(response);
    CHECK(response.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("a request arrives as it was written") {
  LoopbackServer server([](const std::string&) { return RawAnswer{ok_answer("")}; });
  HttpRequest request = get(server.url("/v2/models/m/infer?a=b"));
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
  request.body = std::string("{\0}", 3) + std::string(2000000, ' ');
  REQUIRE(mlctl::make_http_client()->send(request));
  const auto seen = server.requests().at(0);
  CHECK(seen.substr(0, 36) == "POST /v2/models/m/infer?a=b HTTP/1.1");
  CHECK(seen.find("\r\nContent-Type: application/json\r\n") != std::string::npos);
  CHECK(seen.find("\r\nX-Empty:\r\n") != std::string::npos);
  CHECK(seen.find("Expect") == std::string::npos);
  CHECK(seen.find("Accept-Encoding") == std::string::npos);
  CHECK(seen.substr(seen.size() - request.body.size()) == request.body);

  for (const char* method : {"PUT", "DELETE", "PATCH", "HEAD"}) {
    CAPTURE(method);
    HttpRequest other = get(server.url());
    other.method = method;
    const auto response = mlctl::make_http_client()->send(other);
    REQUIRE(response);
    CHECK(server.requests().back().substr(0, std::string(method).size() + 2) == std::string(method) + " /");
  }
}

TEST_CASE("a connection is used again, also after an error of the server") {
  LoopbackServer server([](const std::string& request) {
    if (request.find("/bad") != std::string::npos) return RawAnswer{"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"};
    return RawAnswer{ok_answer("x")};
  });
  const auto client = mlctl::make_http_client();
  for (const char* path : {"/", "/bad", "/"}) REQUIRE(client->send(get(server.url(path))));
  CHECK(server.connections() == 1);
}

TEST_CASE("a connection that the server closed meanwhile is opened again") {
  LoopbackServer server([](const std::string&) { return RawAnswer{ok_answer("x"), true}; });
  const auto client = mlctl::make_http_client();
  for (int i = 0; i < 3; ++i) REQUIRE(client->send(get(server.url())));
  CHECK(server.connections() == 3);
}

TEST_CASE("a proxy of the environment is not asked for loopback") {
  LoopbackServer server([](const std::string&) { return RawAnswer{ok_answer("x")}; });
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  const auto response = mlctl::make_http_client()->send(get(server.url()));
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  CHECK(response);
}

TEST_CASE("an error does not show user, password or query of a URL") {
  const auto response = mlctl::make_http_client()->send(get("http://user:secret@127.0.0.1:1/x?token=secret"));
  REQUIRE_FALSE(response);
  CHECK(response.error().message.find("secret") == std::string::npos);
}

TEST_CASE("which hosts are this machine") {
  struct Case {
    const char* url;
    bool loopback;
  };
  const Case cases[] = {{"http://127.0.0.1:80/", true},
                        {"http://localhost", true},
                        {"http://[::1]:80/x", true},
                        {"http://user@127.1.2.3/", true},
                        {"http://127.0.0.1@evil.example/", false},
                        {"http://127.evil.example/", false},
                        {"http://example/localhost", false},
                        {"http://localhost.example/", false}};
  for (const auto& c : cases) {
    CAPTURE(c.url);
    CHECK(mlctl::http_detail::is_loopback(mlctl::http_detail::origin_of(c.url)) == c.loopback);
  }
}

TEST_CASE("many exchanges share few connections, each comes back once with its own answer and times") {
  LoopbackServer server(
      [](const std::string& request) { return RawAnswer{ok_answer(request.substr(0, request.find(" HTTP")))}; });
  const auto multiplexer = mlctl::make_http_multiplexer(4);
  const auto begun = mlctl::system_clock().steady();
  for (std::uint64_t id = 0; id < 50; ++id) multiplexer->start(id, shared(get(server.url("/" + std::to_string(id)))));
  CHECK(multiplexer->in_flight() == 50);
  std::set<std::uint64_t> seen;
  while (multiplexer->in_flight() > 0) {
    for (auto& exchange : multiplexer->poll(begun + 20s)) {
      REQUIRE(exchange.response);
      CHECK(exchange.response->body == "GET /" + std::to_string(exchange.id));
      CHECK(exchange.sent >= begun);
      CHECK(exchange.completed > exchange.sent);
      CHECK(seen.insert(exchange.id).second);
    }
    REQUIRE(mlctl::system_clock().steady() < begun + 20s);
  }
  CHECK(seen.size() == 50);
  CHECK(server.connections() <= 4);
}

TEST_CASE("a request started often is never copied") {
  LoopbackServer server([](const std::string&) { return RawAnswer{"", false, true}; });
  const auto request = shared(get(server.url()));
  const auto multiplexer = mlctl::make_http_multiplexer(2);
  for (std::uint64_t id = 0; id < 5; ++id) multiplexer->start(id, request);
  CHECK(request.use_count() == 6);
}

TEST_CASE("what waits too long for a connection times out like what waits too long for its answer") {
  LoopbackServer server([](const std::string&) { return RawAnswer{"", false, true}; });
  auto request = get(server.url());
  request.limit = 100ms;
  const auto shared_request = shared(request);
  const auto multiplexer = mlctl::make_http_multiplexer(1);
  const auto begun = mlctl::system_clock().steady();
  for (std::uint64_t id = 0; id < 3; ++id) multiplexer->start(id, shared_request);
  int timeouts = 0;
  while (multiplexer->in_flight() > 0)
    for (const auto& exchange : multiplexer->poll(begun + 20s))
      if (!exchange.response && exchange.response.error().kind == Error::Kind::timeout) ++timeouts;
  CHECK(timeouts == 3);
  CHECK(mlctl::system_clock().steady() - begun < 10s);
}

TEST_CASE("a refused request comes back from the next poll") {
  const auto multiplexer = mlctl::make_http_multiplexer(1);
  multiplexer->start(7, shared(get("nonsense")));
  CHECK(multiplexer->in_flight() == 1);
  const auto done = multiplexer->poll(mlctl::system_clock().steady());
  REQUIRE(done.size() == 1);
  CHECK(done[0].id == 7);
  CHECK(done[0].response.error().kind == Error::Kind::usage);
  CHECK(multiplexer->in_flight() == 0);
}

TEST_CASE("what a sink is given of an answer that goes on ends a poll, and the exchange goes on") {
  LoopbackServer server([](const std::string&) {
    return RawAnswer{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"};
  });
  std::string taken;
  HttpRequest request = get(server.url());
  request.sink = [&](const mlctl::HttpResponse& so_far, std::string_view bytes) {
    CHECK(so_far.status == 200);
    taken += bytes;
    return mlctl::ok();
  };
  const auto multiplexer = mlctl::make_http_multiplexer(1);
  multiplexer->start(1, shared(std::move(request)));
  auto& clock = mlctl::system_clock();
  const auto begun = clock.steady();
  CHECK(multiplexer->poll(begun + 20s).empty());
  CHECK(clock.steady() - begun < 10s);
  CHECK(taken == "hello");
  CHECK(multiplexer->in_flight() == 1);
}

TEST_CASE("waiting for nothing ends at the time asked for, not before, and a caller who is late still gets answers") {
  LoopbackServer server([](const std::string&) { return RawAnswer{ok_answer("x")}; });
  const auto multiplexer = mlctl::make_http_multiplexer(1);
  auto& clock = mlctl::system_clock();
  const auto until = clock.steady() + 1500us;
  CHECK(multiplexer->poll(until).empty());
  CHECK(clock.steady() >= until);
  multiplexer->start(1, shared(get(server.url())));
  std::size_t answers = 0;
  for (const auto begun = clock.steady(); answers == 0 && clock.steady() < begun + 20s;)
    answers += multiplexer->poll(begun - 1s).size();
  CHECK(answers == 1);
}

TEST_CASE("Ctrl-C ends an exchange") {
  // The server's threads do not survive the fork; the kernel accepts the connection, and nobody answers.
  LoopbackServer server([](const std::string&) { return RawAnswer{"", false, true}; });
  const int code = mlctl::test::in_fork([&] {
    mlctl::install_interrupt_handlers();
    ::alarm(20);
    ::raise(SIGINT);
    const auto response = mlctl::make_http_client()->send(get(server.url()));
    return !response && response.error().kind == Error::Kind::interrupted ? 0 : 1;
  });
  CHECK(code == 0);
}
