#include "cli/run.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "cli/commands.h"
#include "cli/globals.h"
#include "cli/help.h"

using namespace mlctl;
using namespace mlctl::cli;

namespace {

struct Run {
  int code = 0;
  std::string out, err;
};

struct Seen {
  std::string target;
  bool dry_run = false, quiet = false;
  std::string project;
};

std::vector<Command> table(Seen& seen) {
  const auto run_it = [&seen](Context& context) {
    seen.dry_run = context.dry_run;
    seen.quiet = context.quiet;
    seen.project = context.project.string();
    context.print({{"answer", 42}}, [](const Style&) { return std::string("forty-two\n"); });
    return 5;
  };
  return {{.name = "push",
           .group = Group::models,
           .summary = "Push a model",
           .description = "More about it.",
           .examples = {{"the usual way", "mlctl push m"}},
           .arguments = {{.name = "MODEL", .help = "which", .target = &seen.target, .required = true}},
           .changes = true,
           .run = run_it},
          {.name = "gpu",
           .group = Group::checks,
           .summary = "Look at GPUs",
           .commands = {{.name = "check", .summary = "Check them", .run = run_it}}},
          {.name = "undo", .group = Group::cluster, .summary = "Go back", .aliases = {"rollback"}, .run = run_it},
          {.name = "broken",
           .summary = "Throw",
           .hidden = true,
           .run = [](Context&) -> int { throw std::runtime_error("a library gave up"); }},
          {.name = "secret", .summary = "Hidden", .hidden = true, .run = run_it}};
}

Run run_words(const std::vector<std::string>& words, Seen* seen_out = nullptr) {
  Seen seen;
  std::ostringstream out;
  std::ostringstream err;
  ManualClock clock;
  Context context(out, err, Style::plain(), Style::plain(), clock);
  Run result;
  result.code = run(table(seen), words, context);
  result.out = out.str();
  result.err = err.str();
  if (seen_out) *seen_out = seen;
  return result;
}

}  // namespace

TEST_CASE("a command runs with its options, wherever they stand") {
  Seen seen;
  const auto result = run_words({"--project", "push", "-q", "push", "m", "--dry-run"}, &seen);
  CHECK(result.code == 5);
  CHECK(result.out == "forty-two\n");
  CHECK(seen.project == "push");
  CHECK(seen.dry_run);
  CHECK(seen.quiet);
  CHECK(run_words({"gpu", "check"}).code == 5);
  CHECK(run_words({"rollback"}).code == 5);
}

TEST_CASE("results as JSON and YAML") {
  CHECK(run_words({"undo", "-o", "json"}).out == "{\n  \"answer\": 42\n}\n");
  CHECK(run_words({"-o", "yaml", "undo"}).out == "answer: 42\n");
}

TEST_CASE("what is not understood exits 2, says why and what is near") {
  struct Case {
    std::vector<std::string> words;
    std::string err;
  };
  for (const auto& c : std::vector<Case>{
           {{"psh"}, "x mlctl has no command 'psh'\n\nhint: did you mean `mlctl push`?\n"},
           {{"rolback"}, "x mlctl has no command 'rolback'\n\nhint: did you mean `mlctl rollback`?\n"},
           {{"secrat"}, "x mlctl has no command 'secrat'\n\nhint: `mlctl --help` lists the commands\n"},
           {{"gpu", "chek"}, "x mlctl gpu has no command 'chek'\n\nhint: did you mean `mlctl gpu check`?\n"},
           {{"--frob"}, "x no command is named\n\nhint: `mlctl --help` lists the commands\n"},
           {{"undo", "--dry-run"},
            "x mlctl undo has no option --dry-run\n\nhint: `mlctl undo --help` shows what it takes\n"},
           {{"\x1b[2J"}, "x mlctl has no command '\\x1b[2J'\n\nhint: `mlctl --help` lists the commands\n"},
       }) {
    const auto result = run_words(c.words);
    CHECK(result.code == 2);
    std::string expected = c.err;
    expected.replace(0, 1, symbol(Symbol::fail, Style::plain()));
    CHECK(result.err == expected);
    CHECK(result.out.empty());
  }
}

TEST_CASE("errors are JSON where JSON is asked for, even when the command line is not understood") {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"push", "-o", "json"}, {"push", "--output=json"}, {"-ojson", "push"}}) {
    const auto result = run_words(words);
    const auto told = nlohmann::json::parse(result.err);
    CHECK(told["schemaVersion"] == 1);
    CHECK(told["error"]["message"] == "MODEL is missing");
    CHECK(told["error"]["exitCode"] == 2);
  }
}

TEST_CASE("an exception that nobody expected is an error like others") {
  const auto result = run_words({"broken"});
  CHECK(result.code == 3);
  CHECK(result.err.find("an unexpected failure: a library gave up\n\nhint: ") != std::string::npos);
  const auto json = nlohmann::json::parse(run_words({"broken", "-o", "json"}).err);
  CHECK(json["error"]["kind"] == "unavailable");
}

TEST_CASE("help of one command") {
  CHECK(run_words({"push", "--help"}).out == R"(Push a model

Usage: mlctl push MODEL [OPTIONS]

More about it.

Arguments
  MODEL  which

Everywhere
      --project DIR       where the search for mlctl.yaml begins, upwards
  -o, --output FORMAT     how results are written: text, json or yaml
  -q, --quiet             results and errors only
      --verbose           say more about what is done
      --no-progress       no progress lines
      --plain-http        speak to oci:// registries without TLS, also to those on this machine
      --ca-file FILE      trust the certificates in FILE (PEM) instead of the system's
      --stall-timeout DURATION
                          how long an oci:// registry may be silent before the request is tried again; default: 60s
      --timeout DURATION  how long oci:// registries may take for the whole command; default: as long as it goes forward
      --dry-run           say what would be done, change nothing

Examples
  # the usual way
  $ mlctl push m
)");
  CHECK(run_words({"help", "push"}).out == run_words({"push", "-h"}).out);
  const auto gpu = run_words({"gpu"});
  CHECK(gpu.code == 0);
  CHECK(gpu.out.find("\nCommands\n  gpu check  Check them\n") != std::string::npos);
}

TEST_CASE("the overview lists what works, by group, without what is hidden") {
  const auto text = run_words({}).out;
  CHECK(text == run_words({"--help"}).out);
  CHECK(text.find("\nModels and versions\n  push  Push a model\n\nChecks\n  gpu  Look at GPUs\n") != std::string::npos);
  CHECK(text.find("secret") == std::string::npos);
}

TEST_CASE("every command of the table is complete") {
  Globals globals;
  const auto everywhere = global_options(globals);
  const std::function<void(const Command&)> check = [&](const Command& command) {
    INFO(command.name);
    CHECK(!command.summary.empty());
    CHECK(command.summary.back() != '.');
    CHECK((command.summary.front() >= 'A' && command.summary.front() <= 'Z'));
    CHECK((command.run != nullptr) != !command.commands.empty());
    auto options = command.options;
    options.insert(options.end(), everywhere.begin(), everywhere.end());
    std::vector<std::string> names;
    for (const auto& option : options) {
      INFO(option.name);
      CHECK(!option.help.empty());
      CHECK(option.value.empty() == std::holds_alternative<bool*>(option.target));
      CHECK(std::visit([](const auto* target) { return target != nullptr; }, option.target));
      CHECK(std::find(names.begin(), names.end(), "--" + option.name) == names.end());
      names.push_back("--" + option.name);
      if (option.letter) names.push_back(std::string("-") + option.letter);
    }
    for (const auto& nested : command.commands) check(nested);
  };
  for (const auto& command : all_commands()) check(command);
}
