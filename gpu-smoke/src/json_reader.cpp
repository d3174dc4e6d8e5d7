#include "json_reader.h"

#include <charconv>
#include <cstdlib>

namespace gpu_smoke {
namespace {

constexpr int kMaxDepth = 64;

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  bool document(Json& value) {
    if (!parse(value, 0)) return false;
    space();
    return at_ == text_.size() || wrong("more text after the value");
  }
  [[nodiscard]] std::string error() const { return error_ + " at byte " + std::to_string(at_); }

 private:
  bool wrong(const char* what) {
    if (error_.empty()) error_ = what;
    return false;
  }
  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool take(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(const char* expected) {
    const std::string w = expected;
    if (text_.compare(at_, w.size(), w) != 0) return wrong("unknown word");
    at_ += w.size();
    return true;
  }

  bool parse(Json& value, int depth) {
    if (depth > kMaxDepth) return wrong("nested too deeply");
    space();
    if (at_ >= text_.size()) return wrong("the text ends too early");
    switch (text_[at_]) {
      case '{':
        return object(value, depth);
      case '[':
        return array(value, depth);
      case '"':
        value.kind = Json::Kind::string;
        return string(value.string);
      case 'n':
        return word("null");
      case 't':
      case 'f':
        value.kind = Json::Kind::boolean;
        value.boolean = text_[at_] == 't';
        return word(value.boolean ? "true" : "false");
      default:
        return number(value);
    }
  }

  bool object(Json& value, int depth) {
    value.kind = Json::Kind::object;
    ++at_;
    if (take('}')) return true;
    do {
      space();
      std::string name;
      if (at_ >= text_.size() || text_[at_] != '"') return wrong("expected a name");
      if (!string(name)) return false;
      if (!take(':')) return wrong("expected ':'");
      if (value.find(name) != nullptr) return wrong("a name twice");
      value.fields.emplace_back(name, Json{});
      if (!parse(value.fields.back().second, depth + 1)) return false;
    } while (take(','));
    return take('}') || wrong("expected ',' or '}'");
  }

  bool array(Json& value, int depth) {
    value.kind = Json::Kind::array;
    ++at_;
    if (take(']')) return true;
    do {
      value.items.emplace_back();
      if (!parse(value.items.back(), depth + 1)) return false;
    } while (take(','));
    return take(']') || wrong("expected ',' or ']'");
  }

  bool number(Json& value) {
    value.kind = Json::Kind::number;
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    const char* digit = *begin == '-' ? begin + 1 : begin;
    if (digit == end || *digit < '0' || *digit > '9') return wrong("expected a value");  // from_chars reads "inf"
    const auto [stop, failed] = std::from_chars(begin, end, value.number);
    if (failed != std::errc{}) return wrong("expected a value");
    std::uint64_t whole = 0;
    const auto exact = std::from_chars(begin, stop, whole);
    if (exact.ec == std::errc{} && exact.ptr == stop) value.whole = whole;
    at_ += static_cast<std::size_t>(stop - begin);
    return true;
  }

  // \u escapes above ASCII become '?': traces are ASCII, as gpu-smoke writes them.
  bool string(std::string& out) {
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return wrong("a control character in a string");
      if (c != '\\') {
        out += c;
        continue;
      }
      if (++at_ >= text_.size()) break;
      static constexpr char kEscapes[] = "\"\\/bfnrt";
      static constexpr char kMeanings[] = "\"\\/\b\f\n\r\t";
      const char escape = text_[at_];
      if (escape == 'u') {
        unsigned code = 0;
        if (at_ + 4 >= text_.size()) break;
        const auto hex = std::from_chars(text_.data() + at_ + 1, text_.data() + at_ + 5, code, 16);
        if (hex.ptr != text_.data() + at_ + 5) return wrong("a bad \\u escape");
        out += code < 0x80 ? static_cast<char>(code) : '?';
        at_ += 4;
        continue;
      }
      const std::string escapes = kEscapes;
      const std::size_t which = escapes.find(escape);
      if (which == std::string::npos) return wrong("an unknown escape");
      out += kMeanings[which];
    }
    return wrong("a string without an end");
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::string error_;
};

}  // namespace

const Json* Json::find(const std::string& name) const {
  for (const auto& field : fields) {
    if (field.first == name) return &field.second;
  }
  return nullptr;
}

Json* Json::at_or_make(const std::string& name) {
  if (kind == Kind::array) {
    const std::size_t index = std::strtoul(name.c_str(), nullptr, 10);
    if (index > items.size()) return nullptr;
    if (index == items.size()) items.emplace_back();
    return &items[index];
  }
  if (kind != Kind::object) {
    *this = Json{};
    kind = Kind::object;
  }
  for (auto& field : fields) {
    if (field.first == name) return &field.second;
  }
  fields.emplace_back(name, Json{});
  return &fields.back().second;
}

std::optional<Json> parse_json(const std::string& text, std::string& error) {
  Parser parser(text);
  Json value;
  if (parser.document(value)) return value;
  error = parser.error();
  return std::nullopt;
}

}  // namespace gpu_smoke
