#include "validate/formats/protobuf.h"

namespace mlctl::validate {

std::optional<std::uint64_t> read_varint(Input& in, std::uint64_t end) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (in.position() >= end) return std::nullopt;
    const int byte = in.byte();
    if (byte < 0 || (shift == 63 && byte > 1)) return std::nullopt;
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

ProtoNext read_field(Input& in, std::uint64_t end, ProtoField& field) {
  if (in.position() >= end) return ProtoNext::end;
  const auto tag = read_varint(in, end);
  if (!tag || *tag >> 3U == 0 || *tag >> 32U != 0) return ProtoNext::broken;
  field.number = static_cast<std::uint32_t>(*tag >> 3U);
  std::optional<std::uint64_t> value;
  switch (*tag & 7U) {
    case 0:
      field.wire = ProtoField::Wire::varint;
      value = read_varint(in, end);
      break;
    case 1:
      field.wire = ProtoField::Wire::fixed64;
      value = in.little(8);
      break;
    case 5:
      field.wire = ProtoField::Wire::fixed32;
      value = in.little(4);
      break;
    case 2: {
      field.wire = ProtoField::Wire::bytes;
      const auto size = read_varint(in, end);
      if (!size || in.position() > end || *size > end - in.position()) return ProtoNext::broken;
      value = in.position() + *size;
      break;
    }
    default:
      return ProtoNext::broken;
  }
  if (!value || in.position() > end) return ProtoNext::broken;
  field.value = *value;
  return ProtoNext::field;
}

}  // namespace mlctl::validate
