#include "release/glob.h"

#include <doctest/doctest.h>

#include "base/filesystem.h"

namespace mlctl::release {
namespace {

TEST_CASE("matches: one part of a path") {
  struct Case {
    const char* pattern;
    const char* name;
    bool matches;
  };
  for (const auto& c : std::vector<Case>{
           {"*", "", true},
           {"*", "a", true},
           {"a*c", "abbbc", true},
           {"a*c", "ab", false},
           {"a?c", "abc", true},
           {"a?c", "ac", false},
           {"**", "a", true},
           {"a*b*c", "aXbYc", true},
           {"*.yaml", "a.yml", false},
           {"model.yaml", "model.yaml", true},
       }) {
    CAPTURE(c.pattern);
    CAPTURE(c.name);
    CHECK(matches(c.pattern, c.name) == c.matches);
  }
  const std::string long_name(10'000, 'a');  // a naive matcher would not come back from this
  CHECK_FALSE(matches("*a*a*a*a*a*a*a*b", long_name));
}

TEST_CASE("glob: sorted, and never out of the root") {
  auto folder = TemporaryFolder::create();
  auto outside = TemporaryFolder::create();
  REQUIRE(folder);
  REQUIRE(outside);
  for (const char* path :
       {"models/b/model.yaml", "models/a/model.yaml", "models/a/deep/model.yaml", "models/model.yaml"})
    REQUIRE(write_file(folder->path() / path, "x"));
  REQUIRE(write_file(outside->path() / "model.yaml", "x"));
  std::filesystem::create_directory_symlink(outside->path(), folder->path() / "models" / "link");
  const auto found = glob(folder->path(), "models/*/model.yaml");
  REQUIRE(found);
  CHECK(*found == std::vector<std::string>{"models/a/model.yaml", "models/b/model.yaml"});
  CHECK(glob(folder->path(), "/etc/*").error().kind == Error::Kind::usage);
  CHECK(glob(folder->path(), "models/../../*").error().kind == Error::Kind::usage);
  CHECK(glob(folder->path(), "").error().kind == Error::Kind::usage);
  CHECK(glob(folder->path(), "nowhere/*")->empty());

  // A star passes over what is no file of the project; a name does not.
  std::filesystem::create_directories(folder->path() / "models" / "c");
  std::filesystem::create_symlink("nowhere", folder->path() / "models" / "c" / "model.yaml");
  CHECK(glob(folder->path(), "models/*/*.yaml")->size() == 2);
  CHECK(glob(folder->path(), "models/*/model.yaml").error().message.find("models/c/model.yaml: ") == 0);
  std::filesystem::remove(folder->path() / "models" / "c" / "model.yaml");
  std::filesystem::create_directories(folder->path() / "models" / "c" / "model.yaml");
  CHECK(glob(folder->path(), "models/*/model.yaml").error().message == "models/c/model.yaml: not a regular file");
}

}  // namespace
}  // namespace mlctl::release
