#include "registry/part_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "registry/tar.h"

namespace mlctl::registry {
namespace {

constexpr std::string_view prefix = ".mlctl-", suffix = ".part";

std::string head_of(const PackedLayer& layer) {
  const auto& file = layer.files.front();
  return layer.kind == LayerKind::raw ? "" : tar::header({file.path, file.size, file.executable, file.link});
}

class ResumedSource : public ByteSource {
 public:
  ResumedSource(std::string head, const File& part, std::uint64_t have, std::unique_ptr<ByteSource> rest)
      : head_(std::move(head)), part_(part), have_(have), rest_(std::move(rest)) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    if (taken_ < head_.size()) {
      const auto some = std::min(size, head_.size() - taken_);
      std::memcpy(into, head_.data() + taken_, some);
      taken_ += some;
      return some;
    }
    if (at_ == have_) return rest_->read(into, size);
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, have_ - at_));
    const auto got = ::pread(part_.fd(), into, wanted, static_cast<off_t>(at_));
    if (got <= 0) return system_error(got == 0 ? EIO : errno, "cannot read", "what an earlier pull left");
    at_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }

 private:
  std::string head_;
  std::size_t taken_ = 0;  // of the head
  const File& part_;
  std::uint64_t have_, at_ = 0;
  std::unique_ptr<ByteSource> rest_;
};

}  // namespace

std::string part_name(const PackedFile& file) {
  return std::string(prefix) + file.digest.hex().substr(0, 32) + std::string(suffix);
}

bool may_resume(const PackedLayer& layer) {
  const bool as_written = layer.kind == LayerKind::raw || (layer.kind == LayerKind::tar && layer.exact);
  return as_written && layer.files.size() == 1 && layer.files.front().link.empty() &&
         layer.files.front().size >= large_file;
}

std::optional<PartFile> open_part(const std::string& folder, const PackedFile& file) {
  PartFile part{{}, folder + "/" + part_name(file), 0};
  for (int tries = 0; tries < 2; ++tries) {
    part.file = File(::open(part.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    struct stat opened{};
    struct stat there{};
    if (part.file.fd() < 0 || ::fstat(part.file.fd(), &opened) != 0 || !S_ISREG(opened.st_mode)) return std::nullopt;
    if (::flock(part.file.fd(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
    // Whoever had it may have renamed it meanwhile; a second name would be another file of the user's.
    if (opened.st_nlink != 1 || ::stat(part.path.c_str(), &there) != 0 || there.st_ino != opened.st_ino) {
      if (opened.st_nlink > 1) ::unlink(part.path.c_str());
      continue;
    }
    part.size = static_cast<std::uint64_t>(opened.st_size);
    if (part.size > file.size && ::ftruncate(part.file.fd(), 0) == 0) part.size = 0;
    if (part.size > file.size || ::lseek(part.file.fd(), 0, SEEK_END) < 0) return std::nullopt;
    return part;
  }
  return std::nullopt;
}

Result<std::unique_ptr<ByteSource>> open_resumed(Store& store, const ModelName& model, const PackedLayer& layer,
                                                 const File& part, std::uint64_t have) {
  auto head = head_of(layer);
  auto rest = open_layer(store, model, layer, head.size() + have);
  if (!rest) return rest;
  return std::unique_ptr<ByteSource>(std::make_unique<ResumedSource>(std::move(head), part, have, std::move(*rest)));
}

}  // namespace mlctl::registry
