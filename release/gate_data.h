// The gate's data of a version: golden cases and hold-out set, as of its tag's commit.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "base/digest.h"
#include "base/result.h"
#include "registry/git.h"
#include "release/project.h"
#include "validate/gate_config.h"

namespace mlctl::release {

// Laid out in `folder` as they stand beside the model; returns their digests by path. Error{usage}: not in the commit.
[[nodiscard]] Result<std::map<std::string, Digest>> gate_data(const Project& project, const registry::Git& git,
                                                              const ModelEntry& model, const std::string& commit,
                                                              const validate::GateConfig& gate,
                                                              const std::filesystem::path& folder);

}  // namespace mlctl::release
