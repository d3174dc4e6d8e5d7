// Bytes and code points of text that came from outside.
#pragma once
#include <cstddef>
#include <string_view>

namespace mlctl {

// How many leading bytes are whole, well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates); text.size() when
// all are.
[[nodiscard]] std::size_t valid_utf8(std::string_view text);

struct LineColumn {
  int line = 1;
  int column = 1;  // in code points
};
// Where the byte at `offset` stands; lines end with \n.
[[nodiscard]] LineColumn line_column(std::string_view text, std::size_t offset);

}  // namespace mlctl
