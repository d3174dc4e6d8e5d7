// A verified copy of a version's files. Every file is written beside, hashed, fsynced and renamed: what stands in the
// folder under its name is right. Files that are right already are kept, so a pull that was cut off resumes,
// and of a large file that is on its way what arrived is kept (part_file.h). Nothing is
// written outside the folder, whatever the manifest or links in the folder say. Other files in the folder stay.
#pragma once
#include <cstdint>
#include <filesystem>

#include "base/digest.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/name.h"
#include "registry/store.h"

namespace mlctl::registry {

struct PullReport {
  std::uint64_t files = 0;
  std::uint64_t kept = 0;   // were right already
  std::uint64_t bytes = 0;  // written
};

// What to do with a file that is there and is another one.
enum class Existing { replace, keep };

// Error{conflict}, with Existing::keep: a file that is there is not the version's; others may have been written.
// Error{not_found}: no such digest; Error{corrupt}: bytes are not what their digest says; Error{usage}: a link in the
// folder leads out of it.
[[nodiscard]] Result<PullReport> pull(Store& store, const ModelName& model, const Digest& digest,
                                      const std::filesystem::path& folder, Progress& progress, Disk& disk = real_disk(),
                                      Existing existing = Existing::replace);

}  // namespace mlctl::registry
