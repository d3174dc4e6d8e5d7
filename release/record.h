// `.mlctl/releases/<digest>.json`: what a release of these bytes has done, so that the next run after a kill goes on
// where it stopped. A cache: the truth is evidence in the registry, tags in git and the GitOps branch.
#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "release/steps.h"

namespace mlctl::release {

// Outcomes of earlier runs, newest last; empty when there is no record, when it cannot be read as one (a cache may
// always be absent), or when another format version wrote it.
[[nodiscard]] std::vector<Outcome> load_record(const std::filesystem::path& root, const std::string& digest);
// Written after every step. Answers in `earlier` that this run has not reached yet are kept.
[[nodiscard]] Status save_record(const std::filesystem::path& root, const Release& release,
                                 const std::vector<Outcome>& earlier);

// The JSON of `mlctl release -o json` and of the report folder; schemaVersion 1.
[[nodiscard]] nlohmann::ordered_json to_json(const Release& release);
[[nodiscard]] nlohmann::ordered_json to_json(const Outcome& outcome);

}  // namespace mlctl::release
