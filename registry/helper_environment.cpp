#include "registry/helper_environment.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unistd.h>

namespace mlctl::registry {
namespace {

// What helpers of clouds and of desktops ask their environment for; nothing else reaches them.
bool is_for_helpers(std::string_view variable) {
  constexpr std::string_view names[] = {"DBUS_SESSION_BUS_ADDRESS",
                                        "DISPLAY",
                                        "WAYLAND_DISPLAY",
                                        "DOCKER_CONFIG",
                                        "USER",
                                        "LOGNAME",
                                        "LANG",
                                        "LC_ALL",
                                        "TMPDIR",
                                        "HTTP_PROXY",
                                        "HTTPS_PROXY",
                                        "NO_PROXY",
                                        "ALL_PROXY",
                                        "http_proxy",
                                        "https_proxy",
                                        "no_proxy",
                                        "all_proxy"};
  constexpr std::string_view prefixes[] = {
      "AWS_", "AZURE_",       "GOOGLE_",      "CLOUDSDK_",       "XDG_",     "GNUPG", "GPG_",
      "GH_",  "GITHUB_TOKEN", "GITLAB_TOKEN", "PASSWORD_STORE_", "SSL_CERT_"};
  return std::find(std::begin(names), std::end(names), variable) != std::end(names) ||
         std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view prefix) { return variable.substr(0, prefix.size()) == prefix; });
}

}  // namespace

std::map<std::string, std::string> helper_environment() {
  std::map<std::string, std::string> chosen;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string_view pair(*one);
    const auto equals = std::min(pair.find('='), pair.size());
    if (equals < pair.size() && is_for_helpers(pair.substr(0, equals)))
      chosen.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return chosen;
}

}  // namespace mlctl::registry
