// Protocol buffers' wire format, read from a stream: fields of a message whose end is known, one after the other. Large
// fields are skipped, never kept, so that a model of gigabytes is walked in constant memory.
// Source: the encoding page of the Protocol Buffers documentation. Groups (deprecated, used by no model) are refused.
#pragma once
#include <cstdint>
#include <optional>

#include "validate/formats/input.h"

namespace mlctl::validate {

struct ProtoField {
  enum class Wire { varint, fixed64, bytes, fixed32 };
  std::uint32_t number = 0;
  Wire wire = Wire::varint;
  std::uint64_t value = 0;  // of a number; of bytes: the position after them
  [[nodiscard]] std::uint64_t end() const { return value; }
};

enum class ProtoNext { field, end, broken };
// Reads a field's tag, and its value unless it is bytes: those follow in `in` up to field.end(). `end` is the position
// after the message. broken: a varint of more than 64 bits, field number 0, a group, or something beyond the end.
[[nodiscard]] ProtoNext read_field(Input& in, std::uint64_t end, ProtoField& field);
[[nodiscard]] std::optional<std::uint64_t> read_varint(Input& in, std::uint64_t end);

}  // namespace mlctl::validate
