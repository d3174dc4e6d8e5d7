// What every check of a format must keep, whatever the bytes: it ends, stays within its memory, and says the same
// however the bytes arrive.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "validate/formats/input.h"
#include "validate/rules.h"

namespace mlctl::validate::fuzz {

template <typename Check>
std::string outcome(Input in, Check check) {
  Findings findings("file");
  std::string text = check(in, findings);
  for (const auto& finding : findings.take()) text += "\n" + finding.rule + ": " + finding.message;
  return text;
}

template <typename Check>
int same_in_pieces(const std::uint8_t* data, std::size_t size, Check check) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::size_t given = 0;
  const auto piece = [&](char* into, std::size_t room) -> Result<std::size_t> {
    const auto part = std::min({room, size - given, given % 7 + 1});
    std::memcpy(into, bytes.data() + given, part);
    given += part;
    return part;
  };
  if (outcome(Input(bytes), check) != outcome(Input(piece, size), check)) std::abort();
  return 0;
}

}  // namespace mlctl::validate::fuzz
