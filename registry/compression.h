// gzip and zstd as streams. The one place that knows zlib and libzstd.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "registry/files.h"
#include "registry/pump.h"

namespace mlctl::registry {

enum class Compression { none, gzip, zstd };

// More may not come out than this: a bomb is told from a model that compresses well.
inline constexpr std::uint64_t free_output = 64U << 20U;  // bytes
inline constexpr std::uint64_t output_ratio = 250;        // of what went in, beyond the free output

[[nodiscard]] inline bool is_bomb(std::uint64_t compressed, std::uint64_t content) {
  return content > free_output + output_ratio * compressed;
}

// What `source` holds, decompressed; it must outlive the result. Error{corrupt}: not of that kind, cut off, or a bomb.
[[nodiscard]] std::unique_ptr<ByteSource> decompressed(ByteSource& source, Compression compression);

// zstd at its default level with a checksum: the same bytes give the same with the same libzstd.
class ZstdWriter {
 public:
  explicit ZstdWriter(Sink sink);
  ~ZstdWriter();
  ZstdWriter(const ZstdWriter&) = delete;
  ZstdWriter& operator=(const ZstdWriter&) = delete;
  [[nodiscard]] Status write(std::string_view bytes);
  [[nodiscard]] Status finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
[[nodiscard]] std::string zstd_version();

}  // namespace mlctl::registry
