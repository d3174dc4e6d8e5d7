// What earlier runs measured on a GPU, one small file per GPU in a folder that the caller keeps.
#pragma once

#include <string>
#include <vector>

#include "report.h"

namespace gpu_smoke {

// All of them; a folder that does not exist is empty. False, with `error`, when a file cannot be understood:
// a history that is half read would be a weaker test than was asked for.
[[nodiscard]] bool load_history(const std::string& folder, std::vector<PastRun>& runs, std::string& error);

// Adds this run for every GPU whose checks all passed or were skipped, so that a slow decline is never taken
// for normal. Keeps the newest 50 per GPU. Written beside and renamed.
[[nodiscard]] bool add_to_history(const std::string& folder, const Report& report, const Run& run, std::string& error);

}  // namespace gpu_smoke
