// Evidence that this checkout made: `.mlctl/evidence/SUBJECT/DIGEST`, an empty file for each statement attached from
// here. It counts without a signature, as the measurement that one made oneself; what others attached does not.
#pragma once
#include <filesystem>

#include "base/digest.h"
#include "base/result.h"

namespace mlctl::release {

[[nodiscard]] Status remember_evidence(const std::filesystem::path& root, const Digest& subject,
                                       const Digest& evidence);
[[nodiscard]] bool is_local_evidence(const std::filesystem::path& root, const Digest& subject, const Digest& evidence);

}  // namespace mlctl::release
