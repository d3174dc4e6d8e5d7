// Which API server, and who asks it: from the user's kubeconfig files, or, inside a cluster, from the pod's own service
// account. Nothing here talks to a network. Sources: client-go tools/clientcmd/api/v1 and rest.InClusterConfig.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mlctl::deploy {

// A program that says who asks (client.authentication.k8s.io/v1 and v1beta1).
struct ExecPlugin {
  std::string command;  // with a slash: an absolute path
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::string api_version, install_hint;
  bool provide_cluster_info = false;
  bool operator==(const ExecPlugin&) const = default;
};

struct ClusterAccess {
  std::string context;
  std::string server;           // https://HOST[:PORT][/PATH], no slash at the end
  std::string tls_server_name;  // the name that the certificate must have; "": that of the server
  std::string ca_pem;           // "": the system's
  bool insecure = false;        // the certificate is not looked at
  std::string proxy;            // "": from the environment
  std::string name_space;       // of the context; "" when it has none

  std::string client_certificate, client_key;  // PEM
  std::string token;
  std::filesystem::path token_file;  // read again every minute; wins over `token`
  std::string user, password;
  std::vector<std::pair<std::string, std::string>> impersonation;  // headers
  std::optional<ExecPlugin> exec;                                  // nullopt where another credential is there
};

inline constexpr const char* in_cluster_context = "in-cluster";

// $KUBECONFIG is a list of files, of which those that are missing are passed over; without it ~/.kube/config.
[[nodiscard]] std::vector<std::filesystem::path> kubeconfig_files(std::string_view kubeconfig, std::string_view home);

// The first file that has an entry of a name wins. `context` "": the files' current one. Error{usage} with the file and
// the line: a malformed file, a context, cluster or user that is not there (names those that are), a credential that no
// longer exists in Kubernetes; Error{credentials}: a certificate or key file that cannot be read.
[[nodiscard]] Result<ClusterAccess> read_kubeconfig(const std::vector<std::filesystem::path>& files,
                                                    const std::string& context);

// Of the pod that this process runs in. `host` and `port` are KUBERNETES_SERVICE_HOST and _PORT, `folder` is
// /var/run/secrets/kubernetes.io/serviceaccount. Error{credentials} outside a cluster.
[[nodiscard]] Result<ClusterAccess> in_cluster_access(const std::string& host, const std::string& port,
                                                      const std::filesystem::path& folder);

// The context that an environment names: `in-cluster` is the pod's own, every other one stands in the kubeconfig. A
// missing kubeconfig never leads to the cluster that this process happens to run in.
[[nodiscard]] Result<ClusterAccess> find_access(const std::string& context);

}  // namespace mlctl::deploy
