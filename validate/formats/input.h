// Bytes under scrutiny: read once, forward, through a buffer of constant size. Nothing here allocates by a number that
// the bytes themselves claim. A read that fails looks like the end of the bytes; trouble() tells the two apart.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlctl::validate {

class Input {
 public:
  // Reads at most `size` bytes to `into` and says how many; 0 at the end.
  using Read = std::function<Result<std::size_t>(char* into, std::size_t size)>;
  // Goes on `size` bytes further without reading them; never beyond the size given.
  using Skip = std::function<Status(std::uint64_t size)>;
  // `size` is what the file system or the tree says; fewer bytes may come.
  Input(Read read, std::uint64_t size, Skip skip = {});
  explicit Input(std::string_view bytes);  // not copied

  [[nodiscard]] std::uint64_t position() const { return passed_ + at_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t remaining() const { return size_ > position() ? size_ - position() : 0; }
  [[nodiscard]] bool at_end() { return at_ == view_.size() && !refill(); }
  [[nodiscard]] const std::optional<Error>& trouble() const { return trouble_; }

  // The next byte, or -1 at the end.
  int byte() {
    if (at_ == view_.size() && !refill()) return -1;
    return static_cast<unsigned char>(view_[at_++]);
  }
  // The same byte again at the next call.
  int peek() { return at_end() ? -1 : static_cast<unsigned char>(view_[at_]); }
  // False when fewer bytes follow; what there was is consumed.
  [[nodiscard]] bool take(void* into, std::size_t size);
  [[nodiscard]] bool skip(std::uint64_t size);
  // Exactly `size` bytes, or nullopt when that is more than `limit` or fewer follow.
  [[nodiscard]] std::optional<std::string> text(std::uint64_t size, std::uint64_t limit);
  // Little- or big-endian unsigned number of `width` bytes (1 to 8), or nullopt at the end.
  [[nodiscard]] std::optional<std::uint64_t> little(unsigned width) {
    if (view_.size() - at_ < width) return slow_little(width);
    std::uint64_t value = 0;
    for (unsigned i = width; i-- > 0;) value = value << 8U | static_cast<unsigned char>(view_[at_ + i]);
    at_ += width;
    return value;
  }
  [[nodiscard]] std::optional<std::uint64_t> big(unsigned width);

 private:
  bool refill();
  std::optional<std::uint64_t> slow_little(unsigned width);  // across the end of the buffer

  Read read_;
  Skip skip_;
  std::uint64_t size_ = 0;
  std::uint64_t passed_ = 0;  // bytes before view_
  std::size_t at_ = 0;
  std::string_view view_;
  std::vector<char> buffer_;
  std::optional<Error> trouble_;
};

}  // namespace mlctl::validate
