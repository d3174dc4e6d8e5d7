#include "registry/compression.h"

#include <algorithm>
#include <array>
#include <utility>
#include <zlib.h>
#include <zstd.h>

#include "base/terminal.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t buffer_size = 128U << 10U;

Error broken(const std::string& why) {
  return {Error::Kind::corrupt, "compressed bytes are not what they should be: " + why, ""};
}

// One step of a decompressor: takes from `in`, puts into `out`, moves both. True at the end of a stream.
struct Decoder {
  virtual ~Decoder() = default;
  virtual Result<bool> step(std::string_view& in, char*& out, std::size_t& room) = 0;
};

class Gzip : public Decoder {
 public:
  Gzip() { good_ = ::inflateInit2(&stream_, 15 + 16) == Z_OK; }
  ~Gzip() override {
    if (good_) ::inflateEnd(&stream_);
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  Result<bool> step(std::string_view& in, char*& out, std::size_t& room) override {
    if (!good_) return broken("no memory for gzip");
    if (ended_ && ::inflateReset(&stream_) != Z_OK) return broken("gzip");
    ended_ = false;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(room);
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return broken("gzip");
    in.remove_prefix(in.size() - stream_.avail_in);
    out += room - stream_.avail_out;
    room = stream_.avail_out;
    ended_ = code == Z_STREAM_END;
    return ended_;
  }

 private:
  z_stream stream_{};
  bool good_ = false, ended_ = false;
};

class Zstd : public Decoder {
 public:
  Zstd() : context_(::ZSTD_createDCtx()) {}
  ~Zstd() override { ::ZSTD_freeDCtx(context_); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  Result<bool> step(std::string_view& in, char*& out, std::size_t& room) override {
    if (context_ == nullptr) return broken("no memory for zstd");
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out, room, 0};
    const std::size_t left = ::ZSTD_decompressStream(context_, &output, &input);
    if (::ZSTD_isError(left) != 0) return broken(std::string("zstd: ") + ::ZSTD_getErrorName(left));
    in.remove_prefix(input.pos);
    out += output.pos;
    room -= output.pos;
    return left == 0;
  }

 private:
  ZSTD_DCtx* context_;
};

class Decompressed : public ByteSource {
 public:
  Decompressed(ByteSource& source, std::unique_ptr<Decoder> decoder) : source_(source), decoder_(std::move(decoder)) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    char* out = into;
    for (std::size_t room = std::min<std::size_t>(size, 1U << 30U); room > 0 && out == into;) {
      if (waiting_.empty() && !drained_) {
        auto got = source_.read(buffer_.data(), buffer_.size());
        if (!got) return got;
        drained_ = *got == 0;
        taken_ += *got;
        waiting_ = {buffer_.data(), *got};
      }
      // Members may follow each other; nothing may be left of one.
      if (waiting_.empty() && between_) {
        if (taken_ == 0) return broken("nothing there");
        return std::size_t{0};
      }
      const auto before = waiting_.size();
      auto ended = decoder_->step(waiting_, out, room);
      if (!ended) return ended.error();
      between_ = *ended;
      if (drained_ && out == into && waiting_.size() == before && !between_) return broken("cut off");
    }
    given_ += static_cast<std::size_t>(out - into);
    if (is_bomb(taken_, given_))
      return broken("more than " + human_bytes(given_) + " come out of " + human_bytes(taken_) + ": a bomb");
    return static_cast<std::size_t>(out - into);
  }

 private:
  ByteSource& source_;
  std::unique_ptr<Decoder> decoder_;
  std::array<char, buffer_size> buffer_{};
  std::string_view waiting_;
  std::uint64_t taken_ = 0, given_ = 0;
  bool drained_ = false, between_ = true;
};

// What is not compressed, as it is.
class Same : public ByteSource {
 public:
  explicit Same(ByteSource& source) : source_(source) {}
  Result<std::size_t> read(char* into, std::size_t size) override { return source_.read(into, size); }

 private:
  ByteSource& source_;
};

}  // namespace

std::unique_ptr<ByteSource> decompressed(ByteSource& source, Compression compression) {
  if (compression == Compression::none) return std::make_unique<Same>(source);
  if (compression == Compression::gzip) return std::make_unique<Decompressed>(source, std::make_unique<Gzip>());
  return std::make_unique<Decompressed>(source, std::make_unique<Zstd>());
}

struct ZstdWriter::State {
  Sink sink;
  ZSTD_CCtx* context = ::ZSTD_createCCtx();
  std::string buffer = std::string(::ZSTD_CStreamOutSize(), '\0');

  Status run(std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
      const std::size_t left = ::ZSTD_compressStream2(context, &output, &input, directive);
      if (::ZSTD_isError(left) != 0)
        return Error{Error::Kind::unavailable, std::string("cannot compress: ") + ::ZSTD_getErrorName(left), ""};
      if (output.pos > 0)
        if (auto taken = sink({buffer.data(), output.pos}); !taken) return taken;
      if (directive == ZSTD_e_end ? left == 0 : input.pos == input.size) return ok();
    }
  }
};

ZstdWriter::ZstdWriter(Sink sink) : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  ::ZSTD_CCtx_setParameter(state_->context, ZSTD_c_checksumFlag, 1);
}

ZstdWriter::~ZstdWriter() {
  ::ZSTD_freeCCtx(state_->context);
}

Status ZstdWriter::write(std::string_view bytes) {
  return state_->run(bytes, ZSTD_e_continue);
}

Status ZstdWriter::finish() {
  return state_->run({}, ZSTD_e_end);
}

std::string zstd_version() {
  return ::ZSTD_versionString();
}

}  // namespace mlctl::registry
