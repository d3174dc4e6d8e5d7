// Paths inside a model, judged without touching a disk: the same rules for files on their way in and for manifests on
// their way out.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlctl::registry {

struct TreePath {
  std::string path;
  std::string link;  // "" for a regular file
};
// Every path legal (check_path), none twice, none both file and folder; links relative, inside, ending at a file or a
// folder of the tree without going round. Error{usage} names the path.
[[nodiscard]] Status check_tree(const std::vector<TreePath>& paths);

// Where each path of a tree that check_tree() accepts leads: a file to itself, a link to the file or the folder at its
// end ("": the model's own folder).
[[nodiscard]] std::vector<std::string> link_ends(const std::vector<TreePath>& paths);

// Matches a whole path against a pattern: ? and * within a part, ** over parts. Time: the product of the lengths.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view path);

// Well-formed UTF-8 without C0, C1, DEL.
[[nodiscard]] bool is_clean_text(std::string_view text);

}  // namespace mlctl::registry
