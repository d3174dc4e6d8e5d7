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
  std::string_view pattern;
  std::vector<std::string> found;

  Status descend(const fs::path& folder, const std::string& prefix, std::size_t depth) {
    std::error_code failed;
    fs::directory_iterator it(folder, failed);
    for (const fs::directory_iterator end; !failed && it != end; it.increment(failed)) {
      const auto name = it->path().filename().string();
      if (!matches(parts[depth], name)) continue;
      if (auto taken = take(*it, prefix + name, depth); !taken) return taken;
    }
    // What cannot be read may hold what is looked for.
    return failed ? Status(system_error(failed.value(), "cannot read folder", folder)) : ok();
  }

  // What leaves the project, or is no file, is refused only where it is named: a star passes over it.
  Status take(const fs::directory_entry& entry, const std::string& path, std::size_t depth) {
    const bool last = depth + 1 == parts.size(), named = parts[depth].find_first_of("*?") == std::string::npos;
    std::error_code failed;
    const auto refuse = [&](const std::string& what) {
      return named ? Status(Error{Error::Kind::usage, path + ": " + what, "put the file itself there, or remove it"})
                   : ok();
    };
    if (entry.is_symlink(failed) && !lies_within(entry.path(), root)) return refuse("a link that leaves the project");
    if (!last) return entry.is_directory(failed) ? descend(entry.path(), path + "/", depth + 1) : ok();
    if (!entry.is_regular_file(failed)) return refuse("not a regular file");
    if (found.size() >= glob_limit)
      return Error{Error::Kind::usage,
                   "'" + std::string(pattern) + "' matches more than " + std::to_string(glob_limit) + " files", ""};
    found.push_back(path);
    return ok();
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
  Walk walk{root, parts, pattern, {}};
  if (auto walked = walk.descend(root, "", 0); !walked) return walked.error();
  std::sort(walk.found.begin(), walk.found.end());
  return walk.found;
}

}  // namespace mlctl::release
