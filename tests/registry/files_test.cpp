#include "registry/files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "registry/paths.h"
#include "tests/registry/folder_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using test::put;
using test::temporary_folder;

std::vector<std::string> paths(const std::vector<ModelFile>& files) {
  std::vector<std::string> all;
  for (const auto& file : files) all.push_back(file.path);
  return all;
}

FileRules rules(const std::vector<std::string>& patterns, const std::vector<std::string>& excluded = {}) {
  FileRules made;
  for (const auto& pattern : patterns) made.patterns.push_back({pattern, std::nullopt, {}});
  made.excluded = excluded;
  return made;
}

TEST_CASE("what a file is follows from its content, then from its name") {
  struct Case {
    const char* name;
    std::string path, bytes;
    Format format;
    Role role;
  };
  for (const auto& c : std::vector<Case>{
           {"safetensors", "model.safetensors", "\x40\0\0\0\0\0\0\0{\"a\":{}"s, Format::safetensors, Role::weights},
           {"safetensors under another name", "notes.md", "\x40\0\0\0\0\0\0\0{\"a\":{}"s, Format::safetensors,
            Role::weights},
           {"pickle protocol 4", "model.pkl", "\x80\x04\x95\0\0"s, Format::pickle, Role::weights},
           {"a pickle that calls itself a document", "README.md", "\x80\x02}q"s, Format::pickle, Role::weights},
           {"pickle protocol 0 by its name", "model.pkl", "cos\nsystem\n", Format::pickle, Role::weights},
           {"joblib", "model.joblib", "\x80\x03", Format::pickle, Role::weights},
           {"a zip of torch", "model.bin", "PK\x03\x04" + std::string(26, '\0') + "archive/data.pkl",
            Format::pytorch_zip, Role::weights},
           {"another zip", "data.zip", "PK\x03\x04" + std::string(26, '\0') + "a.txt", Format::unknown, Role::weights},
           {"xgboost json", "model.json", "{\"learner\":{\"attributes\":{}}}", Format::xgboost_json, Role::weights},
           {"xgboost ubj", "model.ubj", "{L\0\0\0\0\0\0\0\x07learner{"s, Format::xgboost_ubj, Role::weights},
           {"onnx", "model.onnx", "\x08\x07\x12\x07pytorch", Format::onnx, Role::weights},
           {"gguf", "model.gguf", "GGUF\x03", Format::gguf, Role::weights},
           {"gguf by name, nonsense inside", "model.gguf", "hello", Format::gguf, Role::weights},
           {"onnx by name, nonsense inside", "model.onnx", "hello", Format::onnx, Role::weights},
           {"json", "settings.json", "{\"a\": 1}", Format::json, Role::config},
           {"yaml", "conf/a.yml", "a: 1\n", Format::yaml, Role::config},
           {"python", "serve.py", "import os\n", Format::python, Role::code},
           {"empty python", "__init__.py", "", Format::python, Role::code},
           {"markdown", "README.md", "# hi\n", Format::markdown, Role::doc},
           {"license", "LICENSE", "Apache", Format::text, Role::doc},
           {"shell by its first line", "run", "#!/bin/sh\n", Format::shell, Role::code},
           {"text with an unknown name", "model.dat", "1 2 3\n", Format::unknown, Role::weights},
           {"LightGBM's text", "model.txt", "tree\nversion=v3\n", Format::unknown, Role::weights},
           {"bytes that call themselves text", "vocab.txt", "a\0b"s, Format::unknown, Role::weights},
           {"nothing", "weights", "", Format::unknown, Role::weights},
       }) {
    CAPTURE(c.name);
    CHECK(to_string(detect_format(c.path, c.bytes)) == std::string(to_string(c.format)));
    CHECK(role_of(c.format) == c.role);
  }
}

TEST_CASE("check_path") {
  for (const auto& good : std::vector<std::string>{"a", "a/b/c.txt", ".hidden", "caf\xc3\xa9.txt", "a b", "..."}) {
    CAPTURE(good);
    CHECK(check_path(good));
  }
  for (const auto& bad : std::vector<std::string>{"",
                                                  "/a",
                                                  "a/",
                                                  "a//b",
                                                  ".",
                                                  "..",
                                                  "../a",
                                                  "a/../b",
                                                  "a/..",
                                                  "./a",
                                                  "a\\b",
                                                  "a\nb",
                                                  "a\0b"s,
                                                  "\xff",
                                                  "a/.wh.b",
                                                  ".wh..wh..opq",
                                                  ".git/config",
                                                  "a/.GIT",
                                                  ".Git",
                                                  ".mlctl/evidence/a/b",
                                                  "a/.MLCTL/b",
                                                  std::string("\xe2\x80\xae") + "a",
                                                  std::string(1025, 'a'),
                                                  "a/" + std::string(256, 'b')}) {
    CAPTURE(bad);
    auto status = check_path(bad);
    REQUIRE_FALSE(status);
    CHECK(status.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("check_tree: links end inside the tree") {
  struct Case {
    const char* name;
    std::vector<TreePath> tree;
    bool good;
  };
  for (const auto& c : std::vector<Case>{
           {"beside", {{"a", ""}, {"l", "a"}}, true},
           {"upwards inside", {{"a", ""}, {"d/l", "../a"}}, true},
           {"to a folder", {{"d/a", ""}, {"l", "d"}}, true},
           {"through a link", {{"d/a", ""}, {"l", "d"}, {"m", "l/a"}}, true},
           {"to a link", {{"a", ""}, {"l", "a"}, {"m", "l"}}, true},
           {"upwards outside", {{"a", ""}, {"l", "../a"}}, false},
           {"outside and in again", {{"a", ""}, {"l", "../model/a"}}, false},
           {"absolute", {{"a", ""}, {"l", "/etc/passwd"}}, false},
           {"absolute behind a link", {{"l", "m/passwd"}, {"m", "/etc"}}, false},
           {"to what is not packed", {{"a", ""}, {"l", "b"}}, false},
           {"below a file", {{"a", ""}, {"l", "a/b"}}, false},
           {"to itself", {{"l", "l"}}, false},
           {"round in a circle", {{"l", "m"}, {"m", "l"}}, false},
           {"twice", {{"a", ""}, {"a", ""}}, false},
           {"file and folder", {{"a", ""}, {"a/b", ""}}, false},
           {"link and folder", {{"b", ""}, {"a", "b"}, {"a/b", ""}}, false},
       }) {
    CAPTURE(c.name);
    CHECK(static_cast<bool>(check_tree(c.tree)) == c.good);
  }
}

TEST_CASE("matches_pattern") {
  struct Case {
    const char* pattern;
    const char* path;
    bool match;
  };
  for (const auto& c : std::vector<Case>{
           {"a", "a", true},
           {"a", "ab", false},
           {"*", "abc", true},
           {"*", "a/b", false},
           {"*.py", "a.py", true},
           {"*.py", "d/a.py", false},
           {"**/*.py", "a.py", true},
           {"**/*.py", "d/e/a.py", true},
           {"d/**", "d/e/f", true},
           {"d/**", "e/f", false},
           {"a?c", "abc", true},
           {"a?c", "a/c", false},
           {"**/x", "ax", false},
           {"a/**/b", "a/b", true},
           {"a/**/b", "a/c/d/b", true},
           {"a*b*c", "aXbYc", true},
           {"a*", "a", true},
           {"", "", true},
       }) {
    CAPTURE(c.pattern);
    CAPTURE(c.path);
    CHECK(matches_pattern(c.pattern, c.path) == c.match);
  }
  CHECK_FALSE(matches_pattern(std::string(200, '*') + "b", std::string(1000, 'a')));
}

TEST_CASE("collect_files from a folder") {
  const auto folder = temporary_folder();
  const fs::path root = folder.path() / "model";
  put(root / "model.yaml", "name: a\n");
  put(root / "model.json", "{\"learner\":{}}");
  put(root / "serve.py", "pass\n");
  put(root / "data/holdout.csv", "a,b\n");
  put(root / "data/golden.json", "[]");
  put(root / ".git/config", "x");
  put(root / "deep/.mlctl/x", "x");
  fs::create_symlink("model.json", root / "current");
  fs::permissions(root / "serve.py", fs::perms::owner_all);

  SUBCASE("everything but our own files, sorted") {
    auto files = collect_files(root, FileRules{});
    REQUIRE(files);
    CHECK(paths(*files) ==
          std::vector<std::string>{"current", "data/golden.json", "data/holdout.csv", "model.json", "serve.py"});
    CHECK((*files)[0].link == "model.json");
    CHECK((*files)[3].role == Role::weights);
    CHECK((*files)[3].size == 14);
    CHECK((*files)[4].executable);
    auto source = (*files)[4].open();
    REQUIRE(source);
    CHECK(*read_all(**source, 100) == "pass\n");
    auto again = (*files)[4].open();
    REQUIRE(again);
    CHECK(read_all(**again, 2).error().kind == Error::Kind::usage);
  }
  SUBCASE("the gate's data stay out") {
    auto files = collect_files(root, rules({}, {"data/holdout.csv", "./data/golden.json"}));
    REQUIRE(files);
    CHECK(paths(*files) == std::vector<std::string>{"current", "model.json", "serve.py"});
    CHECK(paths(*collect_files(root, rules({"model.json", "data"}, {"data/golden.json"}))) ==
          std::vector<std::string>{"data/holdout.csv", "model.json"});
    CHECK(collect_files(root, rules({"data/holdout.csv"}, {"data/holdout.csv"})).error().kind == Error::Kind::usage);
  }
  SUBCASE("patterns, folders and roles") {
    FileRules some = rules({"*.json", "data/", "serve.py"});
    some.patterns[2].role = Role::doc;
    auto files = collect_files(root, some);
    REQUIRE(files);
    CHECK(paths(*files) == std::vector<std::string>{"data/golden.json", "data/holdout.csv", "model.json", "serve.py"});
    CHECK((*files)[3].role == Role::doc);
  }
  SUBCASE("a pattern that matches nothing") {
    auto files = collect_files(root, rules({"model.json", "gone.bin"}));
    REQUIRE_FALSE(files);
    CHECK(files.error().kind == Error::Kind::usage);
    CHECK(files.error().message.find("gone.bin") != std::string::npos);
  }
  SUBCASE("a link to what is left out") {
    CHECK(collect_files(root, rules({"current", "serve.py"})).error().kind == Error::Kind::usage);
  }
  SUBCASE("a link that leaves the folder") {
    put(folder.path() / "secret", "x");
    fs::create_symlink("../secret", root / "leak");
    auto files = collect_files(root, FileRules{});
    REQUIRE_FALSE(files);
    CHECK(files.error().kind == Error::Kind::usage);
    CHECK(files.error().message.find("leak: is a link that leaves") != std::string::npos);
  }
  SUBCASE("a folder reached through a link is not entered") {
    put(folder.path() / "outside/x.py", "x");
    fs::create_directory_symlink("../outside", root / "inside");
    CHECK_FALSE(collect_files(root, rules({"inside/x.py"})));
  }
  SUBCASE("a FIFO is refused, not waited for") {
    REQUIRE(::mkfifo((root / "pipe").c_str(), 0600) == 0);
    CHECK(collect_files(root, FileRules{}).error().kind == Error::Kind::usage);
  }
  SUBCASE("a pointer of Git LFS") {
    put(root / "model.json", "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 4\n");
    auto files = collect_files(root, FileRules{});
    REQUIRE_FALSE(files);
    CHECK(files.error().hint.find("git lfs pull") != std::string::npos);
  }
  SUBCASE("a file that changes while it is read") {
    auto files = collect_files(root, FileRules{});
    REQUIRE(files);
    put(root / "serve.py", "passed\n");
    auto source = (*files)[4].open();
    REQUIRE_FALSE(source);
    CHECK(source.error().kind == Error::Kind::unavailable);
    auto other = (*files)[3].open();
    REQUIRE(other);
    put(root / "model.json", "{\"learner\":[]}");
    CHECK(read_all(**other, 100).error().message.find("changed while it was read") != std::string::npos);
  }
}

TEST_CASE("collect_files refuses what is not a model's folder") {
  const auto folder = temporary_folder();
  CHECK(collect_files(folder.path() / "gone", FileRules{}).error().kind == Error::Kind::not_found);
  put(folder.path() / "file", "x");
  CHECK(collect_files(folder.path() / "file", FileRules{}).error().kind == Error::Kind::usage);
  fs::remove(folder.path() / "file");
  put(folder.path() / "model.yaml", "x");
  CHECK(collect_files(folder.path(), FileRules{}).error().kind == Error::Kind::usage);
}

TEST_CASE("an unreadable file is an error, not a gap") {
  const auto folder = temporary_folder();
  put(folder.path() / "a.py", "x");
  fs::permissions(folder.path() / "a.py", fs::perms::none);
  fs::permissions(folder.path(), fs::perms::all);
  const bool root = ::geteuid() == 0;
  if (root) REQUIRE(::seteuid(65534) == 0);  // root reads everything
  auto files = collect_files(folder.path(), FileRules{});
  if (root) REQUIRE(::seteuid(0) == 0);
  REQUIRE_FALSE(files);
  CHECK(files.error().kind == Error::Kind::unavailable);
}

}  // namespace
}  // namespace mlctl::registry
