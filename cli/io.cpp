#include "cli/io.h"

#include <cerrno>
#include <unistd.h>

namespace mlctl::cli {

DescriptorBuffer::DescriptorBuffer(int fd) : fd_(fd) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

DescriptorBuffer::~DescriptorBuffer() {
  flush_all();
}

// After a failure everything is swallowed, so that the work itself goes on.
bool DescriptorBuffer::flush_all() {
  const char* at = pbase();
  while (at < pptr() && error_ == 0) {
    const auto written = ::write(fd_, at, static_cast<std::size_t>(pptr() - at));
    if (written >= 0) {
      at += written;
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return error_ == 0;
}

DescriptorBuffer::int_type DescriptorBuffer::overflow(int_type c) {
  flush_all();
  if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
  return traits_type::not_eof(c);
}

int DescriptorBuffer::sync() {
  flush_all();
  return 0;
}

int DescriptorStream::finish() {
  flush();
  return buffer_.error() == EPIPE ? 0 : buffer_.error();
}

}  // namespace mlctl::cli
