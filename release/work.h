// Folders of a release under .mlctl/, and small things that several steps share. Internal to release/.
#pragma once
#include <filesystem>
#include <string>

#include "base/digest.h"
#include "base/lock.h"
#include "base/result.h"
#include "registry/evidence.h"
#include "release/chain_state.h"

namespace mlctl::release {

struct Work {
  std::filesystem::path folder;  // empty and ours
  FileLock lock;
};
// `.mlctl/work/<digest>`: what a killed release of the same bytes left there is removed. Error{timeout} at once when
// another process releases them right now.
[[nodiscard]] Result<Work> claim_work(const std::filesystem::path& root, const Digest& digest);

// Why a report says what it says: the reason of the first check with the overall verdict.
[[nodiscard]] std::string first_reason(const validate::Report& report);

// The report of an outcome as a test result, attached to the candidate.
[[nodiscard]] Status attach_report(Chain& chain, registry::EvidenceKind kind, const Outcome& outcome);

}  // namespace mlctl::release
