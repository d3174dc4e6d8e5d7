#include "deploy/cluster/credentials.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>

#include "base/filesystem.h"

using namespace mlctl;
using namespace mlctl::deploy;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr const char* v1 = "client.authentication.k8s.io/v1";

std::string authorization(Credentials& credentials) {
  const auto identity = credentials.current();
  if (!identity) return identity.error().message;
  for (const auto& [name, value] : identity->headers)
    if (name == "Authorization") return value;
  return "";
}

// A plugin that answers what the test says.
struct Plugin {
  std::string output;
  int exit_code = 0, runs = 0;
  ProcessSpec last;
  Credentials::Run run() {
    return [this](const ProcessSpec& spec, std::chrono::milliseconds) {
      ++runs;
      last = spec;
      return Result<ProcessResult>(ProcessResult{exit_code, output});
    };
  }
};

std::string answer(const std::string& status) {
  return std::string(R"({"kind":"ExecCredential","apiVersion":")") + v1 + R"(","status":)" + status + "}";
}

ClusterAccess with_plugin() {
  ClusterAccess access{.context = "prod", .server = "https://k"};
  access.exec = ExecPlugin{.command = "login",
                           .arguments = {"--as", "a b"},
                           .environment = {{"A", "b"}},
                           .api_version = v1,
                           .install_hint = "get login from the platform team"};
  return access;
}

}  // namespace

TEST_CASE("a token and a password become a header") {
  ManualClock clock;
  ClusterAccess access{.context = "prod", .token = "t", .impersonation = {{"Impersonate-User", "a"}}};
  Credentials bearer(access, clock);
  CHECK(authorization(bearer) == "Bearer t");
  CHECK(bearer.current()->headers.front().first == "Impersonate-User");
  CHECK(!bearer.refused());
  Credentials basic(ClusterAccess{.user = "a", .password = "b"}, clock);
  CHECK(authorization(basic) == "Basic YTpi");
}

TEST_CASE("a token's file is read again after a minute, or when the server refuses it") {
  ManualClock clock;
  const auto folder = *TemporaryFolder::create();
  REQUIRE(write_file(folder.path() / "token", "one\n"));
  Credentials credentials(ClusterAccess{.context = "prod", .token = "old", .token_file = folder.path() / "token"},
                          clock);
  CHECK(authorization(credentials) == "Bearer one");
  REQUIRE(write_file(folder.path() / "token", "two\n"));
  clock.advance(seconds(59));
  CHECK(authorization(credentials) == "Bearer one");
  clock.advance(seconds(1));
  CHECK(authorization(credentials) == "Bearer two");
  REQUIRE(write_file(folder.path() / "token", "three"));
  CHECK(credentials.refused());
  CHECK(authorization(credentials) == "Bearer three");
}

TEST_CASE("a plugin is asked once, and again when its token expires or is refused") {
  ManualClock clock;
  Plugin plugin{answer(R"({"token":"one","expirationTimestamp":"2026-01-01T00:10:00Z"})")};
  Credentials credentials(with_plugin(), clock, plugin.run());
  CHECK(authorization(credentials) == "Bearer one");
  CHECK(authorization(credentials) == "Bearer one");
  CHECK(plugin.runs == 1);
  CHECK(plugin.last.command == std::vector<std::string>{"login", "--as", "a b"});
  CHECK(plugin.last.environment.at("A") == "b");
  CHECK(plugin.last.environment.at("KUBERNETES_EXEC_INFO") ==
        std::string(R"({"apiVersion":")") + v1 + R"(","kind":"ExecCredential","spec":{"interactive":false}})");
  plugin.output = answer(R"({"clientCertificateData":"C","clientKeyData":"K"})");
  clock.advance(minutes(9) + seconds(55));
  CHECK(credentials.current()->client_key == "K");
  CHECK(plugin.runs == 2);
  CHECK(credentials.refused());
  CHECK(credentials.current());
  CHECK(plugin.runs == 3);
}

TEST_CASE("a plugin that gives nothing is named, with what a person can type, and nothing of what it said") {
  struct Case {
    const char* what;
    std::string output;
    int exit_code;
    std::string message;
  };
  for (const auto& c : std::vector<Case>{
           {"it fails", "secret", 7, "context prod: login gave no credentials: exit code 7"},
           {"no JSON", "secret", 0, "context prod: login: its answer is not an ExecCredential"},
           {"another version", R"({"kind":"ExecCredential","apiVersion":"secret"})", 0,
            std::string("context prod: login: its answer is not an ExecCredential of ") + v1},
           {"no status", answer("null"), 0, "context prod: login: its answer has no status"},
           {"nothing in it", answer(R"({"token":""})"), 0,
            "context prod: login: its answer holds neither a token nor a certificate"},
           {"half a certificate", answer(R"({"clientKeyData":"secret"})"), 0,
            "context prod: login: its answer has a certificate without a key, or a key without a certificate"},
           {"no time", answer(R"({"token":"secret","expirationTimestamp":"secret"})"), 0,
            "context prod: login: its answer: expirationTimestamp is not a time"},
       }) {
    CAPTURE(c.what);
    ManualClock clock;
    Plugin plugin{c.output, c.exit_code};
    Credentials credentials(with_plugin(), clock, plugin.run());
    const auto identity = credentials.current();
    REQUIRE(!identity);
    CHECK(identity.error().kind == Error::Kind::credentials);
    CHECK(identity.error().message == c.message);
    CHECK(identity.error().hint.find("secret") == std::string::npos);
    if (c.exit_code != 0) CHECK(identity.error().hint.find("a b") == std::string::npos);  // an argument may be a secret
  }
}

TEST_CASE("a plugin is told about the cluster when it asks for it") {
  auto access = with_plugin();
  access.exec->provide_cluster_info = true;
  access.ca_pem = "A";
  access.tls_server_name = "api";
  const auto info = nlohmann::json::parse(exec_info(access));
  CHECK(info["spec"]["cluster"] ==
        nlohmann::json({{"server", "https://k"}, {"tls-server-name", "api"}, {"certificate-authority-data", "QQ=="}}));
}
