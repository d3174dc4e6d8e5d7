#include "registry/paths.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/terminal.h"
#include "registry/files.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t path_limit = 1024;
constexpr std::size_t part_limit = 255;
constexpr int link_limit = 40;

Error bad_path(std::string_view path, const std::string& why) {
  return {Error::Kind::usage, escape_control(path.substr(0, 300)) + ": " + why, ""};
}

std::deque<std::string> parts_of(std::string_view path) {
  std::deque<std::string> parts;
  while (!path.empty()) {
    const auto end = path.find('/');
    parts.emplace_back(path.substr(0, end));
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts) {
  std::string path;
  for (const auto& part : parts) path += (path.empty() ? "" : "/") + part;
  return path;
}

class Tree {
 public:
  explicit Tree(const std::vector<TreePath>& paths) {
    for (const auto& entry : paths) {
      links_.emplace(entry.path, entry.link);
      for (auto slash = entry.path.find('/'); slash != std::string::npos; slash = entry.path.find('/', slash + 1))
        folders_.insert(entry.path.substr(0, slash));
    }
  }

  [[nodiscard]] bool is_folder(const std::string& path) const { return path.empty() || folders_.count(path) != 0; }

  // "" when the link ends at something of the tree, which `at_end` then is; else what is wrong.
  [[nodiscard]] std::string follow(const TreePath& entry, std::string& at_end) const {
    if (entry.link.front() == '/') return "is a link to an absolute path";
    std::deque<std::string> ahead = parts_of(entry.link);
    std::deque<std::string> before = parts_of(entry.path);
    std::vector<std::string> now(before.begin(), before.end() - 1);
    int hops = 0;
    while (!ahead.empty()) {
      const std::string part = ahead.front();
      ahead.pop_front();
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        if (now.empty()) return "is a link that leaves the model's folder";
        now.pop_back();
        continue;
      }
      now.push_back(part);
      const auto found = links_.find(join(now));
      if (found == links_.end() || found->second.empty()) {
        if (!ahead.empty() && !is_folder(join(now))) break;
        continue;
      }
      if (found->second.front() == '/') return "is a link to an absolute path";
      if (++hops > link_limit) return "is a link that goes round in a circle";
      now.pop_back();
      const auto target = parts_of(found->second);
      ahead.insert(ahead.begin(), target.begin(), target.end());
    }
    const std::string end = join(now);
    if (ahead.empty() && (is_folder(end) || links_.count(end) != 0)) {
      at_end = end;
      return "";
    }
    return "is a link to " + escape_control(entry.link) + ", which is not among the model's files";
  }

 private:
  std::map<std::string, std::string> links_;
  std::set<std::string> folders_;
};

}  // namespace

// Also as a file system that does not tell cases apart would have it.
static bool is_folder(std::string_view part, std::string_view name) {
  return std::equal(part.begin(), part.end(), name.begin(), name.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  });
}

bool is_clean_text(std::string_view text) {
  return escape_control(text) == text;
}

Status check_path(std::string_view path) {
  if (path.empty()) return bad_path(path, "a file without a name");
  if (path.size() > path_limit) return bad_path(path, "the path is longer than 1,024 bytes");
  if (!is_clean_text(path)) return bad_path(path, "the path is not plain UTF-8 text");
  if (path.find('\\') != std::string_view::npos) return bad_path(path, "a backslash in a path");
  if (path.front() == '/') return bad_path(path, "an absolute path");
  if (path.back() == '/') return bad_path(path, "a path that ends in a slash");
  for (const auto& part : parts_of(path)) {
    if (part.empty() || part == "." || part == "..") return bad_path(path, "a path with an empty, '.' or '..' part");
    if (part.size() > part_limit) return bad_path(path, "a part of the path is longer than 255 bytes");
    if (is_folder(part, ".git"))
      return bad_path(path, "a file of a git repository: pulled, its settings would run commands");
    if (is_folder(part, ".mlctl"))
      return bad_path(path, "a file of mlctl itself: pulled, it would pass for what was found out here");
    if (part.rfind(".wh.", 0) == 0)
      return bad_path(path, "names that begin with .wh. mean deletion in an image; rename the file");
  }
  return ok();
}

Status check_tree(const std::vector<TreePath>& paths) {
  std::set<std::string_view> seen;
  for (const auto& entry : paths) {
    if (auto legal = check_path(entry.path); !legal) return legal;
    if (!entry.link.empty() && (entry.link.size() > path_limit || !is_clean_text(entry.link)))
      return bad_path(entry.path, "is a link whose target is not a plain path");
    if (!seen.insert(entry.path).second) return bad_path(entry.path, "is there twice");
  }
  const Tree tree(paths);
  for (const auto& entry : paths) {
    if (tree.is_folder(entry.path)) return bad_path(entry.path, "is both a file and a folder");
    if (entry.link.empty()) continue;
    std::string end;
    if (const auto wrong = tree.follow(entry, end); !wrong.empty()) return bad_path(entry.path, wrong);
  }
  return ok();
}

std::vector<std::string> link_ends(const std::vector<TreePath>& paths) {
  const Tree tree(paths);
  std::vector<std::string> ends;
  for (const auto& entry : paths) {
    std::string end = entry.path;
    if (!entry.link.empty() && !tree.follow(entry, end).empty()) end.clear();
    ends.push_back(std::move(end));
  }
  return ends;
}

bool matches_pattern(std::string_view pattern, std::string_view path) {
  // reach[i]: the pattern so far matches the first i characters of the path.
  std::vector<bool> reach(path.size() + 1, false);
  reach[0] = true;
  while (!pattern.empty()) {
    std::vector<bool> next(path.size() + 1, false);
    if (pattern.substr(0, 3) == "**/") {
      bool any = false;
      for (std::size_t i = 0; i <= path.size(); ++i) {
        next[i] = reach[i] || (any && path[i - 1] == '/');
        any = any || reach[i];
      }
      pattern.remove_prefix(3);
    } else if (pattern.front() == '*') {
      const bool over = pattern.substr(0, 2) == "**";
      bool open = false;
      for (std::size_t i = 0; i <= path.size(); ++i) {
        if (i > 0 && path[i - 1] == '/' && !over) open = false;
        open = open || reach[i];
        next[i] = open;
      }
      pattern.remove_prefix(over ? 2 : 1);
    } else {
      for (std::size_t i = 0; i < path.size(); ++i)
        next[i + 1] = reach[i] && (pattern.front() == '?' ? path[i] != '/' : path[i] == pattern.front());
      pattern.remove_prefix(1);
    }
    reach.swap(next);
  }
  return reach[path.size()];
}

}  // namespace mlctl::registry
