// The folder of a registry on disk: it bears a mark, so that no other folder is taken for one.
#pragma once
#include <filesystem>

#include "base/filesystem.h"
#include "base/result.h"

namespace mlctl::registry {

// True: a registry that we understand; false: nothing there yet. Error{usage}: another folder, or a newer format;
// Error{corrupt}: a mark that is none.
[[nodiscard]] Result<bool> check_root(const std::filesystem::path& root);
// Makes it one, if nothing is there yet.
[[nodiscard]] Status mark_root(const std::filesystem::path& root, Disk& disk);
// Of a file that is being written.
[[nodiscard]] bool is_temporary(const std::filesystem::path& path);

}  // namespace mlctl::registry
