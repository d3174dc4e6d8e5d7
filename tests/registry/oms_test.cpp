#include "registry/oms.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "registry/sigstore.h"
#include "tests/registry/signing_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::at;
using test::june;
using test::Keys;
using test::put;

PackedFile file(const std::string& path, const std::string& bytes) {
  return {path, Role::weights, bytes.size(), false, "", digest_of(bytes)};
}
PackedFile link(const std::string& path, const std::string& target) {
  return {path, Role::doc, 0, false, target, digest_of("")};
}

TEST_CASE("oms: resources are in the order of the parts of their paths") {
  const auto statement = json::parse(
      oms_statement("m", {file("a.b", "1"), file("a!", "2"), file("b", "3"), file("a/c", "4"), file("a+b", "5"),
                          file("a/b/c", "6"), file("a/b.c", "7"), file("\xc3\xa9", "8")}));
  std::vector<std::string> names;
  std::string digests;
  for (const auto& one : statement["predicate"]["resources"]) {
    names.push_back(one["name"]);
    digests += mlctl::test::from_hex(one["digest"].get<std::string>());
    CHECK(one["algorithm"] == "sha256");
  }
  CHECK(names == std::vector<std::string>{"a/b/c", "a/b.c", "a/c", "a!", "a+b", "a.b", "b", "\xc3\xa9"});
  CHECK(statement["subject"][0]["digest"]["sha256"] == digest_of(digests).hex());
  CHECK(statement["predicate"]["serialization"] ==
        json{{"method", "files"}, {"hash_type", "sha256"}, {"allow_symlinks", false}});
}

TEST_CASE("oms: a link counts as the file at its end") {
  const auto text = oms_statement("m", {file("d/f", "1"), link("l", "d/f"), link("d/up", "../l"), link("folder", "d"),
                                        link("through", "folder/f")});
  const auto statement = parse_oms(text);
  REQUIRE(statement);
  CHECK(statement->links);
  std::vector<std::string> names;
  for (const auto& one : statement->resources) {
    names.push_back(one.path);
    CHECK(one.digest == digest_of("1"));
  }
  CHECK(names == std::vector<std::string>{"d/f", "d/up", "l", "through"});
}

json shards_of_three() {
  const auto shard = [](const char* name, const char* bytes) {
    return json{{"name", name}, {"algorithm", "sha256-sharded-2"}, {"digest", digest_of(bytes).hex()}};
  };
  Sha256 root;
  for (const char* bytes : {"ab", "c"}) root.update(digest_of(bytes).bytes.data(), 32);
  return {{"_type", "https://in-toto.io/Statement/v1"},
          {"subject", {{{"name", "m"}, {"digest", {{"sha256", root.finish().hex()}}}}}},
          {"predicateType", oms_predicate},
          {"predicate",
           {{"serialization",
             {{"method", "shards"}, {"hash_type", "sha256"}, {"shard_size", 2.0}, {"allow_symlinks", false}}},
            {"resources", {shard("f:0:2", "ab"), shard("f:2:3", "c")}}}}};
}

TEST_CASE("oms: statements that are none are refused") {
  const auto files = json::parse(oms_statement("m", {file("a", "1"), file("b", "2")}));
  struct Case {
    const char* name;
    json statement;
    std::function<void(json&)> change;
  };
  const Case cases[] = {
      {"another type of statement", files, [](json& s) { s["_type"] = "x"; }},
      {"another predicate", files, [](json& s) { s["predicateType"] = "https://slsa.dev/provenance/v1"; }},
      {"no subject", files, [](json& s) { s["subject"] = json::array(); }},
      {"two subjects", files, [](json& s) { s["subject"].push_back(s["subject"][0]); }},
      {"a subject that is not over the resources", files,
       [](json& s) { s["subject"][0]["digest"]["sha256"] = digest_of("x").hex(); }},
      {"no serialization", files, [](json& s) { s["predicate"].erase("serialization"); }},
      {"another method", files, [](json& s) { s["predicate"]["serialization"]["method"] = "lines"; }},
      {"ignored paths that are a text", files, [](json& s) { s["predicate"]["serialization"]["ignore_paths"] = "a"; }},
      {"no resources", files, [](json& s) { s["predicate"].erase("resources"); }},
      {"turned resources", files,
       [](json& s) { std::swap(s["predicate"]["resources"][0], s["predicate"]["resources"][1]); }},
      {"a resource without digest", files, [](json& s) { s["predicate"]["resources"][0].erase("digest"); }},
      {"a short digest", files, [](json& s) { s["predicate"]["resources"][0]["digest"] = "ab"; }},
      {"a resource of another hash", files, [](json& s) { s["predicate"]["resources"][0]["algorithm"] = "blake2"; }},
      {"shards without size", shards_of_three(), [](json& s) { s["predicate"]["serialization"].erase("shard_size"); }},
      {"shards of size 0", shards_of_three(), [](json& s) { s["predicate"]["serialization"]["shard_size"] = 0; }},
      {"shards of half a byte", shards_of_three(),
       [](json& s) { s["predicate"]["serialization"]["shard_size"] = 1.5; }},
      {"a shard of another size", shards_of_three(),
       [](json& s) { s["predicate"]["serialization"]["shard_size"] = 3; }},
      {"a shard without place", shards_of_three(), [](json& s) { s["predicate"]["resources"][0]["name"] = "f"; }},
      {"a shard that ends before it begins", shards_of_three(),
       [](json& s) { s["predicate"]["resources"][0]["name"] = "f:2:0"; }},
      {"a shard at a negative place", shards_of_three(),
       [](json& s) { s["predicate"]["resources"][0]["name"] = "f:-1:2"; }},
  };
  CHECK(parse_oms(files.dump()));
  CHECK(parse_oms(shards_of_three().dump()));
  for (const auto& one : cases) {
    CAPTURE(one.name);
    auto changed = one.statement;
    one.change(changed);
    const auto parsed = parse_oms(changed.dump());
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == Error::Kind::corrupt);
  }
  auto blake = files;
  blake["predicate"]["serialization"]["hash_type"] = "blake3";
  REQUIRE_FALSE(parse_oms(blake.dump()));
  CHECK(parse_oms(blake.dump()).error().kind == Error::Kind::usage);
  auto twice = json{{"_type", "https://in-toto.io/Statement/v1"},
                    {"predicateType", oms_old_predicate},
                    {"subject", json(2, json{{"name", "a"}, {"digest", {{"sha256", digest_of("1").hex()}}}})}};
  REQUIRE_FALSE(parse_oms(twice.dump()));
  twice["subject"].erase(1);
  CHECK(parse_oms(twice.dump()));
}

struct Model {
  Keys keys;
  Signer signer = keys.signer();
  TemporaryFolder folder = test::temporary_folder();
  fs::path path = folder.path() / "m";
  Model() {
    put(path / "a", "1");
    put(path / "d/b", "22");
    put(path / "empty", "");
  }
  [[nodiscard]] Result<FolderReport> check(const std::string& statement, const fs::path& signature = {}) const {
    const auto bundle = sign_statement(signer, statement);
    REQUIRE(bundle);
    return verify_folder(path, *bundle, test::trust_in(signer), at(june), signature);
  }
};

std::string signed_files() {
  return oms_statement("m", {file("a", "1"), file("d/b", "22"), file("empty", "")});
}

TEST_CASE("a folder and its signature: what is noticed") {
  struct Case {
    const char* name;
    std::function<void(const fs::path&)> change;
    std::vector<std::string> problems;
  };
  const Case cases[] = {
      {"nothing changed", [](const fs::path&) {}, {}},
      {"an empty folder more", [](const fs::path& p) { fs::create_directory(p / "x"); }, {}},
      {"a changed file", [](const fs::path& p) { put(p / "a", "2"); }, {"a: is not what was signed"}},
      {"a longer file", [](const fs::path& p) { put(p / "a", "11"); }, {"a: is not what was signed"}},
      {"an empty file that is filled",
       [](const fs::path& p) { put(p / "empty", "x"); },
       {"empty: is not what was signed"}},
      {"a missing file", [](const fs::path& p) { fs::remove(p / "d/b"); }, {"d/b: is missing"}},
      {"another file", [](const fs::path& p) { put(p / "d/c", ""); }, {"d/c: is not signed"}},
      {"a file that moved",
       [](const fs::path& p) { fs::rename(p / "a", p / "c"); },
       {"c: is not signed", "a: is missing"}},
      {"a hidden file", [](const fs::path& p) { put(p / ".git/hooks/x", ""); }, {".git/hooks/x: is not signed"}},
      {"a link in the place of a file",
       [](const fs::path& p) {
         fs::rename(p / "a", p / "../a");
         fs::create_symlink("../a", p / "a");
       },
       {"a: is a link, and the signature allows none", "a: is missing"}},
      {"a pipe in the place of a file",
       [](const fs::path& p) {
         fs::remove(p / "a");
         REQUIRE(::mkfifo((p / "a").c_str(), 0600) == 0);
       },
       {"a: neither a file nor a folder", "a: is missing"}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const Model model;
    one.change(model.path);
    const auto report = model.check(signed_files());
    REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    CHECK(report->signature.trusted == Trusted::valid);
    CHECK(report->problems == one.problems);
  }
}

TEST_CASE("a folder and its signature: nothing is read for a signature that does not count") {
  const Model model, stranger;
  const auto bundle = sign_statement(stranger.signer, signed_files());
  put(model.path / "a", "changed");
  const auto report = verify_folder(model.path, *bundle, test::trust_in(model.signer), at(june));
  REQUIRE(report);
  CHECK(report->signature.trusted == Trusted::untrusted);
  CHECK(report->files == 0);
  CHECK(report->problems.empty());
  const auto none = verify_folder(model.path / "none", *bundle, test::trust_in(stranger.signer), at(june));
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == Error::Kind::not_found);
  CHECK_FALSE(model.check(R"({"_type":"https://in-toto.io/Statement/v1","predicateType":"x"})"));
}

TEST_CASE("a folder and its signature: what the signer left out") {
  const Model model;
  put(model.path / ".git/config", "x");
  put(model.path / "model.sig", "x");
  auto statement = json::parse(signed_files());
  CHECK(model.check(statement.dump())->problems.size() == 2);
  CHECK(model.check(statement.dump(), model.path / "model.sig")->problems.size() == 1);
  statement["predicate"]["serialization"]["ignore_paths"] = {".git", "./model.sig", "d/"};
  CHECK(model.check(statement.dump())->problems == std::vector<std::string>{"d/b: is missing"});
  statement["predicate"]["serialization"]["ignore_paths"] = {".gi", "model", "", "/", "..", "../m"};
  CHECK(model.check(statement.dump())->problems.size() == 2);
}

TEST_CASE("a folder and its signature: links that are allowed") {
  const Model model;
  fs::create_symlink("d/b", model.path / "l");
  fs::create_symlink("d", model.path / "folder");
  const auto statement =
      oms_statement("m", {file("a", "1"), file("d/b", "22"), file("empty", ""), link("l", "d/b"), link("folder", "d")});
  CHECK(model.check(statement)->problems.empty());
  CHECK(model.check(statement)->files == 4);
  fs::remove(model.path / "l");
  fs::create_symlink("a", model.path / "l");
  CHECK(model.check(statement)->problems == std::vector<std::string>{"l: is not what was signed"});
  fs::remove(model.path / "l");
  fs::create_symlink("nowhere", model.path / "l");
  CHECK(model.check(statement)->problems.size() == 2);
}

TEST_CASE("a folder and its signature: shards") {
  const auto statement = shards_of_three().dump();
  struct Case {
    const char *name, *bytes;
    std::size_t problems;
  };
  static const Case cases[] = {{"as signed", "abc", 0},
                               {"first changed", "xbc", 1},
                               {"last changed", "abx", 1},
                               {"one byte more", "abcd", 1},
                               {"a shard more", "abcde", 1},
                               {"a shard less", "ab", 1},
                               {"empty", "", 1}};
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const Model model;
    fs::remove_all(model.path);
    put(model.path / "f", one.bytes);
    put(model.path / "empty", "");  // has no shards, and so is never signed
    const auto report = model.check(statement);
    REQUIRE(report);
    CHECK(report->problems.size() == one.problems);
  }
}

}  // namespace
}  // namespace mlctl::registry
