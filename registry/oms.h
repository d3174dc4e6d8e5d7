// OpenSSF Model Signing: a statement over a model's files, by name and SHA-256, that other tools check on a folder.
// A link counts as the file at its end; a link to a folder is not listed, nor is a folder. Source: Model Signing v1.0
// and what model_signing 1.1.1 writes; its experimental predicate (Digests/v0.1) is read too.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/pack.h"
#include "registry/sign.h"

namespace mlctl::registry {

inline constexpr std::string_view oms_predicate = "https://model_signing/signature/v1.0";
inline constexpr std::string_view oms_old_predicate = "https://model_signing/Digests/v0.1";

// The statement from digests that are known; pure. Resources are in the order of their paths, part by part; the
// subject's digest is over theirs. `name` is for people.
[[nodiscard]] std::string oms_statement(const std::string& name, const std::vector<PackedFile>& files);

struct OmsResource {
  std::string path;
  std::uint64_t start = 0, end = 0;  // bytes of the file, of shards only
  Digest digest;
};
struct OmsStatement {
  std::vector<OmsResource> resources;
  std::uint64_t shard_size = 0;  // bytes; 0: whole files
  bool links = false;            // allowed, and followed
  std::vector<std::string> ignored;
};
// Error{corrupt}: not such a statement, a path twice, or a subject's digest that is not over the resources'.
// Error{usage}: of digests other than SHA-256.
[[nodiscard]] Result<OmsStatement> parse_oms(std::string_view statement);

struct FolderReport {
  SignatureState signature;
  std::uint64_t files = 0;            // read
  std::uint64_t bytes = 0;            // read
  std::vector<std::string> problems;  // one line each: changed, missing, not signed; at most 100
};
// Whether the folder is what a trusted signature says: it is when the signature is valid and there are no problems.
// Without a valid signature nothing is read. `signature_file`, where it lies in the folder, is not part of the model.
// Error{corrupt}: no OMS bundle; Error{not_found}, Error{unavailable}: the folder cannot be read.
[[nodiscard]] Result<FolderReport> verify_folder(const std::filesystem::path& folder, std::string_view bundle,
                                                 const Trust& trust, WallTime now,
                                                 const std::filesystem::path& signature_file = {},
                                                 Progress& progress = no_progress());

}  // namespace mlctl::registry
