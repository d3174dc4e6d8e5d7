// Credentials of registries where docker keeps them: $DOCKER_CONFIG/config.json, else ~/.docker/config.json, and the
// helpers that it names (docker-credential-NAME, run without a shell, bounded in time and output). Whatever else is in
// the file is kept. Secrets never reach an error.
#pragma once
#include <filesystem>
#include <string>

#include "base/result.h"

namespace mlctl::registry {

struct Credentials {
  std::string username, password;
  std::string identity_token;  // for the token service
  std::string registry_token;  // for the registry itself
  [[nodiscard]] bool empty() const { return password.empty() && identity_token.empty() && registry_token.empty(); }
  bool operator==(const Credentials&) const = default;
};

// Error{usage} when neither DOCKER_CONFIG nor HOME is set.
[[nodiscard]] Result<std::filesystem::path> docker_config_path();

// credHelpers[host], else credsStore, else auths[host], whose keys may be URLs; empty when nobody knows the host.
// Error{usage}: a file that is not docker's; Error{unavailable}: a helper that is not there or fails.
[[nodiscard]] Result<Credentials> find_credentials(const std::filesystem::path& config, const std::string& host);
// Into the helper that is in charge of the host, else into the file (mode 0600). Returns where they are, for people.
[[nodiscard]] Result<std::string> store_credentials(const std::filesystem::path& config, const std::string& host,
                                                    const Credentials& credentials);
// False when there were none.
[[nodiscard]] Result<bool> erase_credentials(const std::filesystem::path& config, const std::string& host);

}  // namespace mlctl::registry
