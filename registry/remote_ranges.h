// A blob read from a registry: several ranges are fetched at once and delivered in order, each tried again by itself
// from where it broke; at most ranges_at_once + 1 of them wait in memory. From a server without ranges it comes
// as one stream. The bytes are as they come: whoever reads them checks the digest. Source: RFC 9110, section 14.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/digest.h"
#include "base/result.h"
#include "registry/files.h"
#include "registry/remote_client.h"

namespace mlctl::registry {

inline constexpr std::size_t range_size = 3U << 20U;  // bytes
// Of the first range; the others are asked for when it was read, so that a header costs no more than this.
inline constexpr std::size_t first_range_size = 256U << 10U;
inline constexpr std::size_t ranges_at_once = 4;

// `client` outlives it. Error{not_found} when absent.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_remote_blob(RemoteClient& client, const std::string& repository,
                                                                   const Digest& digest, std::uint64_t offset);

}  // namespace mlctl::registry
