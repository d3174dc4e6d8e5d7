// One libcurl handle and the exchange it is busy with. For http_curl.cpp; libcurl's own header is not needed here.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/http.h"
#include "base/http_detail.h"

namespace mlctl::http_detail {

// Used again for the next exchange.
struct Transfer {
  void* easy;               // CURL*
  void* headers = nullptr;  // curl_slist*
  void* connect_to = nullptr;
  std::uint64_t id = 0;
  std::shared_ptr<const HttpRequest> request;
  std::string origin;
  Answer answer;
  std::optional<Error> unread;  // why the upload could not be read
  SteadyTime sent;

  Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();
};

// Tells libcurl all about transfer.request, which has `left` of its time.
void set_up(Transfer& transfer, std::chrono::milliseconds left, const HttpSettings& settings);
// `code` is a CURLcode.
[[nodiscard]] Error error_of(const Transfer& transfer, int code);

}  // namespace mlctl::http_detail
