// Output streams over file descriptors that remember why writing failed. A reader that closed the pipe has what it
// wanted: that is no failure. A full disk is.
#pragma once
#include <array>
#include <ostream>
#include <streambuf>

namespace mlctl::cli {

class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int fd);
  ~DescriptorBuffer() override;
  [[nodiscard]] int error() const { return error_; }  // errno of the first write that failed, or 0

 protected:
  int_type overflow(int_type c) override;
  int sync() override;

 private:
  bool flush_all();
  int fd_;
  int error_ = 0;
  std::array<char, 16384> buffer_;
};

class DescriptorStream : public std::ostream {
 public:
  explicit DescriptorStream(int fd) : std::ostream(nullptr), buffer_(fd) { rdbuf(&buffer_); }
  // Flushes; errno of the first failed write (EPIPE counts as none), or 0.
  [[nodiscard]] int finish();

 private:
  DescriptorBuffer buffer_;
};

}  // namespace mlctl::cli
