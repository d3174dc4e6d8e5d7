// Model files put together by hand, good and bad, for the tests of the formats.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "validate/rules.h"

namespace mlctl::validate::test {

inline std::string little(std::uint64_t value, unsigned width) {
  std::string out;
  for (unsigned i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
  return out;
}
inline std::string big(std::uint64_t value, unsigned width) {
  const auto reversed = little(value, width);
  return {reversed.rbegin(), reversed.rend()};
}
inline std::string safetensors(std::string_view header, std::size_t data_size) {
  return little(header.size(), 8) + std::string(header) + std::string(data_size, '\0');
}

// Protocol buffers.
inline std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  return out + static_cast<char>(value);
}
inline std::string field(std::uint32_t number, std::uint64_t value) {
  return varint(std::uint64_t{number} << 3U) + varint(value);
}
inline std::string field(std::uint32_t number, std::string_view bytes) {
  return varint(std::uint64_t{number} << 3U | 2U) + varint(bytes.size()) + std::string(bytes);
}

// "rule: message" of each finding.
inline std::vector<std::string> lines(Findings& findings) {
  std::vector<std::string> out;
  for (const auto& finding : findings.take()) out.push_back(finding.rule + ": " + finding.message);
  return out;
}
inline std::vector<std::string> rules_of(Findings& findings) {
  std::vector<std::string> out;
  for (const auto& finding : findings.take()) out.push_back(finding.rule);
  return out;
}

}  // namespace mlctl::validate::test
