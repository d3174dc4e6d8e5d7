#include "validate/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include "base/terminal.h"
#include "validate/formats/events.h"

namespace mlctl::validate {
namespace {

constexpr std::uint64_t header_limit = 100'000'000;
constexpr std::size_t metadata_limit = 10'000;  // entries that are kept
constexpr std::size_t value_shown = 200;        // bytes of each

struct Type {
  std::string_view name;
  unsigned bits;
};
constexpr std::array types{
    Type{"BOOL", 8},        Type{"F4", 4},      Type{"F6_E2M3", 6}, Type{"F6_E3M2", 6}, Type{"U8", 8},
    Type{"I8", 8},          Type{"F8_E5M2", 8}, Type{"F8_E4M3", 8}, Type{"F8_E8M0", 8}, Type{"F8_E4M3FNUZ", 8},
    Type{"F8_E5M2FNUZ", 8}, Type{"I16", 16},    Type{"U16", 16},    Type{"F16", 16},    Type{"BF16", 16},
    Type{"I32", 32},        Type{"U32", 32},    Type{"F32", 32},    Type{"C64", 64},    Type{"F64", 64},
    Type{"I64", 64},        Type{"U64", 64},
};

using Tensor = SafetensorsTensor;

// Depth 1 holds the names, depth 2 a tensor's fields, depth 3 the numbers of shape and offsets.
class Header : public Consumer {
 public:
  explicit Header(SafetensorsHeader& into) : tensors_(into.tensors), metadata_(into.metadata) {}

 protected:
  void enter(bool list) override {
    if (depth() == 0 && list) stop("is not an object");
    if (depth() == 1) {
      if (list) return stop("`" + path() + "` is a list, not a tensor");
      in_metadata_ = path() == "__metadata__";
      if (!in_metadata_) {
        tensors_.push_back({.name = last_key(), .type = {}, .shape = {}, .offsets = {}});
        name_size_ = path().size();
      }
    }
    if (depth() == 2) {
      const auto name = field();
      if (in_metadata_ || !list || (name != "shape" && name != "data_offsets")) {
        return stop("`" + path() + "` holds something else");
      }
      tensors_.back().has_shape = tensors_.back().has_shape || name == "shape";
    }
    if (depth() > 2) stop("`" + path() + "` is nested too deep");
  }
  void leave(bool /*list*/) override {}
  void value(const Scalar& value) override {
    if (depth() < 2) return stop(path().empty() ? "is not an object" : "`" + path() + "` is not a tensor");
    if (in_metadata_) {
      if (value.kind != Scalar::Kind::text) return stop("`" + path() + "` is not a string");
      if (metadata_.size() < metadata_limit) metadata_[last_key()] = std::string(value.text.substr(0, value_shown));
      return;
    }
    auto& tensor = tensors_.back();
    const auto name = field();
    if (depth() == 2 && name == "dtype" && value.kind == Scalar::Kind::text) {
      tensor.type = std::string(value.text.substr(0, 64));
    } else if (depth() == 3 && value.kind == Scalar::Kind::integer && value.integer >= 0) {
      auto& numbers = name == "shape/[]" ? tensor.shape : tensor.offsets;
      if (numbers.size() >= 64) return stop("`" + path() + "` has more than 64 numbers");
      numbers.push_back(static_cast<std::uint64_t>(value.integer));
    } else {
      stop("`" + path() + "` holds something else");
    }
  }

 private:
  // The part of path() below the tensor's name, which may hold anything.
  [[nodiscard]] std::string_view field() const {
    return std::string_view(path()).substr(std::min(path().size(), name_size_ + 1));
  }
  std::vector<Tensor>& tensors_;
  std::map<std::string, std::string>& metadata_;
  bool in_metadata_ = false;
  std::size_t name_size_ = 0;  // of the tensor's part of path()
};

const Type* find_type(std::string_view name) {
  const auto found = std::find_if(types.begin(), types.end(), [&](const Type& type) { return type.name == name; });
  return found == types.end() ? nullptr : &*found;
}

// Bytes of the tensor's values, nullopt when the product overflows or does not fill whole bytes.
std::optional<std::uint64_t> byte_size(const Tensor& tensor, unsigned bits) {
  std::uint64_t product = bits;
  for (const auto extent : tensor.shape) {
    if (__builtin_mul_overflow(product, extent, &product)) return std::nullopt;
  }
  if (product % 8 != 0) return std::nullopt;
  return product / 8;
}

// Whether offsets may be believed for the layout.
bool check_tensor(const Tensor& tensor, Findings& findings) {
  const auto wrong = [&](const std::string& what) {
    findings.add("safetensors-tensor", "tensor `" + tensor.name + "` " + what);
    return false;
  };
  const Type* type = find_type(tensor.type);
  if (tensor.offsets.size() != 2 || !tensor.has_shape) return wrong("lacks a shape or two data_offsets");
  if (tensor.offsets[1] < tensor.offsets[0]) return wrong("ends before it begins");
  if (type == nullptr) return wrong("has the unknown type `" + tensor.type + "`");
  const auto size = byte_size(tensor, type->bits);
  if (!size) return wrong("has a shape whose size is no number of bytes");
  if (*size != tensor.offsets[1] - tensor.offsets[0]) {
    return wrong("has " + std::to_string(tensor.offsets[1] - tensor.offsets[0]) + " bytes, its shape and type need " +
                 std::to_string(*size));
  }
  return true;
}

// The tensors in the order of their offsets fill the data without a hole, an overlap or a rest.
void check_layout(std::vector<Tensor>& tensors, std::uint64_t data_size, Findings& findings) {
  std::sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) { return a.offsets < b.offsets; });
  std::uint64_t end = 0;
  for (const auto& tensor : tensors) {
    if (tensor.offsets[0] != end) {
      findings.add("safetensors-layout", "tensor `" + tensor.name + "` begins at " + std::to_string(tensor.offsets[0]) +
                                             ", the one before it ends at " + std::to_string(end));
      return;
    }
    end = tensor.offsets[1];
  }
  if (end != data_size) {
    findings.add("safetensors-layout",
                 "header claims " + std::to_string(end) + " bytes of data, file has " + std::to_string(data_size));
  }
}

std::string summary(const std::vector<Tensor>& tensors) {
  std::set<std::string> kinds;
  for (const auto& tensor : tensors) {
    if (find_type(tensor.type) != nullptr) kinds.insert(tensor.type);
  }
  std::string text = count_text(tensors.size(), "tensor");
  for (const auto& kind : kinds) text += (kind == *kinds.begin() ? " of " : ", ") + kind;
  return text;
}

}  // namespace

std::optional<std::string> read_safetensors(Input& in, SafetensorsHeader& header) {
  const auto length = in.little(8);
  if (!length) return "file has " + count_text(in.size(), "byte") + ", less than the length of a header";
  if (*length > header_limit) return "header claims " + std::to_string(*length) + " bytes, more than 100,000,000";
  if (*length > in.remaining())
    return "header claims " + std::to_string(*length) + " bytes, file has " + std::to_string(in.remaining()) +
           " behind its length";
  if (in.peek() == 0xEF) return "header begins with a byte order mark";
  // Blank space before it would be JSON all the same: the format says 0x7B, so that nothing else can be read there.
  if (*length > 0 && in.peek() != '{') return "header does not begin with `{`";
  header.size = *length;
  Header events(header);
  const auto problem = read_json(in, *length, events);
  if (!events.problem().empty()) return "header " + events.problem();
  if (problem) return "header " + *problem;
  return std::nullopt;
}

std::string check_safetensors(Input& in, Findings& findings) {
  SafetensorsHeader header;
  if (const auto problem = read_safetensors(in, header)) {
    findings.add("safetensors-header", *problem);
    return "not readable";
  }
  bool believable = true;
  for (const auto& tensor : header.tensors) believable = check_tensor(tensor, findings) && believable;
  if (believable) check_layout(header.tensors, in.size() - 8 - header.size, findings);
  return summary(header.tensors);
}

}  // namespace mlctl::validate
