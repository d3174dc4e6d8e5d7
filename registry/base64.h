// Base64 (RFC 4648, section 4), as docker's configuration and HTTP's Basic scheme write it. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mlctl::registry {

[[nodiscard]] std::string to_base64(std::string_view bytes);
// Padding may be missing; nullopt: another character, or bits left over.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace mlctl::registry
