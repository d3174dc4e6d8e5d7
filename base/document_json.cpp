#include <nlohmann/json.hpp>
#include <set>

#include "base/document.h"
#include "base/text.h"

namespace mlctl {
namespace {

constexpr std::size_t depth_limit = 64;

// Reads bytes and keeps count of them, so that a refusal inside a callback can say where.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* count) : at_(at), count_(count) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*count_;
    return *this;
  }
  CountingIterator operator++(int) {
    auto before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  std::size_t* count_;
};

// Builds the value and refuses what nlohmann's own builder accepts: duplicate keys and unbounded depth.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  using Json = nlohmann::json;

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return refuse("binary values are not JSON"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    if (stack_.back()->contains(value)) return refuse("the key '" + value.substr(0, 60) + "' is here twice");
    key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    offset = position > 0 ? position - 1 : 0;
    message = plain_message(error.what());
    return false;
  }

  Json root;
  std::string message;
  std::optional<std::size_t> offset;  // where nlohmann saw the error; unset for our own refusals

 private:
  // "[json.exception…] parse error at line 1, column 2: syntax error while parsing value - invalid literal; last
  // read: '…'" says the position again and repeats input: the middle is what people need.
  static std::string plain_message(const std::string& what) {
    const auto dash = what.find(" - ");
    const auto start = dash == std::string::npos ? what.find("] ") + 2 : dash + 3;
    auto text = what.substr(start, what.find(';', start) - start);
    if (text.find("number overflow") != std::string::npos) return "a number that is too large";
    return text;
  }
  bool refuse(std::string why) {
    message = std::move(why);
    return false;
  }
  template <typename T>
  bool put(T&& value) {
    add(std::forward<T>(value));
    return true;
  }
  template <typename T>
  Json* add(T&& value) {
    if (stack_.empty()) {
      root = std::forward<T>(value);
      return &root;
    }
    if (stack_.back()->is_array()) {
      stack_.back()->push_back(std::forward<T>(value));
      return &stack_.back()->back();
    }
    Json& slot = (*stack_.back())[key_];
    slot = std::forward<T>(value);
    return &slot;
  }
  bool open(Json value) {
    if (stack_.size() >= depth_limit) return refuse("nested deeper than 64 levels");
    stack_.push_back(add(std::move(value)));
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  std::vector<Json*> stack_;
  std::string key_;
};

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, const std::string& what) {
  std::size_t read = 0;
  Builder builder;
  try {
    const CountingIterator begin(text.data(), &read);
    const CountingIterator end(text.data() + text.size(), &read);
    if (nlohmann::json::sax_parse(begin, end, &builder)) return std::move(builder.root);
  } catch (const std::exception& exception) {
    builder.message = exception.what();
  }
  const std::size_t offset = builder.offset.value_or(read > 0 ? read - 1 : 0);
  const auto at = line_column(text, std::min(offset, text.size()));
  return Error{Error::Kind::usage,
               what + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + builder.message, ""};
}

}  // namespace mlctl
