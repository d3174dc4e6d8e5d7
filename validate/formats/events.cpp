#include "validate/formats/events.h"

#include <utility>

namespace mlctl::validate {
namespace {

// Of the keys of one object together, each counted as 16 bytes longer than it is.
constexpr std::size_t keys_limit = 256U << 20U;
constexpr std::size_t path_limit = 1U << 20U;

}  // namespace

void Consumer::stop(std::string problem) {
  if (problem_.empty()) problem_ = std::move(problem);
}

bool Consumer::begin(bool list) {
  if (frames_.size() >= depth_limit) stop("is nested deeper than " + std::to_string(depth_limit));
  if (problem_.empty()) enter(list);
  frames_.push_back({path_.size(), list, {}});
  if (list) path_ += path_.empty() ? "[]" : "/[]";
  return problem_.empty();
}

bool Consumer::key(std::string_view name) {
  auto& frame = frames_.back();
  frame.key_bytes += name.size() + 16;
  if (frame.key_bytes > keys_limit || path_.size() + name.size() > path_limit) {
    stop("has more or longer keys than a model needs");
    return false;
  }
  if (!frame.keys.emplace(name).second) stop("has the key `" + std::string(name.substr(0, 200)) + "` twice");
  key_ = name;
  path_.resize(frame.path_size);
  if (!path_.empty()) path_ += '/';
  for (const char c : name) {
    if (c == '/' || c == '\\') path_ += '\\';
    path_ += c;
  }
  return problem_.empty();
}

bool Consumer::end() {
  const bool list = frames_.back().list;
  path_.resize(frames_.back().path_size);
  frames_.pop_back();
  leave(list);
  return problem_.empty();
}

bool Consumer::scalar(const Scalar& scalar) {
  value(scalar);
  return problem_.empty();
}

}  // namespace mlctl::validate
