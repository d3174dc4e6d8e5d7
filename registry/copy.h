// Versions from one store to another with everything that refers to them: the image, evidence, signatures, and what
// refers to those. Digests stay what they are. Every byte is hashed on the way and never kept in memory; what is there
// is not sent again, so that a copy that was cut off goes on. A version that exists there with other content is refused
// before anything is sent. Blobs come first, then the version, then what refers to it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/terminal.h"
#include "registry/store.h"

namespace mlctl::registry {

inline constexpr std::size_t referrers_limit = 10'000;  // of one version, all levels together
inline constexpr std::size_t referrers_depth = 8;

struct CopyReferrer {
  Digest subject;
  Descriptor manifest;
};
// Everything that one version is made of.
struct CopySet {
  ModelName model;
  Publication publication;
  std::vector<Descriptor> blobs;        // each once; no manifests
  std::vector<CopyReferrer> referrers;  // a subject before what refers to it; the image is the publication's
};
// Reads the manifests, no layers. Error{corrupt}: a manifest is not what its digest says, or names no blobs;
// Error{usage}: more referrers than the limits, or one that is no manifest of blobs.
[[nodiscard]] Result<CopySet> copy_set(Store& from, const ModelName& model, const Publication& publication);

struct CopyReport {
  std::uint64_t versions = 0;
  std::uint64_t existed = 0;  // of them were there with the same content
  std::uint64_t referrers = 0;
  std::uint64_t blobs = 0;
  std::uint64_t sent = 0;        // of them
  std::uint64_t bytes = 0;       // of all blobs
  std::uint64_t bytes_sent = 0;  // of those that were not there
};
// Error{conflict} as of Store::publish; Error{corrupt}: bytes of the source are not what their digest says.
[[nodiscard]] Result<CopyReport> copy_versions(Store& from, Store& to, const std::vector<CopySet>& sets,
                                               Progress& progress);
// One blob into a store, its bytes checked on the way; true when it had to be sent. `corrupt` is for bytes that are not
// what the digest says; `told` learns how many were sent.
[[nodiscard]] Result<bool> send_blob(Store& to, const ModelName& model, const Descriptor& blob,
                                     const std::function<Result<std::unique_ptr<ByteSource>>()>& open,
                                     const Error& corrupt, const std::function<void(std::uint64_t)>& told);
// What it would do; the same refusals.
[[nodiscard]] Result<CopyReport> rehearse_copy(Store& to, const std::vector<CopySet>& sets);

}  // namespace mlctl::registry
