// Universal Binary JSON, draft 12 (ubjson.org): big-endian, every value behind a one-byte marker, containers optionally
// with a count and a common type. Counts are only ever counted down: nothing is allocated or looped over by a claim
// that the bytes do not fill, so that common types of no bytes at all (null, true, false) are refused.
#include <bit>
#include <cstring>
#include <limits>

#include "validate/formats/events.h"

namespace mlctl::validate {
namespace {

class Reader {
 public:
  Reader(Input& in, Events& events) : in_(in), events_(events) {}

  std::optional<std::string> read() {
    bool good = value(marker());
    while (good && !frames_.empty()) good = step();
    if (!good) return problem_.empty() ? std::nullopt : std::optional(problem_);
    if (!in_.at_end()) return "is not UBJSON: bytes follow the document, from byte " + std::to_string(in_.position());
    return std::nullopt;
  }

 private:
  struct Frame {
    bool list = false;
    bool counted = false;
    std::uint64_t left = 0;  // when counted
    int type = 0;            // common type of the items, or 0
  };

  bool wrong(const std::string& what) {
    if (problem_.empty()) problem_ = "is not UBJSON: " + what + " at byte " + std::to_string(in_.position());
    return false;
  }

  // The next byte that is no padding.
  int marker() {
    int byte = in_.byte();
    while (byte == 'N') byte = in_.byte();
    return byte;
  }

  // One item of the innermost container, or its end.
  bool step() {
    Frame& frame = frames_.back();
    if (frame.counted && frame.left == 0) return close();
    if (!frame.counted && (skip_padding(), in_.peek()) == (frame.list ? ']' : '}')) {
      in_.byte();
      return close();
    }
    if (frame.counted) --frame.left;
    const int type = frame.type;
    if (!frame.list && !key()) return false;
    return value(type != 0 ? type : marker());
  }

  void skip_padding() {
    while (in_.peek() == 'N') in_.byte();
  }

  bool close() {
    frames_.pop_back();
    return events_.end();
  }

  bool key() {
    const auto size = length(marker());
    if (!size) return false;
    const auto name = in_.text(*size, string_limit);
    return name ? events_.key(*name) : wrong("a key that is cut off or too long");
  }

  bool value(int type) {
    switch (type) {
      case 'Z':
        return events_.scalar({.kind = Scalar::Kind::null});
      case 'T':
        return events_.scalar({.kind = Scalar::Kind::boolean, .integer = 1});
      case 'F':
        return events_.scalar({.kind = Scalar::Kind::boolean, .integer = 0});
      case 'd':
      case 'D':
        return real(type);
      case 'S':
      case 'H':
        return text();
      case 'C':
        return character();
      case '[':
      case '{':
        return open(type == '[');
      case -1:
        return wrong("the end");
      default:
        break;
    }
    const auto number = integer(type);
    if (!number) return wrong("no value");
    return events_.scalar({.kind = Scalar::Kind::integer, .integer = *number, .real = static_cast<double>(*number)});
  }

  bool real(int type) {
    const auto raw = in_.big(type == 'd' ? 4 : 8);
    if (!raw) return wrong("a number that is cut off");
    double number = 0;
    if (type == 'd') {
      const auto bits = static_cast<std::uint32_t>(*raw);
      float narrow = 0;
      std::memcpy(&narrow, &bits, sizeof narrow);
      number = narrow;
    } else {
      std::memcpy(&number, &*raw, sizeof number);
    }
    return events_.scalar({.kind = Scalar::Kind::real, .real = number});
  }

  bool text() {
    const auto size = length(marker());
    if (!size) return false;
    const auto bytes = in_.text(*size, string_limit);
    return bytes ? events_.scalar({.kind = Scalar::Kind::text, .text = *bytes})
                 : wrong("a string that is cut off or too long");
  }

  bool character() {
    const int byte = in_.byte();
    if (byte < 0 || byte > 127) return wrong("no character");
    const char one = static_cast<char>(byte);
    return events_.scalar({.kind = Scalar::Kind::text, .text = std::string_view(&one, 1)});
  }

  // nullopt for a type that is no integer, or at the end.
  std::optional<std::int64_t> integer(int type) {
    const auto sized = [&](unsigned width) -> std::optional<std::int64_t> {
      const auto raw = in_.big(width);
      if (!raw) return std::nullopt;
      const unsigned shift = 64 - width * 8;
      return static_cast<std::int64_t>(*raw << shift) >> shift;  // extends the sign
    };
    switch (type) {
      case 'i':
        return sized(1);
      case 'U': {
        const int byte = in_.byte();
        return byte < 0 ? std::nullopt : std::optional<std::int64_t>(byte);
      }
      case 'I':
        return sized(2);
      case 'l':
        return sized(4);
      case 'L':
        return sized(8);
      default:
        return std::nullopt;
    }
  }

  std::optional<std::uint64_t> length(int type) {
    const auto size = integer(type);
    if (size && *size >= 0) return static_cast<std::uint64_t>(*size);
    wrong("no length");
    return std::nullopt;
  }

  bool open(bool list) {
    if (frames_.size() >= depth_limit) return wrong("nested deeper than " + std::to_string(depth_limit));
    Frame frame{.list = list};
    if (in_.peek() == '$') {
      in_.byte();
      frame.type = in_.byte();
      if (frame.type <= 0 ||
          std::string_view("iUIlLdDSHC[{").find(static_cast<char>(frame.type)) == std::string_view::npos) {
        return wrong("a common type that is none");
      }
      if (in_.peek() != '#') return wrong("a common type without a count");
    }
    if (in_.peek() == '#') {
      in_.byte();
      const auto count = length(in_.byte());
      if (!count) return false;
      frame.counted = true;
      frame.left = *count;
    }
    frames_.push_back(frame);
    return events_.begin(list);
  }

  Input& in_;
  Events& events_;
  std::vector<Frame> frames_;
  std::string problem_;
};

}  // namespace

std::optional<std::string> read_ubjson(Input& in, Events& events) {
  return Reader(in, events).read();
}

}  // namespace mlctl::validate
