// One stream of bytes, read once, to several takers at once: while one hashes, the next is read and the last is
// written. Long streams get a thread for the reader and for each taker but the last, which runs in the caller's; at
// most 4 MiB wait between them. Short streams get no threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlctl::registry {

using Sink = std::function<Status(std::string_view)>;
// At most `room` bytes into `into`; 0 at the end.
using Next = std::function<Result<std::size_t>(char* into, std::size_t room)>;

// Every byte to every taker, in order. The first error, of `next` or of a taker, ends it; Error{interrupted} on Ctrl-C.
// `size` is what is to be expected, in bytes: it decides about threads and nothing else.
[[nodiscard]] Status pump(const Next& next, const std::vector<Sink>& takers, std::uint64_t size);

}  // namespace mlctl::registry
