#include "registry/remote_http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "base/terminal.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t url_limit = 16U << 10U;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Scheme and authority, or nothing.
struct Parts {
  std::string scheme;
  std::string_view authority;
  std::string_view rest;  // path and query
};
std::optional<Parts> parts_of(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const auto end = std::min(url.find_first_of("/?#", colon + 3), url.size());
  Parts parts{lower(url.substr(0, colon)), url.substr(colon + 3, end - colon - 3), url.substr(end)};
  const bool known = parts.scheme == "http" || parts.scheme == "https";
  return known && !parts.authority.empty() ? std::optional(parts) : std::nullopt;
}

}  // namespace

std::string origin(std::string_view url) {
  const auto parts = parts_of(url);
  if (!parts) return "";
  std::string authority = lower(parts->authority.substr(parts->authority.rfind('@') + 1));
  const std::string usual = parts->scheme == "https" ? ":443" : ":80";
  if (authority.size() > usual.size() && authority.compare(authority.size() - usual.size(), usual.size(), usual) == 0)
    authority.resize(authority.size() - usual.size());
  return parts->scheme + "://" + authority;
}

Result<std::string> follow(const std::string& base, std::string_view reference) {
  const auto refuse = [&](const std::string& why) {
    return Error{Error::Kind::unavailable,
                 origin(base) + " leads to " + escape_control(reference.substr(0, 200)) + ": " + why, ""};
  };
  const auto from = parts_of(base);
  if (!from || reference.empty()) return refuse("nowhere");
  if (reference.size() > url_limit) return refuse("too long");
  for (const unsigned char c : reference)
    if (c <= 0x20 || c == 0x7F || c == '\\') return refuse("not a URL");
  std::string target;
  const auto colon = reference.find(':');
  const bool absolute = colon != std::string_view::npos && colon < std::min(reference.find_first_of("/?#"), colon + 1);
  const std::string here = from->scheme + "://" + std::string(from->authority);
  if (absolute) {
    target = reference;
  } else if (reference.substr(0, 2) == "//") {
    target = from->scheme + ":" + std::string(reference);
  } else if (reference.front() == '/') {
    target = here + std::string(reference);
  } else {
    const auto path = from->rest.substr(0, from->rest.find_first_of("?#"));
    const auto folder = path.substr(0, path.rfind('/') + 1);
    target = here +
             (reference.front() == '?' ? std::string(path)
              : folder.empty()         ? "/"
                                       : std::string(folder)) +
             std::string(reference);
  }
  target.resize(std::min(target.find('#'), target.size()));
  const auto to = parts_of(target);
  if (!to) return refuse("neither http nor https");
  if (to->authority.find('@') != std::string_view::npos) return refuse("a user in a URL");
  if (from->scheme == "https" && to->scheme == "http") return refuse("from https to http");
  return target;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      out += c;
    else
      out.append({'%', hex[byte >> 4U], hex[byte & 15U]});
  }
  return out;
}

std::string with_query(const std::string& url, const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out = url;
  for (const auto& [key, value] : parameters)
    out += (out.find('?') == std::string::npos ? "?" : "&") + key + "=" + percent_encode(value);
  return out;
}

std::string next_link(std::string_view header) {
  while (!header.empty()) {
    const auto open = header.find('<');
    const auto close = header.find('>', std::min(open, header.size()));
    if (close == std::string_view::npos) return "";
    const auto end = std::min(header.find(',', close), header.size());
    const std::string parameters = lower(header.substr(close + 1, end - close - 1));
    if (parameters.find("rel=\"next\"") != std::string::npos || parameters.find("rel=next") != std::string::npos)
      return std::string(header.substr(open + 1, close - open - 1));
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return "";
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value > (std::uint64_t{1} << 62U) ? std::nullopt : std::optional(value);
}

std::optional<std::uint64_t> upload_range(std::string_view header) {
  header = trimmed(header);
  if (header.substr(0, 6) == "bytes=") header.remove_prefix(6);
  if (header.substr(0, 2) != "0-") return std::nullopt;
  const auto last = parse_count(header.substr(2));
  return last ? std::optional(*last + 1) : std::nullopt;
}

std::optional<ContentRange> parse_content_range(std::string_view header) {
  header = trimmed(header);
  const auto dash = header.find('-');
  const auto slash = header.find('/');
  if (header.substr(0, 6) != "bytes " || dash == std::string_view::npos || slash == std::string_view::npos ||
      slash < dash)
    return std::nullopt;
  const auto first = parse_count(header.substr(6, dash - 6));
  const auto last = parse_count(header.substr(dash + 1, slash - dash - 1));
  const auto total = parse_count(header.substr(slash + 1));
  if (!first || !last || *last < *first || (!total && header.substr(slash + 1) != "*")) return std::nullopt;
  if (total && *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, total};
}

std::optional<std::chrono::seconds> retry_after(std::string_view header, WallTime now) {
  header = trimmed(header);
  if (const auto count = parse_count(header)) {
    const std::uint64_t year = 31'536'000;
    return std::chrono::seconds(std::min(*count, year));
  }
  const auto date = parse_http_date(header);
  if (!date) return std::nullopt;
  return std::max(*date - now, std::chrono::seconds(0));
}

bool is_passing(int status) {
  constexpr std::array passing{408, 429, 500, 502, 503, 504};
  return std::find(passing.begin(), passing.end(), status) != passing.end();
}

}  // namespace mlctl::registry
