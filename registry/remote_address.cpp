#include "registry/remote_address.h"

#include <algorithm>
#include <charconv>

#include "base/terminal.h"

namespace mlctl::registry {
namespace {

constexpr std::string_view scheme = "oci://";

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  return !text.empty() && text.size() <= 5 && parsed.ptr == text.data() + text.size() && port > 0 && port < 65536;
}

bool is_host(std::string_view host) {
  if (host.substr(0, 1) == "[")
    return host.size() > 3 && host.back() == ']' &&
           host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
  const auto legal = [](char c) { return is_lower(c) || is_digit(c) || c == '.' || c == '-'; };
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), legal) && host.front() != '.' &&
         host.front() != '-' && host.find("..") == std::string_view::npos;
}

bool is_authority(std::string_view text) {
  const auto colon = text.rfind(':');
  const bool in_brackets = text.substr(0, 1) == "[" && (colon == std::string_view::npos || colon < text.find(']'));
  if (colon == std::string_view::npos || in_brackets) return is_host(text);
  return is_host(text.substr(0, colon)) && is_port(text.substr(colon + 1));
}

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool is_part(std::string_view part) {
  const auto alphanumeric = [](char c) { return is_lower(c) || is_digit(c); };
  if (part.empty() || !alphanumeric(part.front()) || !alphanumeric(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    if (alphanumeric(part[i])) {
      ++i;
      continue;
    }
    const auto end = std::min(part.find_first_not_of(part[i], i), part.size());
    const auto run = end - i;
    const bool legal = part[i] == '-' || (part[i] == '.' && run == 1) || (part[i] == '_' && run <= 2);
    if (!legal || (end < part.size() && !alphanumeric(part[end]))) return false;
    i = end;
  }
  return true;
}

}  // namespace

bool is_remote(std::string_view registry) {
  return registry.substr(0, scheme.size()) == scheme;
}

Status check_no_login(std::string_view registry) {
  const auto begin = registry.find("://");
  const auto host = begin == std::string_view::npos ? "" : registry.substr(begin + 3);
  if (host.find('@') == std::string_view::npos) return ok();
  return Error{Error::Kind::usage, "a registry's address with an @ in it: it holds neither a login nor a version",
               "write oci://HOST/PATH; `mlctl login HOST` keeps the credentials"};
}

Result<RemoteAddress> parse_remote_address(std::string_view text) {
  if (auto plain = check_no_login(text); !plain) return plain.error();
  const Error wrong{Error::Kind::usage, "not a registry: '" + escape_control(text) + "'",
                    "write oci://HOST[:PORT]/PATH, in lower case, e.g. oci://registry.example/models"};
  if (!is_remote(text) || text.size() > 400) return wrong;
  text.remove_prefix(scheme.size());
  const auto slash = std::min(text.find('/'), text.size());
  RemoteAddress address{std::string(text.substr(0, slash)), "", false};
  if (!is_authority(address.host)) return wrong;
  if (slash == text.size()) return address;
  address.path = text.substr(slash + 1);
  for (std::string_view rest = address.path;;) {
    const auto end = std::min(rest.find('/'), rest.size());
    if (!is_part(rest.substr(0, end))) return wrong;
    if (end == rest.size()) return address;
    rest.remove_prefix(end + 1);
  }
}

Result<std::string> parse_registry_host(std::string_view text) {
  if (is_authority(text)) return std::string(text);
  if (text.find('@') != std::string_view::npos)
    return Error{Error::Kind::usage, "the host of a registry with an @ in it: it holds no login",
                 "write HOST[:PORT] alone; `mlctl login HOST` asks for user and password"};
  return Error{Error::Kind::usage, "not the host of a registry: '" + escape_control(text) + "'",
               "write HOST[:PORT] alone, in lower case, e.g. registry.example"};
}

std::string to_string(const RemoteAddress& address) {
  return std::string(scheme) + address.host + (address.path.empty() ? "" : "/" + address.path);
}

std::string origin_url(const RemoteAddress& address) {
  const bool hub = address.host == "docker.io" || address.host == "index.docker.io";
  return (address.plain_http ? "http://" : "https://") + (hub ? "registry-1.docker.io" : address.host);
}

std::string repository_of(const RemoteAddress& address, const ModelName& model) {
  return (address.path.empty() ? "" : address.path + "/") + to_string(model);
}

}  // namespace mlctl::registry
