#include "validate/formats/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <string_view>

#include "base/digest.h"
#include "base/terminal.h"
#include "validate/report.h"

namespace mlctl::validate {
namespace {

constexpr std::uint64_t tensors_limit = 200'000;
constexpr std::uint64_t keys_limit = 100'000;
constexpr std::uint64_t key_limit = 65'535;           // bytes
constexpr std::uint64_t name_limit = 4096;            // bytes; llama.cpp itself takes 63
constexpr std::uint64_t kept_limit = 200;             // bytes of a value that is kept as it is
constexpr std::uint64_t template_limit = 1U << 20U;   // bytes
constexpr std::uint64_t alignment_limit = 1U << 20U;  // bytes
constexpr unsigned array_depth = 4;
constexpr unsigned dims_limit = 4;

enum Kind : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64, kinds };
constexpr std::array<unsigned, kinds> widths{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

struct Type {
  std::uint32_t id;
  std::string_view name;
  std::uint64_t block;  // values
  std::uint64_t bytes;  // of a block
};
constexpr std::array types{
    Type{0, "F32", 1, 4},         Type{1, "F16", 1, 2},         Type{2, "Q4_0", 32, 18},
    Type{3, "Q4_1", 32, 20},      Type{6, "Q5_0", 32, 22},      Type{7, "Q5_1", 32, 24},
    Type{8, "Q8_0", 32, 34},      Type{9, "Q8_1", 32, 36},      Type{10, "Q2_K", 256, 84},
    Type{11, "Q3_K", 256, 110},   Type{12, "Q4_K", 256, 144},   Type{13, "Q5_K", 256, 176},
    Type{14, "Q6_K", 256, 210},   Type{15, "Q8_K", 256, 292},   Type{16, "IQ2_XXS", 256, 66},
    Type{17, "IQ2_XS", 256, 74},  Type{18, "IQ3_XXS", 256, 98}, Type{19, "IQ1_S", 256, 50},
    Type{20, "IQ4_NL", 32, 18},   Type{21, "IQ3_S", 256, 110},  Type{22, "IQ2_S", 256, 82},
    Type{23, "IQ4_XS", 256, 136}, Type{24, "I8", 1, 1},         Type{25, "I16", 1, 2},
    Type{26, "I32", 1, 4},        Type{27, "I64", 1, 8},        Type{28, "F64", 1, 8},
    Type{29, "IQ1_M", 256, 56},   Type{30, "BF16", 1, 2},       Type{34, "TQ1_0", 256, 54},
    Type{35, "TQ2_0", 256, 66},   Type{39, "MXFP4", 32, 17},    Type{40, "NVFP4", 64, 36},
    Type{41, "Q1_0", 128, 18},
};

const Type* find_type(std::uint32_t id) {
  const auto* found = std::find_if(types.begin(), types.end(), [&](const Type& type) { return type.id == id; });
  return found == types.end() ? nullptr : &*found;
}

class Reader {
 public:
  Reader(Input& in, Gguf& file) : in_(in), file_(file) {}

  std::optional<std::string> run() {
    if (!header() || !metadata() || !tensors()) {
      if (problem_.empty())
        problem_ = "the header ends or contradicts itself at byte " + std::to_string(in_.position());
      return problem_;
    }
    return std::nullopt;
  }

 private:
  bool fail(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
    return false;
  }

  bool header() {
    const auto magic = in_.text(4, 4);
    if (magic != "GGUF") return fail("it does not begin with GGUF");
    const auto version = in_.little(4);
    if (!version) return false;
    file_.version = static_cast<std::uint32_t>(*version);
    if (file_.version != 2 && file_.version != 3)
      return fail((*version & 0xFFFFU) == 0 ? "it is big-endian"
                                            : "version " + std::to_string(*version) + "; 2 and 3 can be read");
    const auto tensors = in_.little(8), keys = in_.little(8);
    if (!tensors || !keys) return false;
    tensors_ = *tensors;
    keys_ = *keys;
    // The least that one of each takes.
    if (tensors_ > std::min(tensors_limit, in_.remaining() / 32))
      return fail("it claims " + std::to_string(tensors_) + " tensors");
    if (keys_ > std::min(keys_limit, in_.remaining() / 13))
      return fail("it claims " + std::to_string(keys_) + " keys of metadata");
    return true;
  }

  std::optional<std::string> string(std::uint64_t limit) {
    const auto size = in_.little(8);
    return size ? in_.text(*size, limit) : std::nullopt;
  }

  bool metadata() {
    for (std::uint64_t i = 0; i < keys_; ++i) {
      const auto key = string(key_limit);
      const auto kind = in_.little(4);
      if (!key || !kind) return false;
      const auto value = this->value(*key, *kind);
      if (!value) return false;
      if (!file_.metadata.emplace(*key, *value).second) return fail("the key `" + *key + "` stands there twice");
    }
    return true;
  }

  // A value as people read it; nullopt: broken.
  std::optional<std::string> value(const std::string& key, std::uint64_t kind) {
    if (kind == text) return text_value(key);
    if (kind == array) return array_value(0);
    if (kind >= kinds) {
      fail("the key `" + key + "` has the unknown type " + std::to_string(kind));
      return std::nullopt;
    }
    const auto raw = in_.little(widths[kind]);
    if (!raw) return std::nullopt;
    if (key == "general.alignment" && !align(kind, *raw)) return std::nullopt;
    return number(static_cast<Kind>(kind), *raw);
  }

  bool align(std::uint64_t kind, std::uint64_t raw) {
    if (kind != u32 || raw == 0 || raw > alignment_limit || !std::has_single_bit(raw))
      return fail("general.alignment is " + std::to_string(raw) + ", no power of two");
    file_.alignment = raw;
    return true;
  }

  static std::string number(Kind kind, std::uint64_t raw) {
    switch (kind) {
      case i8:
        return std::to_string(static_cast<std::int8_t>(raw));
      case i16:
        return std::to_string(static_cast<std::int16_t>(raw));
      case i32:
        return std::to_string(static_cast<std::int32_t>(raw));
      case i64:
        return std::to_string(static_cast<std::int64_t>(raw));
      case f32:
        return number_text(std::bit_cast<float>(static_cast<std::uint32_t>(raw)));
      case f64:
        return number_text(std::bit_cast<double>(raw));
      case boolean:
        return raw == 0 ? "false" : "true";
      default:
        return std::to_string(raw);
    }
  }

  std::optional<std::string> text_value(const std::string& key) {
    const auto size = in_.little(8);
    if (!size) return std::nullopt;
    if (key.find("chat_template") != std::string::npos) {
      if (*size > template_limit) {
        fail("the template `" + key + "` claims " + std::to_string(*size) + " bytes");
        return std::nullopt;
      }
      auto text = in_.text(*size, template_limit);
      if (!text) return std::nullopt;
      auto shown = text->size() <= kept_limit ? *text : long_value(text->size(), "bytes", digest_of(*text));
      file_.templates.emplace_back(key, std::move(*text));
      return shown;
    }
    if (*size <= kept_limit) return in_.text(*size, kept_limit);
    Sha256 hash;
    if (!pass(*size, hash)) return std::nullopt;
    return long_value(*size, "bytes", hash.finish());
  }

  std::optional<std::string> array_value(unsigned depth) {
    Sha256 hash;
    const auto count = array_items(depth, hash);
    if (!count) return std::nullopt;
    return long_value(*count, "items", hash.finish());
  }

  std::optional<std::uint64_t> array_items(unsigned depth, Sha256& hash) {
    const auto kind = in_.little(4), count = in_.little(8);
    if (!kind || !count || *kind >= kinds || depth == array_depth) return std::nullopt;
    const unsigned least = *kind == text ? 8 : *kind == array ? 12 : widths[*kind];
    if (*count > in_.remaining() / least) return std::nullopt;
    const auto head = std::to_string(*kind) + ":" + std::to_string(*count) + ":";
    hash.update(head);
    if (*kind != text && *kind != array) return pass(*count * least, hash) ? count : std::nullopt;
    for (std::uint64_t i = 0; i < *count; ++i) {
      if (*kind == array) {
        if (!array_items(depth + 1, hash)) return std::nullopt;
        continue;
      }
      const auto size = in_.little(8);
      if (!size || *size > in_.remaining()) return std::nullopt;
      hash.update(std::to_string(*size) + ":");
      if (!pass(*size, hash)) return std::nullopt;
    }
    return count;
  }

  static std::string long_value(std::uint64_t count, const char* what, const Digest& digest) {
    return std::to_string(count) + " " + what + ", sha256 " + digest.brief();
  }

  bool pass(std::uint64_t size, Sha256& hash) {
    std::array<char, 4096> buffer;
    while (size > 0) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer.size()));
      if (!in_.take(buffer.data(), part)) return false;
      hash.update(buffer.data(), part);
      size -= part;
    }
    return true;
  }

  bool tensors() {
    for (std::uint64_t i = 0; i < tensors_; ++i) {
      auto name = string(name_limit);
      const auto dims = in_.little(4);
      if (!name || !dims) return false;
      if (*dims > dims_limit) return fail("tensor `" + *name + "` has " + std::to_string(*dims) + " dimensions");
      GgufTensor tensor{std::move(*name), 0, {}, 0};
      for (std::uint64_t d = 0; d < *dims; ++d) {
        const auto extent = in_.little(8);
        if (!extent) return false;
        tensor.shape.push_back(*extent);
      }
      const auto type = in_.little(4), offset = in_.little(8);
      if (!type || !offset) return false;
      tensor.type = static_cast<std::uint32_t>(*type);
      tensor.offset = *offset;
      file_.tensors.push_back(std::move(tensor));
    }
    return true;
  }

  Input& in_;
  Gguf& file_;
  std::uint64_t tensors_ = 0, keys_ = 0;
  std::string problem_;
};

}  // namespace

std::optional<std::string> read_gguf(Input& in, Gguf& file) {
  return Reader(in, file).run();
}

std::string gguf_type(std::uint32_t type) {
  const auto* known = find_type(type);
  return known != nullptr ? std::string(known->name) : "type " + std::to_string(type);
}

std::optional<std::uint64_t> gguf_bytes(const GgufTensor& tensor) {
  const auto* type = find_type(tensor.type);
  if (type == nullptr) return std::nullopt;
  std::uint64_t values = 1;
  for (const auto extent : tensor.shape)
    if (__builtin_mul_overflow(values, extent, &values)) return std::nullopt;
  if (!tensor.shape.empty() && tensor.shape.front() % type->block != 0) return std::nullopt;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(values / type->block, type->bytes, &bytes)) return std::nullopt;
  return bytes;
}

}  // namespace mlctl::validate
