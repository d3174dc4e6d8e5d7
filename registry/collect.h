// From what a folder or a commit holds to the files of a model: the part that both share.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/files.h"

namespace mlctl::registry {

struct Candidate {
  enum class Kind { file, link, other };
  std::string path;
  Kind kind = Kind::file;
  bool executable = false;
  std::string link;
  std::uint64_t size = 0;
  std::function<Result<std::unique_ptr<ByteSource>>()> open;
  FileIdentity identity;
};

// Folders are there because files are in them: an empty one is not part of a version, as it is none of a commit.
// The candidates that the rules choose, sorted, their format detected, their links checked. `hint` goes with what is
// missing or a pointer of Git LFS.
[[nodiscard]] Result<std::vector<ModelFile>> choose_files(std::vector<Candidate> candidates, const FileRules& rules,
                                                          const std::string& hint,
                                                          const std::shared_ptr<DigestCache>& cache);

// Left out before any rule: what belongs to tools (.git, .mlctl, .mlctl-*) at any depth, and our own files at the top.
[[nodiscard]] bool never_packed(std::string_view path);

}  // namespace mlctl::registry
