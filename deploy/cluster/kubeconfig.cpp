// The kubeconfig's half of access.h.
#include <algorithm>

#include "base/document.h"
#include "base/filesystem.h"
#include "base/http_detail.h"
#include "base/terminal.h"
#include "base/units.h"
#include "deploy/cluster/access.h"
#include "registry/base64.h"
#include "registry/remote_http.h"

namespace mlctl::deploy {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t certificate_limit = 1U << 20U;  // bytes of a file of certificates, or a key
constexpr std::size_t named_in_a_hint = 10;

Error at(const Node& node, const std::string& message, const std::string& hint = "") {
  return {Error::Kind::usage, to_string(node.position) + ": " + message, hint};
}

std::string text(const Node& node, std::string_view key) {
  const Node* found = node.find(key);
  return found != nullptr && found->kind == Node::Kind::scalar ? found->text : "";
}

bool is_true(const Node& node, std::string_view key) {
  return text(node, key) == "true";
}

// An entry of clusters:, users: or contexts: and the file that it stands in.
struct Entry {
  const Node* node = nullptr;  // cluster:, user: or context:
  fs::path folder;             // from which its paths count
};

struct File {
  fs::path path;
  Node document;
};

class Files {
 public:
  static Result<Files> read(const std::vector<fs::path>& paths) {
    Files files;
    std::vector<fs::path> empty;
    for (const auto& path : paths) {
      auto text = read_file(path, document_limit);
      if (!text && text.error().kind == Error::Kind::not_found) continue;
      if (!text) return Error{Error::Kind::credentials, text.error().message, text.error().hint};
      auto document = parse_yaml(*text, path.string());
      if (!document) return document.error();
      if (document->kind == Node::Kind::null) empty.push_back(path);
      if (document->kind == Node::Kind::null) continue;
      if (document->kind != Node::Kind::map) return at(*document, "not a kubeconfig: no keys and values");
      files.files_.push_back({path, std::move(*document)});
    }
    if (!files.files_.empty()) return files;
    return Error{Error::Kind::credentials,
                 "no kubeconfig: " + (empty.empty() ? named(paths) + " does not exist" : named(empty) + " is empty"),
                 "set KUBECONFIG to the file that leads to the cluster"};
  }

  [[nodiscard]] std::string current_context() const {
    for (const auto& file : files_)
      if (const auto name = deploy::text(file.document, "current-context"); !name.empty()) return name;
    return "";
  }

  // `list` is "contexts", `key` "context".
  [[nodiscard]] Result<Entry> find(const char* list, const char* key, const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& file : files_) {
      const Node* entries = file.document.find(list);
      if (entries == nullptr) continue;
      for (const auto& entry : entries->items) {
        names.push_back(deploy::text(entry, "name"));
        if (names.back() != name) continue;
        const Node* value = entry.find(key);
        if (value == nullptr || value->kind != Node::Kind::map) return at(entry, std::string("no ") + key + ": in it");
        return Entry{value, fs::absolute(file.path).parent_path()};
      }
    }
    return Error{Error::Kind::usage,
                 "no " + std::string(key) + " '" + name + "' in " + files_.front().path.string() +
                     (files_.size() > 1 ? " and " + count_text(files_.size() - 1, "other file") : ""),
                 hint(key, name, names)};
  }

 private:
  static std::string named(const std::vector<fs::path>& paths) {
    std::string out;
    for (const auto& path : paths) out += (out.empty() ? "" : ", ") + path.string();
    return out.empty() ? "KUBECONFIG names no file, and it" : out;
  }

  static std::string hint(const char* key, const std::string& name, const std::vector<std::string>& names) {
    if (const auto near = nearest(name, names); !near.empty()) return "did you mean " + near + "?";
    if (names.empty()) return std::string("it has no ") + key + "s at all";
    std::string out;
    for (std::size_t i = 0; i < std::min(names.size(), named_in_a_hint); ++i) out += (i == 0 ? "" : ", ") + names[i];
    return "there are: " + out + (names.size() > named_in_a_hint ? ", …" : "");
  }

  std::vector<File> files_;
};

// KEY-data in base64, else the file that KEY names; "" where neither is there. The data win, as in client-go.
Result<std::string> pem_of(const Entry& entry, const std::string& key) {
  if (const Node* data = entry.node->find(key + "-data"); data != nullptr && !data->text.empty()) {
    const auto bytes = registry::from_base64(data->text);
    if (!bytes) return at(*data, key + "-data is not base64");
    return *bytes;
  }
  const auto file = text(*entry.node, key);
  if (file.empty()) return std::string();
  auto bytes = read_file(entry.folder / file, certificate_limit);
  if (!bytes) return Error{Error::Kind::credentials, key + ": " + bytes.error().message, ""};
  return bytes;
}

Status add_cluster(const Entry& entry, ClusterAccess& access) {
  const Node& node = *entry.node;
  access.server = text(node, "server");
  while (access.server.ends_with('/')) access.server.pop_back();
  if (!access.server.starts_with("https://") && !access.server.starts_with("http://"))
    return at(node, "the cluster has no server: that is an https:// URL");
  if (access.server.find('@') != std::string::npos) return at(node, "server: a user in a URL");
  access.tls_server_name = text(node, "tls-server-name");
  access.insecure = is_true(node, "insecure-skip-tls-verify");
  access.proxy = text(node, "proxy-url");
  auto authority = pem_of(entry, "certificate-authority");
  if (!authority) return authority.error();
  if (access.insecure && !authority->empty())
    return at(node, "both a certificate authority and insecure-skip-tls-verify", "keep the authority");
  access.ca_pem = std::move(*authority);
  return ok();
}

Result<ExecPlugin> exec_of(const Entry& entry, const Node& node) {
  ExecPlugin plugin;
  plugin.command = text(node, "command");
  if (plugin.command.empty()) return at(node, "exec: no command");
  if (plugin.command.find('/') != std::string::npos) plugin.command = (entry.folder / plugin.command).string();
  plugin.api_version = text(node, "apiVersion");
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1")
    return at(node, "exec: apiVersion is neither client.authentication.k8s.io/v1 nor v1beta1");
  plugin.install_hint = text(node, "installHint");
  plugin.provide_cluster_info = is_true(node, "provideClusterInfo");
  if (text(node, "interactiveMode") == "Always")
    return at(node, "exec: " + plugin.command + " wants to ask a person, and mlctl gives it no terminal",
              "log in with it once by hand, and use interactiveMode: IfAvailable or Never");
  if (const Node* arguments = node.find("args"))
    for (const auto& argument : arguments->items) plugin.arguments.push_back(argument.text);
  if (const Node* environment = node.find("env"))
    for (const auto& item : environment->items) plugin.environment[text(item, "name")] = text(item, "value");
  return plugin;
}

void add_impersonation(const Node& node, ClusterAccess& access) {
  auto& headers = access.impersonation;
  if (const auto user = text(node, "as"); !user.empty()) headers.emplace_back("Impersonate-User", user);
  if (const auto uid = text(node, "as-uid"); !uid.empty()) headers.emplace_back("Impersonate-Uid", uid);
  if (const Node* groups = node.find("as-groups"))
    for (const auto& group : groups->items) headers.emplace_back("Impersonate-Group", group.text);
  if (const Node* extra = node.find("as-user-extra"))
    for (const auto& [key, position, values] : extra->entries)
      for (const auto& value : values.items)
        headers.emplace_back("Impersonate-Extra-" + registry::percent_encode(key), value.text);
}

Status add_user(const Entry& entry, ClusterAccess& access) {
  const Node& node = *entry.node;
  if (node.find("auth-provider") != nullptr)
    return at(node, "auth-provider was taken out of Kubernetes in 1.26", "use the exec plugin of your cloud");
  auto certificate = pem_of(entry, "client-certificate");
  if (!certificate) return certificate.error();
  auto key = pem_of(entry, "client-key");
  if (!key) return key.error();
  if (certificate->empty() != key->empty())
    return at(node, "a client certificate needs its key, and a key its certificate");
  access.client_certificate = std::move(*certificate);
  access.client_key = std::move(*key);
  access.token = text(node, "token");
  if (const auto file = text(node, "tokenFile"); !file.empty()) access.token_file = entry.folder / file;
  access.user = text(node, "username");
  access.password = text(node, "password");
  const bool has_token = !access.token.empty() || !access.token_file.empty();
  if (access.server.starts_with("http://") && !http_detail::is_loopback(http_detail::origin_of(access.server)) &&
      (has_token || !access.user.empty() || node.find("exec") != nullptr))
    return at(node, "its credentials would go to " + access.server + " for everybody on the way to read",
              "use the https:// address of the cluster");
  if (has_token && !access.user.empty()) return at(node, "both a token and a password: the server takes one");
  add_impersonation(node, access);
  const Node* exec = node.find("exec");
  const bool has_other = has_token || !access.user.empty() || !access.client_certificate.empty();
  if (exec == nullptr || exec->kind != Node::Kind::map || has_other) return ok();
  auto plugin = exec_of(entry, *exec);
  if (!plugin) return plugin.error();
  access.exec = std::move(*plugin);
  return ok();
}

}  // namespace

Result<ClusterAccess> read_kubeconfig(const std::vector<fs::path>& paths, const std::string& context) {
  auto files = Files::read(paths);
  if (!files) return files.error();
  ClusterAccess access{.context = context.empty() ? files->current_context() : context};
  if (access.context.empty())
    return Error{Error::Kind::usage, "the kubeconfig has no current-context", "name one: `cluster: {context: NAME}`"};
  auto chosen = files->find("contexts", "context", access.context);
  if (!chosen) return chosen.error();
  access.name_space = text(*chosen->node, "namespace");
  auto cluster = files->find("clusters", "cluster", text(*chosen->node, "cluster"));
  if (!cluster) return cluster.error();
  if (auto added = add_cluster(*cluster, access); !added) return added.error();
  const auto user = text(*chosen->node, "user");
  if (user.empty()) return access;
  auto person = files->find("users", "user", user);
  if (!person) return person.error();
  if (auto added = add_user(*person, access); !added) return added.error();
  return access;
}

}  // namespace mlctl::deploy
