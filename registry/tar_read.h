// A tar that anybody wrote, read as a stream: ustar, pax and GNU's long names. Only regular files, folders and symbolic
// links; a hard link, a device or anything else is an error, as is a header that is not right to the last byte.
// Nothing is judged here about where a path leads: that is check_tree's. Sources: POSIX.1-2017 pax, GNU tar's manual.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "registry/files.h"
#include "registry/pump.h"

namespace mlctl::registry::tar {

struct ReadEntry {
  std::string path;        // without "./" before and "/" behind it
  std::uint64_t size = 0;  // bytes; 0 for links
  bool executable = false;
  std::string link;  // "" for a regular file
};
// Called for files and links in the order of the tar; folders are passed over. A file's content goes to the sink that
// `begin` gives for it (may be empty), then `end` is called.
struct Visitor {
  std::function<Result<Sink>(const ReadEntry&)> begin;
  std::function<Status(const ReadEntry&)> end;
};
inline constexpr std::size_t entries_limit = 200'000;    // folders included
inline constexpr std::size_t records_limit = 1U << 20U;  // bytes of one pax header or long name

// Up to the two empty blocks at the end, and what follows them, which must be zeros. Error{corrupt}.
[[nodiscard]] Status read_tar(ByteSource& source, const Visitor& visitor);

}  // namespace mlctl::registry::tar
