#include "cli/completion.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <sstream>

#include "base/filesystem.h"
#include "base/process.h"

using namespace mlctl;
using namespace mlctl::cli;

namespace {

// What each shell offers, when it runs the generated script.
struct Shell {
  const char* name;
  std::string (*script)(const std::vector<Command>&);
  // A program that completes the words given after the script; one offer a line.
  const char* driver;
};

constexpr const char* bash_driver = R"(
source ./script
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mlctl
printf '%s\n' "${COMPREPLY[@]}"
)";
// _describe and compadd need the line editor: here they print what they would offer.
constexpr const char* zsh_driver = R"(
_describe() { local item; for item in "${(P@)2}"; do print -r -- "${item%%:*}"; done }
compadd() { shift; print -rl -- "$@" }
_files() { print -rl -- *(N) }
source ./script
words=("$@"); CURRENT=$#; _mlctl | grep -- "^${words[CURRENT]}"
)";
constexpr const char* fish_driver = R"(
source ./script
complete -C "$argv" | string replace -r '\t.*' ''
)";

const std::vector<Shell>& shells() {
  static const std::vector<Shell> all{{"bash", bash_completion, bash_driver},
                                      {"zsh", zsh_completion, zsh_driver},
                                      {"fish", fish_completion, fish_driver}};
  return all;
}

std::vector<Command> table() {
  static std::string text;
  static bool flag = false;
  const Option file{.name = "FILE", .help = "a file", .target = &text, .path = true};
  return {{.name = "push",
           .summary = "Push it's files",
           .options = {{.name = "mount", .value = "HOW", .help = "how", .target = &text, .choices = {"image", "init"}},
                       {.name = "metadata", .value = "FILE", .help = "more", .target = &text, .path = true}},
           .changes = true},
          {.name = "pull", .summary = "Pull", .options = {{.name = "force", .help = "do", .target = &flag}}},
          {.name = "validate", .summary = "Check", .arguments = {file}},
          {.name = "completion",
           .summary = "Script",
           .arguments = {{.name = "SHELL", .help = "which", .target = &text, .choices = {"bash", "zsh"}}}},
          {.name = "gpu", .summary = "GPUs", .commands = {{.name = "check", .summary = "Check them"}}},
          {.name = "undo", .summary = "Back", .aliases = {"rollback"}},
          {.name = "hidden", .summary = "Not offered", .hidden = true}};
}

struct Case {
  std::string name;
  std::vector<std::string> words;
  std::vector<std::string> offers;
};

std::vector<std::string> offers_of(const Shell& shell, const std::filesystem::path& folder, const Case& c) {
  ProcessSpec spec;
  spec.command = {shell.name};
  if (std::string(shell.name) == "zsh") spec.command.emplace_back("-f");
  spec.command.emplace_back("./driver");
  if (std::string(shell.name) == "fish") {
    std::string line;
    for (const auto& word : c.words) line += (line.empty() ? "" : " ") + word;
    spec.command.push_back(line);
  } else {
    spec.command.insert(spec.command.end(), c.words.begin(), c.words.end());
  }
  spec.environment["LC_ALL"] = "C.UTF-8";
  spec.folder = folder;
  const auto result = run_process(spec, std::chrono::seconds(60));
  REQUIRE(result);
  std::vector<std::string> offers;
  std::istringstream lines(result->output);
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && line.back() == ' ') line.pop_back();
    if (!line.empty()) offers.push_back(line);
  }
  std::sort(offers.begin(), offers.end());
  return offers;
}

}  // namespace

TEST_CASE("the shells complete what the table says") {
  const std::vector<Case> cases{
      {"commands, without hidden ones", {"mlctl", "pu"}, {"pull", "push"}},
      {"nested commands", {"mlctl", "gpu", "c"}, {"check"}},
      {"options of the command", {"mlctl", "pull", "--f"}, {"--force"}},
      {"options everywhere", {"mlctl", "gpu", "check", "--no"}, {"--no-progress"}},
      {"options of changing commands", {"mlctl", "push", "--d"}, {"--dry-run"}},
      {"choices", {"mlctl", "push", "--mount", "i"}, {"image", "init"}},
      {"choices of an option with a letter", {"mlctl", "-o", "y"}, {"yaml"}},
      {"file names for an option", {"mlctl", "push", "--metadata", "scr"}, {"script"}},
      {"file names for an argument", {"mlctl", "validate", "scr"}, {"script"}},
      {"choices of an argument", {"mlctl", "completion", "z"}, {"zsh"}},
      {"an alias", {"mlctl", "rollback", "--verb"}, {"--verbose"}},
  };
  for (const auto& shell : shells()) {
    const auto probe = run_process({.command = {shell.name, "-c", "true"}}, std::chrono::seconds(30));
    if (!probe || probe->exit_code != 0) {
      MESSAGE("skipped: no " << std::string(shell.name) << " here");
      continue;
    }
    auto folder = TemporaryFolder::create();
    REQUIRE(folder);
    REQUIRE(write_file(folder->path() / "script", shell.script(table())));
    REQUIRE(write_file(folder->path() / "driver", shell.driver));
    for (const auto& c : cases) {
      INFO(std::string(shell.name) << ": " << c.name);
      CHECK(offers_of(shell, folder->path(), c) == c.offers);
    }
  }
}
