#include "validate/formats/onnx_list.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "validate/formats/protobuf.h"

namespace mlctl::validate {
namespace {

constexpr std::uint64_t text_limit = 4096;  // bytes of a name; what is longer is cut
constexpr std::size_t value_shown = 200;    // bytes of a value of the metadata
constexpr std::size_t dims_limit = 64;
constexpr std::size_t notes_limit = 10'000;  // inputs, outputs, entries of the metadata
constexpr std::array<std::string_view, 25> types{
    "undefined", "float",      "uint8",      "int8",         "uint16",         "int16",      "int32",
    "int64",     "string",     "bool",       "float16",      "double",         "uint32",     "uint64",
    "complex64", "complex128", "bfloat16",   "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz",
    "uint4",     "int4",       "float4e2m1", "float8e8m0"};

std::string type_name(std::uint64_t type) {
  return type < types.size() ? std::string(types[static_cast<std::size_t>(type)]) : "type " + std::to_string(type);
}

class Lister {
 public:
  Lister(Input& in, TensorList& list) : in_(in), list_(list) {}

  std::optional<std::string> run() {
    const bool read = each(in_.size(), [this](const ProtoField& field) { return model_field(field); });
    if (!read) return "the bytes end or contradict each other at byte " + std::to_string(in_.position());
    if (graphs_ != 1) return "it has " + std::to_string(graphs_) + " graphs instead of one";
    for (const auto& [key, value] : {std::pair{"producer", producer_}, {"ir_version", ir_version_}})
      if (!value.empty()) list_.metadata[key] = value;
    return std::nullopt;
  }

 private:
  using Take = std::function<bool(const ProtoField&)>;

  // Every field up to `end`; what `take` leaves of one that holds bytes is skipped.
  bool each(std::uint64_t end, const Take& take) {
    for (ProtoField field;;) {
      const auto state = read_field(in_, end, field);
      if (state == ProtoNext::broken) return false;
      if (state == ProtoNext::end) return true;
      if (!take(field)) return false;
      if (field.wire == ProtoField::Wire::bytes && !in_.skip(field.end() - in_.position())) return false;
    }
  }

  static bool holds(const ProtoField& field, std::uint32_t number, ProtoField::Wire wire) {
    return field.number == number && field.wire == wire;
  }
  bool text(const ProtoField& field, std::string& into) {
    const auto kept = in_.text(std::min(text_limit, field.end() - in_.position()), text_limit);
    if (kept) into = *kept;
    return kept.has_value();
  }
  void note(const std::string& key, const std::string& value) {
    if (list_.metadata.size() < notes_limit) list_.metadata[key] = value.substr(0, value_shown);
  }

  bool model_field(const ProtoField& field) {
    using Wire = ProtoField::Wire;
    if (holds(field, 1, Wire::varint)) ir_version_ = std::to_string(field.value);
    if (holds(field, 2, Wire::bytes)) {
      std::string name;
      if (!text(field, name)) return false;
      producer_ = name + producer_;
    }
    if (holds(field, 3, Wire::bytes)) {
      std::string version;
      if (!text(field, version)) return false;
      if (!version.empty()) producer_ += " " + version;
    }
    if (holds(field, 7, Wire::bytes)) {
      ++graphs_;
      return each(field.end(), [this](const ProtoField& inner) { return graph_field(inner); });
    }
    if (holds(field, 8, Wire::bytes)) return opset(field.end());
    if (holds(field, 14, Wire::bytes)) return entry(field.end());
    return true;
  }

  bool opset(std::uint64_t end) {
    std::string domain;
    std::uint64_t version = 0;
    const bool read = each(end, [&](const ProtoField& field) {
      if (holds(field, 2, ProtoField::Wire::varint)) version = field.value;
      return !holds(field, 1, ProtoField::Wire::bytes) || text(field, domain);
    });
    note(domain.empty() ? "opset" : "opset " + domain, std::to_string(version));
    return read;
  }

  bool entry(std::uint64_t end) {
    std::string key, value;
    const bool read = each(end, [&](const ProtoField& field) {
      if (holds(field, 1, ProtoField::Wire::bytes)) return text(field, key);
      return !holds(field, 2, ProtoField::Wire::bytes) || text(field, value);
    });
    note(key, value);
    return read;
  }

  bool graph_field(const ProtoField& field) {
    if (field.wire != ProtoField::Wire::bytes) return true;
    if (field.number == 5) return tensor(field.end());
    if (field.number == 11) return value_info("input ", field.end());
    if (field.number == 12) return value_info("output ", field.end());
    return true;
  }

  bool tensor(std::uint64_t end) {
    TensorLine line;
    std::uint64_t type = 0;
    const bool read = each(end, [&](const ProtoField& field) {
      if (holds(field, 8, ProtoField::Wire::bytes)) return text(field, line.name);
      if (holds(field, 2, ProtoField::Wire::varint)) type = field.value;
      if (field.number != 1) return true;
      if (field.wire == ProtoField::Wire::varint) return dim(line.shape, std::to_string(field.value));
      if (field.wire != ProtoField::Wire::bytes) return false;
      while (in_.position() < field.end()) {
        const auto value = read_varint(in_, field.end());
        if (!value || !dim(line.shape, std::to_string(*value))) return false;
      }
      return true;
    });
    line.type = type_name(type);
    if (list_.tensors.size() <= tensors_limit) list_.tensors.push_back(std::move(line));
    return read;
  }

  static bool dim(std::vector<std::string>& shape, std::string value) {
    if (shape.size() == dims_limit) return false;
    shape.push_back(std::move(value));
    return true;
  }

  // ValueInfoProto: name, TypeProto {tensor_type {elem_type, shape {dim {dim_value | dim_param}}}}.
  bool value_info(const char* kind, std::uint64_t end) {
    TensorLine line;
    line.type = "another type";
    const Take shape = [&](const ProtoField& field) {
      if (!holds(field, 1, ProtoField::Wire::bytes)) return true;
      std::string extent = "?";
      const bool read = each(field.end(), [&](const ProtoField& inner) {
        if (holds(inner, 1, ProtoField::Wire::varint)) extent = std::to_string(inner.value);
        return !holds(inner, 2, ProtoField::Wire::bytes) || text(inner, extent);
      });
      return read && dim(line.shape, extent);
    };
    const Take tensor_type = [&](const ProtoField& field) {
      if (holds(field, 1, ProtoField::Wire::varint)) line.type = type_name(field.value);
      return !holds(field, 2, ProtoField::Wire::bytes) || each(field.end(), shape);
    };
    const bool read = each(end, [&](const ProtoField& field) {
      if (holds(field, 1, ProtoField::Wire::bytes)) return text(field, line.name);
      if (!holds(field, 2, ProtoField::Wire::bytes)) return true;
      return each(field.end(), [&](const ProtoField& inner) {
        return !holds(inner, 1, ProtoField::Wire::bytes) || each(inner.end(), tensor_type);
      });
    });
    note(kind + line.name, to_string(line));
    return read;
  }

  Input& in_;
  TensorList& list_;
  std::uint64_t graphs_ = 0;
  std::string producer_, ir_version_;
};

}  // namespace

std::optional<std::string> list_onnx(Input& in, TensorList& list) {
  return Lister(in, list).run();
}

}  // namespace mlctl::validate
