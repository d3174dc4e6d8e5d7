#include "validate/formats/input.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace mlctl::validate {
namespace {

constexpr std::size_t buffer_size = 64U * 1024U;
constexpr std::uint64_t far = 1U << 20U;  // bytes from which on a jump is cheaper than reading

}  // namespace

Input::Input(Read read, std::uint64_t size, Skip skip)
    : read_(std::move(read)), skip_(std::move(skip)), size_(size), buffer_(buffer_size) {}

Input::Input(std::string_view bytes) : size_(bytes.size()), view_(bytes) {}

bool Input::refill() {
  if (!read_) return false;
  passed_ += view_.size();
  at_ = 0;
  view_ = {};
  const auto got = read_(buffer_.data(), buffer_.size());
  if (!got) trouble_ = got.error();
  if (!got || *got == 0) {
    read_ = nullptr;
    return false;
  }
  view_ = std::string_view(buffer_.data(), std::min(*got, buffer_.size()));
  return true;
}

bool Input::take(void* into, std::size_t size) {
  auto* out = static_cast<char*>(into);
  while (size > 0) {
    if (at_end()) return false;
    const auto part = std::min(size, view_.size() - at_);
    std::memcpy(out, view_.data() + at_, part);
    at_ += part;
    out += part;
    size -= part;
  }
  return true;
}

bool Input::skip(std::uint64_t size) {
  const auto rest = view_.size() - at_;
  if (skip_ && read_ && size > rest + far) {
    if (size > remaining()) return false;
    passed_ += view_.size();
    view_ = {};
    at_ = 0;
    if (auto skipped = skip_(size - rest); !skipped) {
      trouble_ = skipped.error();
      read_ = nullptr;
      return false;
    }
    passed_ += size - rest;
    return true;
  }
  while (size > 0) {
    if (at_end()) return false;
    const auto part = std::min<std::uint64_t>(size, view_.size() - at_);
    at_ += static_cast<std::size_t>(part);
    size -= part;
  }
  return true;
}

std::optional<std::string> Input::text(std::uint64_t size, std::uint64_t limit) {
  if (size > limit || size > remaining()) return std::nullopt;
  std::string out;
  while (out.size() < size) {
    if (at_end()) return std::nullopt;
    const auto part = std::min<std::uint64_t>(size - out.size(), view_.size() - at_);
    out.append(view_.substr(at_, static_cast<std::size_t>(part)));
    at_ += static_cast<std::size_t>(part);
  }
  return out;
}

std::optional<std::uint64_t> Input::slow_little(unsigned width) {
  std::array<unsigned char, 8> raw{};
  if (!take(raw.data(), width)) return std::nullopt;
  std::uint64_t value = 0;
  for (unsigned i = width; i-- > 0;) value = value << 8U | raw[i];
  return value;
}

std::optional<std::uint64_t> Input::big(unsigned width) {
  std::array<unsigned char, 8> raw{};
  if (!take(raw.data(), width)) return std::nullopt;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) value = value << 8U | raw[i];
  return value;
}

}  // namespace mlctl::validate
