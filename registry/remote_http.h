// What HTTP says to a registry's client, as values: URLs and redirects, ranges, links, waiting. Pure; all input
// hostile. Sources: RFC 3986, 8288, 9110; OCI distribution 1.1.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mlctl::registry {

// "https://host:port", lower case, a default port left out, no user: equal for one origin, "" for what is no URL.
[[nodiscard]] std::string origin(std::string_view url);
// Where `reference` leads from `base`: absolute, or relative as Locations are. Error{unavailable}: neither http nor
// https, from https to http, a user in it, control characters, more than 16 KiB.
[[nodiscard]] Result<std::string> follow(const std::string& base, std::string_view reference);
[[nodiscard]] std::string percent_encode(std::string_view text);  // all but unreserved characters
// url + "?a=b", or "&a=b" where it has a query.
[[nodiscard]] std::string with_query(const std::string& url,
                                     const std::vector<std::pair<std::string, std::string>>& parameters);

// The target of rel="next" in a Link header, or "".
[[nodiscard]] std::string next_link(std::string_view header);
// How many bytes an upload has, by "0-<end>" (also "bytes=0-<end>"); nullopt: not said. "0-0" is 1 and may mean 0.
[[nodiscard]] std::optional<std::uint64_t> upload_range(std::string_view header);
struct ContentRange {
  std::uint64_t first = 0, last = 0;
  std::optional<std::uint64_t> total;
  bool operator==(const ContentRange&) const = default;
};
[[nodiscard]] std::optional<ContentRange> parse_content_range(
    std::string_view header);                                                   // "bytes 0-9/100", "bytes 0-9/*"
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text);  // decimal digits only

// Seconds, or a date; nullopt: not said. Never negative.
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(std::string_view header, WallTime now);
// Worth asking again: 408, 429, 500, 502, 503, 504.
[[nodiscard]] bool is_passing(int status);

}  // namespace mlctl::registry
