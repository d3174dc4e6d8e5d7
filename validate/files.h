// The static checks of a model's files: every file that may hold weights is read to its end by the check of its format;
// no other file may be a pickle in disguise. Nothing is loaded, nothing is run. Source of the rules: validate/rules.h.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/terminal.h"
#include "registry/files.h"
#include "validate/report.h"

namespace mlctl::validate {

// One check per file that counts as weights or is of a weights format, and one ("other files") for the rest. The report
// has kind "validate" and the checks; model, version and digest are the caller's to fill in.
// `folder`: where the files lie on disk, for what only the disk knows (hard links); empty when they come from a commit.
// A file that cannot be read, or Ctrl-C, is a check of verdict error.
[[nodiscard]] Report validate_files(const std::filesystem::path& folder, const std::vector<registry::ModelFile>& files,
                                    Progress& progress = no_progress(), Clock& clock = system_clock());

// One file from somewhere, of no model: the external data of an ONNX model may lie beside it in `folder`, or below, and
// are measured there; nothing else in the folder is looked at.
[[nodiscard]] Report validate_lone_file(const std::filesystem::path& folder, const registry::ModelFile& file,
                                        Progress& progress = no_progress(), Clock& clock = system_clock());

// Names of the formats that can be checked, for messages.
[[nodiscard]] std::vector<std::string> checkable_formats();

}  // namespace mlctl::validate
