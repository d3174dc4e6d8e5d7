#include "base/http_detail.h"

#include <algorithm>
#include <charconv>

#include "base/terminal.h"

namespace mlctl::http_detail {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string origin_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url.substr(url.rfind('@') + 1));
  const auto end = std::min(url.find_first_of("/?#", scheme + 3), url.size());
  const auto host = url.substr(scheme + 3, end - scheme - 3);
  return std::string(url.substr(0, scheme + 3)) + std::string(host.substr(host.rfind('@') + 1));
}

bool is_loopback(const std::string& origin) {
  std::string_view host = std::string_view(origin).substr(origin.find("://") + 3);
  if (host.substr(0, 1) == "[") return host.substr(0, 5) == "[::1]";
  host = host.substr(0, host.find(':'));
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || (numeric && host.substr(0, 4) == "127.");
}

Status check_request(const HttpRequest& request) {
  const auto refuse = [](const std::string& message) { return Error{Error::Kind::usage, message, ""}; };
  const auto has_control = [](const std::string& text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  };
  const std::string scheme = lower(std::string_view(request.url).substr(0, 8));
  if (scheme != "https://" && scheme.substr(0, 7) != "http://")
    return refuse("not an http:// or https:// URL: " + escape_control(origin_of(request.url)));
  if (has_control(request.url) || request.url.find(' ') != std::string::npos)
    return refuse("URL holds blanks or control characters: " + escape_control(origin_of(request.url)));
  if (request.method.empty() || request.method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos)
    return refuse("not an HTTP method: '" + escape_control(request.method) + "'");
  for (const auto& [name, value] : request.headers)
    if (name.empty() || name.find_first_of(": ") != std::string::npos || has_control(name) || has_control(value))
      return refuse("malformed HTTP header '" + escape_control(name) + "'");
  return ok();
}

static std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool Answer::add_header_line(std::string_view line) {
  header_bytes += line.size();
  if (header_bytes > header_limit) {
    too_large = "headers of more than " + human_bytes(header_limit);
    return false;
  }
  if (line.substr(0, 5) == "HTTP/") {  // also the real one after a 1xx answer
    response.headers.clear();
    const auto blank = std::min(line.find(' '), line.size());
    const auto digits = trimmed(line.substr(blank)).substr(0, 3);
    response.status = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), response.status);
    return true;
  }
  const auto colon = line.find(':');
  if (colon != std::string_view::npos)
    response.headers.emplace_back(lower(trimmed(line.substr(0, colon))), trimmed(line.substr(colon + 1)));
  return true;
}

bool Answer::add_body(std::string_view bytes) {
  if (sink && response.status / 100 == 2) {
    auto taken = sink(response, bytes);
    if (!taken) refused = taken.error();
    return !refused;
  }
  if (bytes.size() > body_limit - response.body.size()) {
    too_large = "more than " + human_bytes(body_limit);
    return false;
  }
  response.body.append(bytes);
  return true;
}

}  // namespace mlctl::http_detail

namespace mlctl {

std::string_view header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

}  // namespace mlctl
