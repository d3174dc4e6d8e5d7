#include "release/glob.h"

#include <algorithm>

#include "base/filesystem.h"

namespace mlctl::release {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> parts_of(std::string_view pattern) {
  std::vector<std::string> parts;
  while (!pattern.empty()) {
    const auto slash = pattern.find('/');
    if (slash != 0) parts.emplace_back(pattern.substr(0, slash));
    pattern = slash == std::string_view::npos ? "" : pattern.substr(slash + 1);
  }
  return parts;
}

struct Walk {
  const fs::path& root;
  const std::vector<std::string>& parts;
  std::vector<std::string> found;

  // False when there are too many.
  bool descend(const fs::path& folder, const std::string& prefix, std::size_t depth) {
    const bool last = depth + 1 == parts.size();
    std::error_code failed;
    for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
      const auto name = it->path().filename().string();
      if (!matches(parts[depth], name)) continue;
      if (it->is_symlink(failed) && !lies_within(it->path(), root)) continue;
      if (last && it->is_regular_file(failed)) {
        if (found.size() >= glob_limit) return false;
        found.push_back(prefix + name);
      } else if (!last && it->is_directory(failed) && !descend(it->path(), prefix + name + "/", depth + 1)) {
        return false;
      }
      failed.clear();  // one unreadable entry hides no other
    }
    return true;
  }
};

}  // namespace

// Linear in |pattern| * |name| at worst: only the last star is ever tried again.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::vector<std::string>> glob(const fs::path& root, std::string_view pattern) {
  const auto parts = parts_of(pattern);
  const bool leaves = std::find(parts.begin(), parts.end(), "..") != parts.end();
  if (pattern.empty() || pattern.front() == '/' || leaves || parts.empty())
    return Error{Error::Kind::usage,
                 "a pattern of files is relative and stays in the project: '" + std::string(pattern) + "'",
                 "for instance models/*/model.yaml"};
  Walk walk{root, parts, {}};
  if (!walk.descend(root, "", 0))
    return Error{Error::Kind::usage,
                 "'" + std::string(pattern) + "' matches more than " + std::to_string(glob_limit) + " files", ""};
  std::sort(walk.found.begin(), walk.found.end());
  return walk.found;
}

}  // namespace mlctl::release
