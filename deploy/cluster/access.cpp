#include "deploy/cluster/access.h"

#include <cstdlib>

#include "base/filesystem.h"
#include "base/terminal.h"
#include "registry/remote_http.h"

namespace mlctl::deploy {
namespace {

constexpr const char* account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::uint64_t file_limit = 1U << 20U;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Error outside(const std::string& why) {
  return {Error::Kind::credentials, std::string("context ") + in_cluster_context + ": " + why,
          "it is for processes inside a pod; outside, name a context of your kubeconfig"};
}

}  // namespace

std::vector<std::filesystem::path> kubeconfig_files(std::string_view kubeconfig, std::string_view home) {
  std::vector<std::filesystem::path> files;
  if (kubeconfig.empty()) return {std::filesystem::path(home) / ".kube" / "config"};
  for (std::size_t begin = 0; begin <= kubeconfig.size();) {
    const auto end = std::min(kubeconfig.find(':', begin), kubeconfig.size());
    if (end > begin) files.emplace_back(kubeconfig.substr(begin, end - begin));
    begin = end + 1;
  }
  return files;
}

Result<ClusterAccess> in_cluster_access(const std::string& host, const std::string& port,
                                        const std::filesystem::path& folder) {
  if (host.empty() || port.empty()) return outside("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  ClusterAccess access{.context = in_cluster_context};
  access.server = "https://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
  access.token_file = folder / "token";
  auto token = read_file(access.token_file, file_limit);
  if (!token) return outside(token.error().message);
  auto authority = read_file(folder / "ca.crt", file_limit);
  if (!authority) return outside(authority.error().message);
  access.ca_pem = std::move(*authority);
  if (auto name = read_file(folder / "namespace", file_limit)) access.name_space = std::move(*name);
  return access;
}

Result<ClusterAccess> find_access(const std::string& context) {
  if (context == in_cluster_context)
    return in_cluster_access(variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"), account_folder);
  return read_kubeconfig(kubeconfig_files(variable("KUBECONFIG"), variable("HOME")), context);
}

}  // namespace mlctl::deploy
