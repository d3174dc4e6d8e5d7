// Loopback ports for local model servers.
#pragma once
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace mlctl {

// `count` different TCP ports on 127.0.0.1 that were free a moment ago. A server that finds its port taken after all
// must be started again with others: the caller's business.
[[nodiscard]] Result<std::vector<std::uint16_t>> free_loopback_ports(std::size_t count);

}  // namespace mlctl
