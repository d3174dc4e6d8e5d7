// The same work for many things at once.
#pragma once
#include <cstddef>
#include <functional>

#include "base/result.h"

namespace mlctl {

// work(0) to work(count - 1), on up to `workers` threads, the caller's among them. After the first error nothing more
// is begun; that error is the answer. `work` is called from several threads at once and does not throw.
[[nodiscard]] Status in_parallel(std::size_t count, std::size_t workers,
                                 const std::function<Status(std::size_t index)>& work);

// For work that only computes: the processors of this machine, at least 1.
[[nodiscard]] std::size_t processors();

}  // namespace mlctl
