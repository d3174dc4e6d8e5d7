// Real repositories made by the git command: a clone with a bare origin. Nothing of the user's configuration is read.
#pragma once
#include <doctest/doctest.h>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/process.h"
#include "registry/git.h"
#include "tests/registry/folder_fixture.h"

namespace mlctl::registry::test {

// The command's output without its last line end.
inline std::string git(const std::filesystem::path& folder, std::vector<std::string> arguments,
                       std::map<std::string, std::string> environment = {}) {
  arguments.insert(arguments.begin(), {"git", "-c", "protocol.file.allow=always"});
  environment.insert({{"GIT_CONFIG_GLOBAL", "/dev/null"},
                      {"GIT_CONFIG_SYSTEM", "/dev/null"},
                      {"GIT_AUTHOR_NAME", "Ada"},
                      {"GIT_AUTHOR_EMAIL", "ada@example.org"},
                      {"GIT_COMMITTER_NAME", "Ada"},
                      {"GIT_COMMITTER_EMAIL", "ada@example.org"}});
  ProcessSpec spec{std::move(arguments), std::move(environment), folder};
  auto done = run_process(spec, std::chrono::seconds(60));
  REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
  REQUIRE_MESSAGE(done->exit_code == 0, done->output);
  std::string text = done->output;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

struct Repository {
  TemporaryFolder folder = temporary_folder();
  std::filesystem::path origin = folder.path() / "origin.git";
  std::filesystem::path work = folder.path() / "work";

  Repository() {
    git(folder.path(), {"init", "-q", "--bare", "-b", "main", origin.string()});
    git(folder.path(), {"init", "-q", "-b", "main", work.string()});
    git(work, {"remote", "add", "origin", origin.string()});
  }

  // Everything in the worktree, pushed to origin.
  ObjectId commit(const std::string& message = "a commit") const {
    git(work, {"add", "-A"});
    git(work, {"commit", "-q", "--allow-empty", "-m", message});
    git(work, {"push", "-q", "origin", "HEAD"});
    return git(work, {"rev-parse", "HEAD"});
  }
  ObjectId commit(const std::map<std::string, std::string>& files, const std::string& message = "a commit") const {
    for (const auto& [path, bytes] : files) put(work / path, bytes);
    return commit(message);
  }

  [[nodiscard]] std::unique_ptr<Git> open() const { return open_at(work); }
  [[nodiscard]] static std::unique_ptr<Git> open_at(const std::filesystem::path& path) {
    auto opened = open_git(path);
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    return std::move(*opened);
  }
  // Another clone beside this one.
  [[nodiscard]] std::filesystem::path clone(const std::string& name, std::vector<std::string> options = {}) const {
    std::vector<std::string> arguments{"clone", "-q"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"file://" + origin.string(), (folder.path() / name).string()});
    git(folder.path(), arguments);
    return folder.path() / name;
  }
};

}  // namespace mlctl::registry::test
