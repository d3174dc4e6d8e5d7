#include "validate/formats/onnx_tensor.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace mlctl::validate {
namespace {

struct Type {
  unsigned bits = 0;          // of an element in raw data; 0: strings, which have none
  unsigned values_per = 1;    // typed values for one element, or
  unsigned elements_per = 1;  // elements in one typed value
};

// TensorProto.DataType, by its number.
constexpr std::array<Type, 27> types{{
    {},  // UNDEFINED
    {32},      {8},       {8},       {16}, {16}, {32}, {64},
    {0},       {8},       {16},      {64}, {32}, {64},  // FLOAT to UINT64; 8 is STRING, 9 BOOL
    {64, 2},   {128, 2},                                // COMPLEX64, COMPLEX128
    {16},      {8},       {8},       {8},  {8},         // BFLOAT16, FLOAT8*
    {4, 1, 2}, {4, 1, 2}, {4, 1, 2},                    // UINT4, INT4, FLOAT4E2M1
    {8},                                                // FLOAT8E8M0
    {2, 1, 4}, {2, 1, 4},                               // UINT2, INT2
}};
constexpr std::int64_t string_type = 8;

// Elements, or nullopt when a dimension is negative or the product overflows.
std::optional<std::uint64_t> element_count(const OnnxTensor& tensor) {
  std::uint64_t count = 1;
  for (const auto dim : tensor.dims) {
    if (dim < 0 || __builtin_mul_overflow(count, static_cast<std::uint64_t>(dim), &count)) return std::nullopt;
  }
  return count;
}

std::optional<std::uint64_t> byte_count(std::uint64_t elements, const Type& type) {
  std::uint64_t bits = 0;
  if (__builtin_mul_overflow(elements, std::uint64_t{type.bits}, &bits)) return std::nullopt;
  return bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

// Why a location must not be followed, or empty. Anything but plain names between single slashes is refused, whether or
// not some reader would normalise it into something harmless.
std::string refuse_location(std::string_view location) {
  if (location.empty()) return "names no file";
  if (location.front() == '/' || location.find_first_of("\\:") != std::string_view::npos)
    return "is not a relative path";
  const bool control = std::any_of(location.begin(), location.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (control) return "holds control characters";
  for (std::size_t at = 0; at <= location.size();) {
    const auto end = std::min(location.find('/', at), location.size());
    const auto part = location.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return "has the part `" + std::string(part) + "`";
    at = end + 1;
  }
  return {};
}

struct External {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  std::string problem;
};

External read_external(const OnnxTensor& tensor) {
  External out;
  std::set<std::string> seen;
  const auto number = [&](const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      out.problem = "has `" + text.substr(0, 40) + "` where a number belongs";
    return value;
  };
  for (const auto& [key, value] : tensor.external_data) {
    if (!seen.insert(key).second) out.problem = "has `" + key.substr(0, 40) + "` twice in its external data";
    if (key == "location") out.location = value;
    if (key == "offset") out.offset = number(value);
    if (key == "length") out.length = number(value);
  }
  return out;
}

void check_external(const OnnxTensor& tensor, const std::string& label, std::optional<std::uint64_t> needed,
                    const std::string& folder, const Neighbours& neighbours, std::set<std::string>& referenced,
                    Findings& findings) {
  const auto external = read_external(tensor);
  if (!external.problem.empty()) return findings.add("onnx-tensor", label + external.problem);
  if (const auto why = refuse_location(external.location); !why.empty()) {
    return findings.add("onnx-external-data", label + "external data in `" + external.location + "`, which " + why);
  }
  const auto path = folder + external.location;
  const auto file = neighbours(path);
  if (!file)
    return findings.add("onnx-external-range",
                        label + "external data in `" + external.location + "`, which is not among the model's files");
  if (file->link || file->several_names) {
    return findings.add("onnx-external-data", label + "external data in `" + external.location + "`, which is " +
                                                  (file->link ? "a symbolic link" : "a hard link with other names"));
  }
  referenced.insert(path);
  if (external.offset > file->size || external.length.value_or(0) > file->size - external.offset) {
    return findings.add("onnx-external-range", label + "bytes " + std::to_string(external.offset) + " and on of `" +
                                                   external.location + "`, which has " + std::to_string(file->size));
  }
  const auto length = external.length.value_or(file->size - external.offset);
  if (needed && (external.length ? length != *needed : length < *needed)) {
    findings.add("onnx-tensor", label + "has " + std::to_string(length) +
                                    " external bytes, its dimensions and type need " + std::to_string(*needed));
  }
}

}  // namespace

void check_onnx_tensor(const OnnxTensor& tensor, const std::string& folder, const Neighbours& neighbours,
                       std::set<std::string>& referenced, Findings& findings) {
  const auto label = "tensor `" + tensor.name + "` ";
  const auto wrong = [&](const std::string& what) { findings.add("onnx-tensor", label + what); };
  const auto count = tensor.too_many_dims ? std::nullopt : element_count(tensor);
  const bool known = tensor.data_type > 0 && tensor.data_type < static_cast<std::int64_t>(types.size());
  if (!count) wrong("has dimensions that are negative or too large");
  if (!known) wrong("is of the unknown type " + std::to_string(tensor.data_type));
  const auto type = known ? types[static_cast<std::size_t>(tensor.data_type)] : Type{};
  const auto bytes = count && known && tensor.data_type != string_type ? byte_count(*count, type) : std::nullopt;
  if (tensor.external || !tensor.external_data.empty()) {
    if (tensor.has_raw || tensor.has_typed) wrong("has its data inside the model and beside it");
    return check_external(tensor, label, bytes, folder, neighbours, referenced, findings);
  }
  if (!count || !known) return;
  if (tensor.has_raw && tensor.has_typed) return wrong("has its data twice, as raw bytes and as values");
  if (tensor.has_raw) {
    if (!bytes) return wrong("is of strings, or too large, and has raw bytes");
    if (tensor.raw_bytes != *bytes)
      wrong("has " + count_text(tensor.raw_bytes, "byte") + ", its dimensions and type need " + std::to_string(*bytes));
    return;
  }
  std::uint64_t values = 0;
  if (__builtin_mul_overflow(*count, std::uint64_t{type.values_per}, &values))
    return wrong("has dimensions that are too large");
  values = values / type.elements_per + (values % type.elements_per != 0 ? 1 : 0);
  if (tensor.typed_values != values)
    wrong("has " + count_text(tensor.typed_values, "value") + ", its dimensions and type need " +
          std::to_string(values));
}

}  // namespace mlctl::validate
