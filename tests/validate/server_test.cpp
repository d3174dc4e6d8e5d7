#include "validate/server.h"

#include <arpa/inet.h>
#include <chrono>
#include <doctest/doctest.h>
#include <filesystem>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "base/clock.h"
#include "base/filesystem.h"
#include "base/network.h"
#include "tests/validate/fake_server.h"

using namespace mlctl;
using namespace mlctl::validate;

namespace {

struct Bench {
  TemporaryFolder folder = std::move(*TemporaryFolder::create());
  std::unique_ptr<HttpClient> client = make_http_client();

  Bench() { REQUIRE(write_file(folder.path() / "files" / "weights.bin", "weights")); }

  [[nodiscard]] ServerSpec spec(const LocalServer& local) const {
    return {.files = folder.path() / "files",
            .folder = folder.path() / "copy",
            .record = folder.path() / "record",
            .model = "m",
            .local = local};
  }
  Result<ModelServer> start(const LocalServer& local) { return ModelServer::start(spec(local), seams()); }
  ServerSeams seams() { return {.client = *client, .clock = system_clock(), .ports = free_loopback_ports}; }
};

// A port that somebody else holds.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket_, 1) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  ~TakenPort() { ::close(socket_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  std::uint16_t port = 0;

 private:
  int socket_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a server runs in a copy of its files, with templates beside them, and leaves them alone") {
  if (!have_fake_server()) return;
  Bench bench;
  auto local = fake_server("good");
  local.templates = {{"conf/settings.json", R"({"port":{port},"other":{}})"}};
  auto server = bench.start(local);
  REQUIRE_MESSAGE(server, server.error().message);
  CHECK(server->alive());
  CHECK(std::filesystem::exists(bench.folder.path() / "copy/weights.bin"));
  const auto settings = read_file(bench.folder.path() / "copy/conf/settings.json", 1000);
  REQUIRE(settings);
  CHECK(*settings == "{\"port\":" + server->url().substr(server->url().rfind(':') + 1) + ",\"other\":{}}");
  CHECK_FALSE(std::filesystem::exists(bench.folder.path() / "files/conf"));
  CHECK(std::filesystem::exists(bench.folder.path() / "record"));
  server->end();
  const auto after = server->alive();
  REQUIRE_FALSE(after);
  CHECK_FALSE(std::filesystem::exists(bench.folder.path() / "record"));
}

TEST_CASE("a server that ends at once is quoted") {
  if (!have_fake_server()) return;
  const auto server = Bench().start(fake_server("silent-exit"));
  REQUIRE_FALSE(server);
  CHECK(server.error().kind == Error::Kind::denied);
  CHECK(contains(server.error().message, "exit code 3"));
  CHECK(contains(server.error().message, "ValueError: no weights here"));
}

TEST_CASE("a server that never gets ready is given up in time") {
  if (!have_fake_server()) return;
  auto local = fake_server("never-ready");
  local.start = std::chrono::seconds(1);
  const auto begin = std::chrono::steady_clock::now();
  const auto server = Bench().start(local);
  REQUIRE_FALSE(server);
  CHECK(server.error().kind == Error::Kind::denied);
  CHECK_MESSAGE(contains(server.error().message, "not ready after 1"), server.error().message);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(15));
}

TEST_CASE("a port that was taken meanwhile is exchanged for another") {
  if (!have_fake_server()) return;
  Bench bench;
  const TakenPort taken;
  int asked = 0;
  auto seams = bench.seams();
  seams.ports = [&](std::size_t count) -> Result<std::vector<std::uint16_t>> {
    auto ports = free_loopback_ports(count);
    if (ports && asked++ == 0) ports->front() = taken.port;
    return ports;
  };
  auto server = ModelServer::start(bench.spec(fake_server("good")), seams);
  REQUIRE_MESSAGE(server, server.error().message);
  CHECK(asked == 2);
}

TEST_CASE("gigabytes of output are drained and bounded") {
  if (!have_fake_server()) return;
  Bench bench;
  auto server = bench.start(fake_server("gigabytes"));
  REQUIRE_MESSAGE(server, server.error().message);
  for (int i = 0; i < 20; ++i) {
    HttpRequest question;
    question.url = server->url() + "/ready";
    const auto answer = bench.client->send(question);
    REQUIRE(answer);
    CHECK(answer->status == 200);
  }
  CHECK(server->alive());
}

TEST_CASE("a program that does not exist is no version's fault") {
  LocalServer local;
  local.command = {"no-such-model-server"};
  local.ready = "/ready";
  const auto server = Bench().start(local);
  REQUIRE_FALSE(server);
  CHECK(server.error().kind == Error::Kind::unavailable);
}

TEST_CASE("copying follows links inside and refuses those that leave") {
  Bench bench;
  const auto files = bench.folder.path() / "files";
  std::filesystem::create_symlink("weights.bin", files / "alias.bin");
  REQUIRE(copy_files(files, bench.folder.path() / "one"));
  CHECK_FALSE(std::filesystem::is_symlink(bench.folder.path() / "one/alias.bin"));
  CHECK(*read_file(bench.folder.path() / "one/alias.bin", 100) == "weights");
  CHECK(std::filesystem::hard_link_count(bench.folder.path() / "one/weights.bin") == 1);
  std::filesystem::create_symlink("/etc/hostname", files / "out");
  const auto status = copy_files(files, bench.folder.path() / "two");
  REQUIRE_FALSE(status);
  CHECK(status.error().kind == Error::Kind::usage);
}

TEST_CASE("last lines") {
  CHECK(last_lines("") == "");
  CHECK(last_lines("\n \n") == "");
  CHECK(last_lines("one") == "one");
  CHECK(last_lines("1\n2\n3\n4\n5\n6\n\n") == "2\n3\n4\n5\n6");
  CHECK(last_lines("a\nb", 1) == "b");
  CHECK(last_lines("\x1b[31mred").find('\x1b') == std::string::npos);
  CHECK(last_lines(std::string(5000, 'x')).size() == 1024);
}
