#include "deploy/cluster/access.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/filesystem.h"

using namespace mlctl;
using namespace mlctl::deploy;
namespace fs = std::filesystem;

namespace {

struct Folder {
  TemporaryFolder folder = *TemporaryFolder::create();
  fs::path write(const std::string& name, const std::string& text) {
    REQUIRE(write_file(folder.path() / name, text));
    return folder.path() / name;
  }
};

std::string config(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
         "contexts: [{name: prod, context: {cluster: c, user: u, namespace: fraud}}]\n"
         "clusters: [{name: c, cluster: {" +
         cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}

std::string without_folder(std::string text, const fs::path& folder) {
  for (auto at = text.find(folder.string()); at != std::string::npos; at = text.find(folder.string()))
    text.erase(at, folder.string().size() + 1);
  return text;
}

}  // namespace

TEST_CASE("KUBECONFIG is a list of files, and without it there is one") {
  CHECK(kubeconfig_files("", "/home/a") == std::vector<fs::path>{"/home/a/.kube/config"});
  CHECK(kubeconfig_files("/a:/b", "/home/a") == std::vector<fs::path>{"/a", "/b"});
  CHECK(kubeconfig_files(":/a::b:", "/home/a") == std::vector<fs::path>{"/a", "b"});
}

TEST_CASE("every credential of a kubeconfig is read") {
  Folder folder;
  folder.write("ca.crt", "AUTHORITY");
  folder.write("me.crt", "CERTIFICATE");
  folder.write("me.key", "KEY");
  struct Case {
    const char* what;
    std::string cluster, user;
    void (*check)(const ClusterAccess&, const fs::path&);
  };
  for (const auto& c : std::vector<Case>{
           {"files, which count from the kubeconfig's folder", "server: https://k:6443/, certificate-authority: ca.crt",
            "client-certificate: me.crt, client-key: me.key",
            [](const ClusterAccess& a, const fs::path&) {
              CHECK(a.server == "https://k:6443");
              CHECK(a.ca_pem == "AUTHORITY");
              CHECK(a.client_certificate == "CERTIFICATE");
              CHECK(a.client_key == "KEY");
              CHECK(a.name_space == "fraud");
            }},
           {"data, which win over files",
            "server: https://k, certificate-authority: missing, certificate-authority-data: QQ==",
            "client-certificate-data: Qg==, client-key-data: Qw==",
            [](const ClusterAccess& a, const fs::path&) {
              CHECK(a.ca_pem == "A");
              CHECK(a.client_certificate == "B");
              CHECK(a.client_key == "C");
            }},
           {"a token, and who is meant", "server: https://k, tls-server-name: api, proxy-url: http://p:1",
            "token: t, as: alice, as-uid: '7', as-groups: [a, b], as-user-extra: {scope: [x]}",
            [](const ClusterAccess& a, const fs::path&) {
              CHECK(a.token == "t");
              CHECK(a.tls_server_name == "api");
              CHECK(a.proxy == "http://p:1");
              REQUIRE(a.impersonation.size() == 5);
              CHECK(a.impersonation[0] == std::pair<std::string, std::string>("Impersonate-User", "alice"));
              CHECK(a.impersonation[3].second == "b");
              CHECK(a.impersonation[4].first == "Impersonate-Extra-scope");
            }},
           {"a token's file", "server: https://k, insecure-skip-tls-verify: true", "tokenFile: token",
            [](const ClusterAccess& a, const fs::path& at) {
              CHECK(a.insecure);
              CHECK(a.token_file == at / "token");
            }},
           {"a password", "server: https://k", "username: a, password: b",
            [](const ClusterAccess& a, const fs::path&) { CHECK(a.user + "/" + a.password == "a/b"); }},
           {"a plugin beside the kubeconfig", "server: https://k",
            "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, args: [-x, y], env: [{name: A, "
            "value: b}], installHint: get it, provideClusterInfo: true, interactiveMode: Never}",
            [](const ClusterAccess& a, const fs::path& at) {
              REQUIRE(a.exec);
              CHECK(a.exec->command == (at / "./login").string());
              CHECK(a.exec->arguments == std::vector<std::string>{"-x", "y"});
              CHECK(a.exec->environment == std::map<std::string, std::string>{{"A", "b"}});
              CHECK(a.exec->provide_cluster_info);
            }},
           {"a plugin beside a token is not asked", "server: https://k",
            "token: t, exec: {apiVersion: client.authentication.k8s.io/v1, command: login}",
            [](const ClusterAccess& a, const fs::path&) { CHECK(!a.exec); }},
           {"nobody at all", "server: http://127.0.0.1:8001", "",
            [](const ClusterAccess& a, const fs::path&) { CHECK(a.token.empty()); }},
       }) {
    CAPTURE(c.what);
    const auto access = read_kubeconfig({folder.write("config", config(c.cluster, c.user))}, "");
    REQUIRE_MESSAGE(access, (access ? "" : access.error().message));
    CHECK(access->context == "prod");
    c.check(*access, folder.folder.path());
  }
}

TEST_CASE("of entries with one name the first file's counts, and a missing file is passed over") {
  Folder folder;
  const auto first = folder.write("first", "clusters: [{name: c, cluster: {server: https://first}}]\n");
  const auto second = folder.write("second", config("server: https://second", "token: t"));
  const auto access = read_kubeconfig({folder.folder.path() / "none", first, second}, "prod");
  REQUIRE(access);
  CHECK(access->server == "https://first");
  CHECK(access->token == "t");
}

TEST_CASE("what is wrong in a kubeconfig is said with its place") {
  Folder folder;
  struct Case {
    const char* what;
    std::string text, context, message;
  };
  const std::string good = "server: https://k";
  for (const auto& c : std::vector<Case>{
           {"not YAML", "a: [", "", "config:2:1: end of sequence flow not found"},
           {"a list", "[a]", "", "config:1:1: not a kubeconfig: no keys and values"},
           {"no current context", "clusters: []", "", "the kubeconfig has no current-context"},
           {"another context", config(good, ""), "pro", "no context 'pro' in config"},
           {"no such cluster", "contexts: [{name: a, context: {cluster: b}}]", "a", "no cluster 'b' in config"},
           {"no server", config("x: y", ""), "", "config:5:31: the cluster has no server: that is an https:// URL"},
           {"a key alone", config(good, "client-key-data: QQ=="), "",
            "config:6:25: a client certificate needs its key, and a key its certificate"},
           {"not base64", config(good, "client-key-data: '%%'"), "", "config:6:43: client-key-data is not base64"},
           {"no such file", config(good, "client-key: none"), "", "client-key: no such file: none"},
           {"both", config(good, "token: secret, username: a"), "",
            "config:6:25: both a token and a password: the server takes one"},
           {"both of the server",
            config(good + ", certificate-authority-data: QQ==, insecure-skip-tls-verify: true", ""), "",
            "config:5:31: both a certificate authority and insecure-skip-tls-verify"},
           {"what Kubernetes took out", config(good, "auth-provider: {name: gcp}"), "",
            "config:6:25: auth-provider was taken out of Kubernetes in 1.26"},
           {"a plugin of another time", config(good, "exec: {command: x, apiVersion: v1alpha1}"), "",
            "config:6:32: exec: apiVersion is neither client.authentication.k8s.io/v1 nor v1beta1"},
           {"a plugin that asks",
            config(good,
                   "exec: {command: x, apiVersion: client.authentication.k8s.io/v1, "
                   "interactiveMode: Always}"),
            "", "config:6:32: exec: x wants to ask a person, and mlctl gives it no terminal"},
           {"a token without TLS", config("server: http://k", "token: secret"), "",
            "config:6:25: its credentials would go to http://k for everybody on the way to read"},
           {"a user in the server", config("server: https://a:secret@k", ""), "",
            "config:5:31: server: a user in a URL"},
       }) {
    CAPTURE(c.what);
    const auto access = read_kubeconfig({folder.write("config", c.text)}, c.context);
    REQUIRE(!access);
    CHECK(without_folder(access.error().message, folder.folder.path()) == c.message);
    CHECK(access.error().message.find("secret") == std::string::npos);
  }
  CHECK(read_kubeconfig({folder.folder.path() / "none"}, "").error().kind == Error::Kind::credentials);
}

TEST_CASE("in a pod the service account asks, and nowhere else") {
  Folder folder;
  folder.write("token", "t");
  folder.write("ca.crt", "AUTHORITY");
  folder.write("namespace", "team");
  const auto access = in_cluster_access("fd00::1", "443", folder.folder.path());
  REQUIRE(access);
  CHECK(access->server == "https://[fd00::1]:443");
  CHECK(access->ca_pem == "AUTHORITY");
  CHECK(access->name_space == "team");
  CHECK(in_cluster_access("", "", folder.folder.path()).error().kind == Error::Kind::credentials);
  CHECK(in_cluster_access("a", "1", folder.folder.path() / "none").error().kind == Error::Kind::credentials);
}
