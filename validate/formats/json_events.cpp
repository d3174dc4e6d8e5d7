#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>

#include "validate/formats/events.h"

namespace mlctl::validate {
namespace {

// What parser and iterator share. The parser keeps a whole token in memory: the budget is renewed by every event, and
// the bytes "end" when one token has used it up.
struct Feed {
  Input* in = nullptr;
  std::uint64_t left = 0;
  std::size_t budget = string_limit;
  bool overlong = false;

  int peek() {
    if (left == 0) return -1;
    overlong = overlong || budget == 0;
    return overlong ? -1 : in->peek();
  }
  void next() {
    in->byte();
    --left;
    --budget;
  }
};

class Bytes {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit Bytes(Feed* feed) : feed_(feed) {}
  char operator*() const { return static_cast<char>(feed_->peek()); }
  Bytes& operator++() {
    feed_->next();
    return *this;
  }
  Bytes operator++(int) {
    feed_->next();
    return *this;
  }
  friend bool operator==(const Bytes& a, const Bytes& b) { return a.ended() == b.ended(); }
  friend bool operator!=(const Bytes& a, const Bytes& b) { return !(a == b); }

 private:
  [[nodiscard]] bool ended() const { return feed_ == nullptr || feed_->peek() < 0; }
  Feed* feed_;
};

// nlohmann's events as ours.
class Bridge {
 public:
  Bridge(Feed& feed, Events& events) : feed_(feed), events_(events) {}
  std::string problem;
  std::uint64_t problem_at = 0;

  bool null() { return pass({.kind = Scalar::Kind::null}); }
  bool boolean(bool value) { return pass({.kind = Scalar::Kind::boolean, .integer = value ? 1 : 0}); }
  bool number_integer(std::int64_t value) {
    return pass({.kind = Scalar::Kind::integer, .integer = value, .real = static_cast<double>(value)});
  }
  bool number_unsigned(std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return number_float(static_cast<double>(value), {});
    return number_integer(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string& /*written*/) {
    return pass({.kind = Scalar::Kind::real, .real = value});
  }
  bool string(std::string& value) { return pass({.kind = Scalar::Kind::text, .text = value}); }
  bool binary(std::vector<std::uint8_t>& /*value*/) { return false; }
  bool start_object(std::size_t /*size*/) { return renew() && events_.begin(false); }
  bool key(std::string& name) { return renew() && events_.key(name); }
  bool end_object() { return renew() && events_.end(); }
  bool start_array(std::size_t /*size*/) { return renew() && events_.begin(true); }
  bool end_array() { return renew() && events_.end(); }
  bool parse_error(std::size_t at, const std::string& token, const std::exception& /*why*/) {
    const bool number = token.ends_with('N') || token.ends_with('I');
    problem = number ? "has NaN or Infinity, which JSON has not" : "is not JSON";
    problem_at = at;
    return false;
  }

 private:
  bool renew() {
    feed_.budget = string_limit;
    return true;
  }
  bool pass(const Scalar& value) { return renew() && events_.scalar(value); }

  Feed& feed_;
  Events& events_;
};

}  // namespace

std::optional<std::string> read_json(Input& in, std::uint64_t size, Events& events) {
  Feed feed{.in = &in, .left = size};
  Bridge bridge(feed, events);
  try {
    if (nlohmann::json::sax_parse(Bytes(&feed), Bytes(nullptr), &bridge)) return std::nullopt;
  } catch (const std::exception& e) {
    return std::string("is not JSON: ") + e.what();
  }
  if (feed.overlong) return "has a string or number of more than " + std::to_string(string_limit >> 20U) + " MiB";
  if (bridge.problem.empty()) return std::nullopt;
  return bridge.problem + ": unexpected byte " + std::to_string(bridge.problem_at) + " of " + std::to_string(size);
}

}  // namespace mlctl::validate
