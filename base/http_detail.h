// What of HTTP needs no library: which requests are refused, and how much of an answer is taken. For http_curl.cpp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "base/result.h"

namespace mlctl::http_detail {

inline constexpr std::size_t header_limit = 64 * 1024;  // bytes of all header lines of one answer

// Error{usage}: not http or https, control characters or blanks in the URL, a malformed method or header.
[[nodiscard]] Status check_request(const HttpRequest& request);
// "http://host:port" of a URL, without user and password: for messages and to tell hosts apart.
[[nodiscard]] std::string origin_of(std::string_view url);
[[nodiscard]] bool is_loopback(const std::string& origin);
[[nodiscard]] std::string lower(std::string_view text);  // ASCII

// Takes an answer piece by piece; false: no more of it, and `too_large` says why.
struct Answer {
  HttpResponse response;
  HttpSink sink;
  std::optional<Error> refused;  // by the sink
  std::uint64_t body_limit = 0;
  std::size_t header_bytes = 0;
  std::string too_large;

  bool add_header_line(std::string_view line);
  bool add_body(std::string_view bytes);
};

}  // namespace mlctl::http_detail
