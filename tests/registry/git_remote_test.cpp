// A remote that is no folder: git's own daemon on a loopback port, so that the protocol and its refusals are real.
#include <arpa/inet.h>
#include <chrono>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <string>
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

  CHECK(*there->missing_tags() == std::vector<std::string>{"a#prod#1"});
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

// A TCP port of its own on loopback: refusing while nobody listens, silent while nobody accepts.
struct Port {
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string url;

  Port() {
    sockaddr_in address{};
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
    CHECK((*here)->missing_tags().error().kind == Error::Kind::timeout);
  }
}

}  // namespace
}  // namespace mlctl::registry
