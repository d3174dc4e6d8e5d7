#include "release/compare.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "registry/evidence.h"
#include "registry/query.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::release {
namespace {

using registry::PackedFile;
using registry::Role;
using registry::test::memory_file;
using registry::test::name;

PackedFile file(const std::string& path, const std::string& content, bool executable = false) {
  return {path, Role::weights, content.size(), executable, "", digest_of(content)};
}
PackedFile link(const std::string& path, const std::string& target) {
  return {path, Role::doc, 0, false, target, digest_of("")};
}

TEST_CASE("files are compared by digest") {
  struct Case {
    std::string name;
    std::vector<PackedFile> before, after;
    std::vector<std::string> expected;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing", {}, {}, {}},
           {"the same", {file("a", "1")}, {file("a", "1")}, {}},
           {"changed", {file("a", "1")}, {file("a", "2")}, {"changed a"}},
           {"added and removed", {file("a", "1")}, {file("b", "2")}, {"removed a", "added b"}},
           {"renamed", {file("a", "1")}, {file("b", "1")}, {"renamed b from a"}},
           {"copied: nothing went", {file("a", "1")}, {file("a", "1"), file("b", "1")}, {"added b"}},
           {"one of two copies went",
            {file("a", "1"), file("b", "1")},
            {file("c", "1")},
            {"removed b", "renamed c from a"}},
           {"empty files are no rename", {file("a", "")}, {file("b", "")}, {"removed a", "added b"}},
           {"a mode", {file("a", "1")}, {file("a", "1", true)}, {"mode a"}},
           {"a link elsewhere", {link("a", "x")}, {link("a", "y")}, {"changed a"}},
           {"a link for a file", {file("a", "1")}, {link("a", "y")}, {"changed a"}},
           {"swapped", {file("a", "1"), file("b", "2")}, {file("a", "2"), file("b", "1")}, {"changed a", "changed b"}},
       }) {
    CAPTURE(c.name);
    std::vector<std::string> found;
    for (const auto& change : compare_files(c.before, c.after))
      found.push_back(std::string(to_string(change.change)) + " " + change.path +
                      (change.from.empty() ? "" : " from " + change.from));
    CHECK(found == c.expected);
  }
}

TEST_CASE("whole digests fit into a terminal of 80 columns") {
  Comparison comparison;
  comparison.before.digest = digest_of("a");
  comparison.after.digest = digest_of("b");
  Style style = Style::plain();
  style.terminal = true;
  for (const std::size_t width : {80, 120}) {
    style.width = width;
    const auto text = to_text(comparison, false, style);
    CHECK(text.find(to_string(comparison.after.digest)) != std::string::npos);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      CHECK(display_width(text.substr(at, text.find('\n', at) - at)) <= width);
  }
}

TEST_CASE("tensors are compared by name, type and shape") {
  const auto changes = compare_tensors({{"a", "F32", {"2"}}, {"b", "F32", {"2"}}, {"c", "F32", {"2"}}},
                                       {{"a", "F32", {"2"}}, {"c", "BF16", {"2", "3"}}, {"d", "I8", {}}});
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].change == Change::removed);
  CHECK(changes[0].name == "b");
  CHECK(changes[1].before == "F32 [2]");
  CHECK(changes[1].after == "BF16 [2, 3]");
  CHECK(changes[2].change == Change::added);
  CHECK(changes[2].after == "I8 []");
}

std::string safetensors(const std::string& header, std::size_t data) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(header.size() >> 8 * i & 0xFFU);
  return out + header + std::string(data, '\0');
}
std::string one_tensor(const std::string& name, std::size_t size) {
  return safetensors("{\"" + name + "\":{\"dtype\":\"I8\",\"shape\":[" + std::to_string(size) +
                         "],\"data_offsets\":[0," + std::to_string(size) + "]}}",
                     size);
}

struct World {
  TemporaryFolder folder = registry::test::temporary_folder();
  std::unique_ptr<registry::Store> store = std::move(*registry::open_disk_store(folder.path() / "r"));

  Found push(const std::string& version, const std::vector<registry::ModelFile>& files,
             const std::string& metadata = "", const std::string& metrics = "") {
    registry::PushMetadata beside;
    beside.metadata = metadata;
    beside.metrics = metrics;
    auto report = registry::push(*store, name("m"), files, registry::test::version(version), beside, no_progress());
    REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    return {name("m"), report->manifest, registry::test::version(version)};
  }
  Comparison compared(const Found& a, const Found& b) {
    auto comparison = compare(*store, a, b);
    REQUIRE_MESSAGE(comparison, (comparison ? "" : comparison.error().message));
    return std::move(*comparison);
  }
};

TEST_CASE("two versions in a registry") {
  World world;
  const auto a =
      world.push("v1.0.0", {memory_file("README.md", "hi"), memory_file("model.safetensors", one_tensor("w", 9))},
                 R"({"owner":{"team":"risk"},"seen":3})", R"({"auc":0.91})");
  const auto b =
      world.push("v1.1.0", {memory_file("README.md", "hi"), memory_file("model.safetensors", one_tensor("w", 11))},
                 R"({"owner":{"team":"fraud"}})", R"({"auc":0.93,"loss":0.1})");
  const auto comparison = world.compared(a, b);
  CHECK_FALSE(comparison.equal());
  CHECK(comparison.same_files == 1);
  REQUIRE(comparison.files.size() == 1);
  REQUIRE(comparison.tensors.size() == 1);
  CHECK(comparison.tensors[0].where == "model.safetensors");
  REQUIRE(comparison.tensors[0].changes.size() == 1);
  CHECK(comparison.tensors[0].changes[0].after == "I8 [11]");
  REQUIRE(comparison.metadata.size() == 2);
  CHECK(comparison.metadata[0].key == "owner.team");
  CHECK(*comparison.metadata[0].after == "fraud");
  CHECK(comparison.metadata[1].key == "seen");
  CHECK_FALSE(comparison.metadata[1].after);
  REQUIRE(comparison.metrics.size() == 2);
  CHECK(comparison.metrics[0].name == "training auc");
  CHECK(comparison.metrics[0].before->value == 0.91);
  CHECK_FALSE(comparison.metrics[1].before);
  CHECK(world.compared(a, a).equal());
  const auto markdown = to_markdown(comparison, false);
  CHECK(markdown.find("| changed | training auc | 0.91 -&gt; 0.93 (+0.02) |") != std::string::npos);
  CHECK(to_json(comparison)["equal"] == false);
}

TEST_CASE("shards of one folder are one model, and a tensor that moves between them did not change") {
  World world;
  const auto a = world.push("v1.0.0", {memory_file("x/m-1.safetensors", one_tensor("w", 9)),
                                       memory_file("x/m-2.safetensors", one_tensor("v", 10))});
  const auto b = world.push("v1.1.0", {memory_file("x/m-1.safetensors", one_tensor("v", 10)),
                                       memory_file("x/m-2.safetensors", one_tensor("w", 9) + "")});
  const auto comparison = world.compared(a, b);
  CHECK(comparison.files.size() == 2);
  REQUIRE(comparison.tensors.size() == 1);
  CHECK(comparison.tensors[0].where == "x/*.safetensors");
  CHECK(comparison.tensors[0].changes.empty());
  CHECK(comparison.tensors[0].same == 2);
}

TEST_CASE("a header that cannot be read is told, and the rest is compared") {
  World world;
  const auto a = world.push("v1.0.0", {memory_file("m.safetensors", one_tensor("w", 9))});
  const auto b = world.push("v1.1.0", {memory_file("m.safetensors", "garbage!garbage!")});
  const auto comparison = world.compared(a, b);
  REQUIRE(comparison.tensors.size() == 1);
  CHECK(comparison.tensors[0].unread.find("header claims") != std::string::npos);
  CHECK(to_text(comparison, false, Style::plain()).find("not compared: m.safetensors: header claims") !=
        std::string::npos);
}

TEST_CASE("what comes from outside cannot speak to the terminal or write Markdown") {
  World world;
  const auto a =
      world.push("v1.0.0", {memory_file("m.safetensors", one_tensor("w", 9))}, R"({"a":"[x](http://e)\u001b[2J"})");
  const auto b = world.push("v1.1.0", {memory_file("m.safetensors", one_tensor("w\\u001b[31m<b>", 9))});
  const auto comparison = world.compared(a, b);
  CHECK(to_text(comparison, true, Style::plain()).find('\x1b') == std::string::npos);
  const auto markdown = to_markdown(comparison, true);
  CHECK(markdown.find('\x1b') == std::string::npos);
  CHECK(markdown.find("<b>") == std::string::npos);
  CHECK(markdown.find("[x](http") == std::string::npos);
}

TEST_CASE("thousands of lines stay readable") {
  Comparison comparison;
  comparison.tensors.push_back({"m.gguf", {}, 5, {}, ""});
  for (int i = 0; i < 10'000; ++i)
    comparison.tensors[0].changes.push_back({Change::added, "t" + std::to_string(i), "", "F32 [1]"});
  const auto count = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  const auto some = to_text(comparison, false, Style::plain());
  CHECK(count(some) < 30);
  CHECK(some.find("10000 added, 5 the same") != std::string::npos);
  CHECK(some.find("and 9980 more: --all") != std::string::npos);
  CHECK(count(to_text(comparison, true, Style::plain())) > 10'000);
  CHECK(count(to_markdown(comparison, false)) < 40);
}

}  // namespace
}  // namespace mlctl::release
