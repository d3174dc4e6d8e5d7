// The `trust:` section of mlctl.yaml: whose signatures count. Files of public keys and certificates, named relative to
// mlctl.yaml; what is read of them here is public by nature, and a private key in their place is refused loudly.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/result.h"
#include "registry/sign.h"

namespace mlctl::registry {

struct TrustConfig {
  std::vector<std::string> keys, roots;  // paths
  std::vector<std::string> identities;
};
[[nodiscard]] Field trust_table();
// Error{usage} with the place: it names nobody; identities without roots.
[[nodiscard]] Result<TrustConfig> decode_trust(const Node& node);
// Paths are relative to `folder`. Error{usage}: no such file, no public key, no certificate, or a private key.
[[nodiscard]] Result<Trust> load_trust(const TrustConfig& config, const std::filesystem::path& folder);

}  // namespace mlctl::registry
