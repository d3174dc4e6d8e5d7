// The tar headers that layers are made of: ustar, with a pax header where a name or size does not fit. Owners and times
// are zero. The same entry gives the same bytes everywhere, so that reading a layer back is comparing.
// Source: POSIX.1-2017, pax.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace mlctl::registry::tar {

inline constexpr std::size_t block = 512;  // bytes

struct Entry {
  std::string_view path;
  std::uint64_t size = 0;
  bool executable = false;
  std::string_view link;  // "" for a regular file
};
// Everything before the content.
[[nodiscard]] std::string header(const Entry& entry);
// The zeros after `size` bytes of content.
[[nodiscard]] std::size_t padding(std::uint64_t size);
// The two empty blocks at the end.
[[nodiscard]] std::string trailer();

}  // namespace mlctl::registry::tar
