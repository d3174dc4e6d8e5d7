#include "release/local_evidence.h"

#include "base/filesystem.h"

namespace mlctl::release {
namespace {

std::filesystem::path note_of(const std::filesystem::path& root, const Digest& subject, const Digest& evidence) {
  return root / ".mlctl" / "evidence" / subject.hex() / evidence.hex();
}

}  // namespace

Status remember_evidence(const std::filesystem::path& root, const Digest& subject, const Digest& evidence) {
  return write_file(note_of(root, subject, evidence), "");
}

bool is_local_evidence(const std::filesystem::path& root, const Digest& subject, const Digest& evidence) {
  std::error_code failed;
  return std::filesystem::is_regular_file(note_of(root, subject, evidence), failed);
}

}  // namespace mlctl::release
