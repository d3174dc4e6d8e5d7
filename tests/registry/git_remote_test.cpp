// A remote that is no folder: git's own daemon on a loopback port, so that the protocol and its refusals are real.
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <functional>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "base/network.h"
#include "base/process.h"
#include "registry/intent.h"
#include "tests/registry/repository_fixture.h"

namespace mlctl::registry {
namespace {

using test::git;
using test::put;
using test::Repository;

struct Daemon {
  const Repository& repository;
  std::optional<ChildProcess> process;
  std::string url;

  explicit Daemon(const Repository& served) : repository(served) {
    auto ports = free_loopback_ports(1);
    REQUIRE(ports);
    const std::string port = std::to_string(ports->at(0));
    url = "git://127.0.0.1:" + port + "/origin.git";
    ProcessSpec spec{{"git", "daemon", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1", "--port=" + port,
                      "--base-path=" + repository.folder.path().string()},
                     {},
                     repository.folder.path()};
    auto started = ChildProcess::start(spec);
    if (started) process = std::move(*started);
  }

  // False where git has no daemon.
  bool answers() {
    for (int tries = 0; process && tries < 200; ++tries) {
      if (process->poll()) return false;
      auto done = run_process({{"git", "ls-remote", url}, {}, "/"}, std::chrono::seconds(10));
      if (done && done->exit_code == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
};

TEST_CASE("a remote behind a server: what it refuses is a conflict") {
  const Repository repository;
  const auto base = repository.commit({{"a", "1"}});
  Daemon daemon(repository);
  if (!daemon.answers()) {
    MESSAGE("skipped: git daemon does not start here");
    return;
  }
  const auto other = repository.clone("other");
  git(repository.work, {"remote", "set-url", "origin", daemon.url});
  git(other, {"remote", "set-url", "origin", daemon.url});
  auto here = repository.open();
  auto there = Repository::open_at(other);

  const auto mine = *here->make_tag("a#prod#1", base, "mine\n");
  const auto theirs = *there->make_tag("a#prod#1", base, "theirs\n");
  const auto first = here->push({{mine, "refs/tags/a#prod#1"}});
  REQUIRE_MESSAGE(first, (first ? "" : first.error().message));
  CHECK(here->push({{mine, "refs/tags/a#prod#1"}}));
  CHECK(there->push({{theirs, "refs/tags/a#prod#1"}}).error().kind == Error::Kind::conflict);
  CHECK(git(repository.origin, {"rev-parse", "a#prod#1"}) == mine);

  const auto one = *here->make_commit({base, {{"x", "1"}}, {}, "one"});
  const auto two = *there->make_commit({base, {{"x", "2"}}, {}, "two"});
  REQUIRE(here->push({{one, "refs/heads/deploy"}}));
  CHECK(there->push({{two, "refs/heads/deploy"}}).error().kind == Error::Kind::conflict);
  REQUIRE(*there->fetch_branch("deploy") == one);
  CHECK(there->push({{two, "refs/heads/deploy"}}).error().kind == Error::Kind::conflict);
  const auto three = *there->make_commit({one, {{"x", "3"}}, {}, "three"});
  CHECK(there->push({{three, "refs/heads/deploy"}}));

  CHECK(there->compare_tags()->missing == std::vector<std::string>{"a#prod#1"});
  AssignRequest request{{"", "a"}, "prod", *parse_version("v1.0.0"), digest_of("x"), base};
  git(other, {"tag", "-a", "-m", "by hand", "a@v1.0.0", base});
  // The first assignment was made by hand and says no version: a@v1.0.0 is the only one at its commit.
  auto taken = assign(*there, request);
  REQUIRE_MESSAGE(taken, (taken ? "" : taken.error().message));
  CHECK(taken->n == 1);
  CHECK(taken->existed);
  request.version = *parse_version("v1.0.1");
  CHECK(assign(*there, request)->n == 2);
  CHECK(git(repository.origin, {"tag", "-l", "a#prod#2"}) == "a#prod#2");
}

TEST_CASE("a rule of the remote that forbids a tag is told as what it is") {
  const Repository repository;
  const auto base = repository.commit({{"a", "1"}});
  Daemon daemon(repository);
  if (!daemon.answers()) {
    MESSAGE("skipped: git daemon does not start here");
    return;
  }
  const auto hook = repository.origin / "hooks" / "update";
  put(hook, "#!/bin/sh\ncase $1 in *prod*) echo 'prod is protected' >&2; exit 1 ;; esac\n");
  std::filesystem::permissions(hook, std::filesystem::perms::owner_all);
  git(repository.work, {"remote", "set-url", "origin", daemon.url});
  auto here = repository.open();
  auto refused = assign(*here, {{"", "a"}, "prod", *parse_version("v1.0.0"), digest_of("x"), base});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::denied);
  CHECK(refused.error().message.find("hook declined") != std::string::npos);
  CHECK(here->tags()->empty());
  CHECK(assign(*here, {{"", "a"}, "staging", *parse_version("v1.0.0"), digest_of("x"), base}));
}

// A TCP port of its own on loopback: refusing while nobody listens, silent while nobody accepts.
struct Port {
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  std::string url;

  Port() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    url = "127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/x.git";
  }
  ~Port() { ::close(socket); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
};

// What libgit2 asks first of an http remote.
std::string first_request(const Port& port, const std::function<void()>& ask) {
  REQUIRE(::listen(port.socket, 4) == 0);
  std::string seen;
  std::thread server([&] {
    const int peer = ::accept(port.socket, nullptr, nullptr);
    char buffer[4096];
    for (long got = 1; got > 0 && seen.find("\r\n\r\n") == std::string::npos;) {
      got = ::read(peer, buffer, sizeof buffer);
      if (got > 0) seen.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(peer);
  });
  ask();
  server.join();
  return seen;
}

TEST_CASE("a header for one place is not sent to another") {
  struct Case {
    std::string prefix;
    bool sent;
  };
  const Repository repository;
  const Port port;
  const std::string host = "http://" + port.url.substr(0, port.url.find('/'));
  git(repository.work, {"remote", "set-url", "origin", "http://" + port.url});
  for (const auto& c : std::vector<Case>{{"", true},
                                         {host, true},
                                         {host + "/", true},
                                         {host + "/x.git", true},
                                         {host + "/x", false},
                                         {host.substr(0, host.size() - 1), false},
                                         {host.substr(0, host.rfind(':')), false}}) {
    CAPTURE(c.prefix);
    const std::string key = c.prefix.empty() ? "http.extraheader" : "http." + c.prefix + ".extraheader";
    git(repository.work, {"config", key, "X-Token: secret"});
    auto here = open_git(repository.work, std::chrono::seconds(5));
    REQUIRE(here);
    const auto seen = first_request(port, [&] { static_cast<void>((*here)->compare_tags().error()); });
    CHECK(seen.find("GET /x.git/info/refs") == 0);
    CHECK((seen.find("X-Token: secret") != std::string::npos) == c.sent);
    git(repository.work, {"config", "--unset-all", key});
  }
}

// Answers 401 to whatever is asked, once or twice.
std::string with_login(const Port& port, const std::function<void()>& ask) {
  REQUIRE(::listen(port.socket, 4) == 0);
  std::string seen;
  std::atomic<bool> done{false};
  std::thread server([&] {
    for (;;) {
      const int peer = ::accept(port.socket, nullptr, nullptr);
      if (done || peer < 0) return static_cast<void>(::close(peer));
      char buffer[4096];
      std::string request;
      for (long got = 1; got > 0 && request.find("\r\n\r\n") == std::string::npos;) {
        got = ::read(peer, buffer, sizeof buffer);
        if (got > 0) request.append(buffer, static_cast<std::size_t>(got));
      }
      seen += request;
      const std::string_view answer =
          "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      if (::write(peer, answer.data(), answer.size()) < 0) seen += "broken";
      ::close(peer);
    }
  });
  ask();
  done = true;
  const int last = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(last, reinterpret_cast<const sockaddr*>(&port.address), sizeof port.address) == 0);
  server.join();
  ::close(last);
  return seen;
}

TEST_CASE("a remote that wants credentials gets those of the repository's helper, and says what was wrong") {
  struct Case {
    std::string helper, said;
    bool sent;
  };
  for (const auto& c : std::vector<Case>{{"", "cannot ask origin: it wants credentials", false},
                                         {"!f() { echo username=u; echo password=s3cr3t; }; f",
                                          "cannot ask origin: it refuses the credentials", true}}) {
    CAPTURE(c.said);
    const Repository repository;
    const Port port;
    git(repository.work, {"remote", "set-url", "origin", "http://" + port.url});
    git(repository.work, {"config", "credential.helper", c.helper});
    auto here = open_git(repository.work, std::chrono::seconds(20));
    REQUIRE(here);
    std::optional<Error> error;
    const auto seen = with_login(port, [&] { error = (*here)->compare_tags().error(); });
    REQUIRE(error);
    CHECK(error->kind == Error::Kind::credentials);
    CHECK(error->message == c.said);
    CHECK((seen.find("Authorization: Basic dTpzM2NyM3Q=") != std::string::npos) == c.sent);
  }
}

TEST_CASE("a server that refuses is unavailable, not a refusal of ours") {
  const Repository repository;
  const auto base = repository.commit({{"a", "1"}});
  const Port port;
  git(repository.work, {"remote", "set-url", "origin", "git://" + port.url});
  auto here = repository.open();
  CHECK(here->push({{base, "refs/heads/x"}}).error().kind == Error::Kind::unavailable);
  CHECK(here->fetch_tags().error().kind == Error::Kind::unavailable);
  CHECK(here->fetch_branch("main").error().kind == Error::Kind::unavailable);
}

TEST_CASE("a server that is silent is given up in time") {
  const Repository repository;
  const auto base = repository.commit({{"a", "1"}});
  const Port port;
  REQUIRE(::listen(port.socket, 64) == 0);
  for (const auto* scheme : {"git://", "https://", "http://", "ssh://git@"}) {
    CAPTURE(scheme);
    git(repository.work, {"remote", "set-url", "origin", scheme + port.url});
    auto here = open_git(repository.work, std::chrono::milliseconds(50));
    REQUIRE(here);
    CHECK((*here)->push({{base, "refs/heads/x"}}).error().kind == Error::Kind::timeout);
    CHECK((*here)->compare_tags().error().kind == Error::Kind::timeout);
  }
}

TEST_CASE("a server that does not even take the connection is given up in time") {
  const Repository repository;
  repository.commit({{"a", "1"}});
  const Port port;
  REQUIRE(::listen(port.socket, 0) == 0);
  // Once its queue is full, further connections wait for an answer that does not come.
  std::vector<int> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    static_cast<void>(::connect(waiting.back(), reinterpret_cast<const sockaddr*>(&port.address), sizeof port.address));
  }
  for (const auto* scheme : {"git://", "ssh://git@"}) {
    CAPTURE(scheme);
    git(repository.work, {"remote", "set-url", "origin", scheme + port.url});
    auto here = open_git(repository.work, std::chrono::milliseconds(50));
    REQUIRE(here);
    CHECK((*here)->compare_tags().error().kind == Error::Kind::timeout);
  }
  for (const int fd : waiting) ::close(fd);
}

}  // namespace
}  // namespace mlctl::registry
