#include "cli/parse.h"

#include <cstdlib>
#include <doctest/doctest.h>

using namespace mlctl;
using namespace mlctl::cli;

namespace {

struct Options {
  std::string model;
  std::vector<std::string> more;
  std::optional<std::string> version;
  std::string mount = "image";
  std::vector<std::string> labels;
  int rate = 60;
  std::optional<std::uint64_t> seed;
  bool force = false;
};

Command command_for(Options& o, bool needs_version = false) {
  return {
      .name = "push",
      .arguments = {{.name = "MODEL", .target = &o.model, .required = true}, {.name = "MORE", .target = &o.more}},
      .options = {{.name = "version", .value = "V", .help = "which", .target = &o.version, .required = needs_version},
                  {.name = "mount", .value = "HOW", .target = &o.mount, .choices = {"image", "init"}},
                  {.name = "label", .letter = 'l', .value = "K=V", .target = &o.labels},
                  {.name = "rate", .value = "N", .target = &o.rate},
                  {.name = "seed", .value = "N", .target = &o.seed},
                  {.name = "really-force", .letter = 'f', .target = &o.force}}};
}

Status parse(Options& o, const std::vector<std::string>& words, bool needs_version = false) {
  const auto command = command_for(o, needs_version);
  return parse_options(command, "push", command.options, words);
}

}  // namespace

TEST_CASE("options and arguments reach their targets") {
  Options o;
  REQUIRE(parse(o, {"m", "-f", "--version=v1", "-l", "a=1", "x", "-lb=2", "--rate", "-5", "--seed", "7", "--", "-y"}));
  CHECK(o.model == "m");
  CHECK(o.more == std::vector<std::string>{"x", "-y"});
  CHECK(o.version == "v1");
  CHECK(o.labels == std::vector<std::string>{"a=1", "b=2"});
  CHECK(o.rate == -5);
  CHECK(o.seed == 7);
  CHECK(o.force);
  CHECK(o.mount == "image");
}

TEST_CASE("what the command line does not say comes from the environment") {
  ::setenv("MLCTL_VERSION", "v9", 1);
  ::setenv("MLCTL_REALLY_FORCE", "yes", 1);
  ::setenv("MLCTL_MOUNT", "boat", 1);
  Options o;
  const auto wrong = parse(o, {"m"});
  REQUIRE(!wrong);
  CHECK(wrong.error().message == "MLCTL_MOUNT must be one of image, init, not 'boat'");
  ::setenv("MLCTL_LABEL", "a=1,b=2,", 1);
  Options said;
  REQUIRE(parse(said, {"m", "--mount", "init", "--version", "v1"}));
  CHECK(said.version == "v1");
  CHECK(said.force);
  CHECK(said.labels == std::vector<std::string>{"a=1", "b=2"});
  for (const auto* name : {"MLCTL_VERSION", "MLCTL_REALLY_FORCE", "MLCTL_MOUNT", "MLCTL_LABEL"}) ::unsetenv(name);
}

TEST_CASE("command lines that are refused") {
  struct Case {
    std::string name;
    std::vector<std::string> words;
    std::string message, hint;
    bool needs_version = false;
  };
  for (const auto& c : std::vector<Case>{
           {"an unknown option",
            {"m", "--verison", "v1"},
            "mlctl push has no option --verison",
            "did you mean --version?"},
           {"an unknown option with a value",
            {"m", "--lable=x"},
            "mlctl push has no option --lable",
            "did you mean --label?"},
           {"an unknown letter", {"m", "-z"}, "mlctl push has no option -z", "`mlctl push --help` shows what it takes"},
           {"a value that is missing",
            {"m", "--version"},
            "--version needs a value: V",
            "`mlctl push --help` shows what it takes"},
           {"a value that is missing before an option",
            {"--version", "-f", "m"},
            "--version needs a value: V",
            "`mlctl push --help` shows what it takes"},
           {"an option given twice", {"m", "--mount", "init", "--mount", "image"}, "--mount is given twice", ""},
           {"no choice",
            {"m", "--mount", "inti"},
            "--mount must be one of image, init, not 'inti'",
            "did you mean 'init'?"},
           {"no number", {"m", "--rate", "fast"}, "--rate must be a whole number, not 'fast'", ""},
           {"a number that is too large",
            {"m", "--rate", "3000000000"},
            "--rate must be a whole number, not '3000000000'",
            ""},
           {"a negative seed", {"m", "--seed=-1"}, "--seed must be a whole number, not '-1'", ""},
           {"a flag with nonsense",
            {"m", "--really-force=maybe"},
            "--really-force must be true or false, not 'maybe'",
            ""},
           {"no argument", {"-f"}, "MODEL is missing", "`mlctl push --help` shows what it takes"},
           {"a required option", {"m"}, "--version V is missing", "which", true},
       }) {
    INFO(c.name);
    Options o;
    const auto status = parse(o, c.words, c.needs_version);
    REQUIRE(!status);
    CHECK(status.error().kind == Error::Kind::usage);
    CHECK(status.error().message == c.message);
    CHECK(status.error().hint == c.hint);
  }
}

TEST_CASE("one argument too many") {
  std::string only;
  const Command command{.name = "show", .arguments = {{.name = "REF", .target = &only}}};
  const auto status = parse_options(command, "show", {}, {"a", "b"});
  REQUIRE(!status);
  CHECK(status.error().message == "'b' is one argument too many");
}
