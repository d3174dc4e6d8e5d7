// Where a registry behind a network is: oci://HOST[:PORT][/PATH]. Pure.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/name.h"

namespace mlctl::registry {

// What arrives with another digest than it should is fetched once more: a proxy on the way may have spoilt it.
inline constexpr int corrupt_fetches = 2;

struct RemoteAddress {
  std::string host;  // "registry.example:5000", lower case
  std::string path;  // "team/models", or "": models stand at the top
  bool plain_http = false;
  bool operator==(const RemoteAddress&) const = default;
};

// Error{usage}, which does not repeat it, for an address with an @ in it: what stands before may be a password.
[[nodiscard]] Status check_no_login(std::string_view registry);
[[nodiscard]] bool is_remote(std::string_view registry);  // begins with oci://
// Error{usage} shows the form. The path is made of parts that repositories may have (OCI distribution 1.1).
[[nodiscard]] Result<RemoteAddress> parse_remote_address(std::string_view text);
// HOST[:PORT] alone, as `login` takes it; a scheme before it and a path after it are refused.
[[nodiscard]] Result<std::string> parse_registry_host(std::string_view text);
[[nodiscard]] std::string to_string(const RemoteAddress& address);  // "oci://registry.example:5000/team/models"
// "https://registry.example:5000"; docker.io answers at another name.
[[nodiscard]] std::string origin_url(const RemoteAddress& address);
[[nodiscard]] std::string repository_of(const RemoteAddress& address, const ModelName& model);

}  // namespace mlctl::registry
