#include "registry/pack.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/document.h"
#include "base/process.h"
#include "registry/pull.h"
#include "registry/tar.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

using test::link_file;
using test::memory_file;
using test::put;
using test::small_model;

std::string tar_of(const LayerPlan& plan) {
  std::string bytes;
  auto layer = pack_layer(plan, [&](std::string_view part) {
    bytes += part;
    return ok();
  });
  REQUIRE(layer);
  CHECK(layer->size == plan.size);
  CHECK(layer->digest == digest_of(bytes));
  return bytes;
}

std::vector<std::string> layout(const std::vector<LayerPlan>& plans) {
  std::vector<std::string> lines;
  for (const auto& plan : plans) {
    std::string line = std::string(to_string(plan.role)) + ":";
    for (const auto& file : plan.files) line += " " + file.path;
    lines.push_back(line);
  }
  return lines;
}

ModelFile sized(const std::string& path, std::uint64_t size) {
  return {path, Role::weights, Format::safetensors, size, false, "", {}};
}

TEST_CASE("the same files give the same digest, whatever their order") {
  auto files = small_model();
  files.push_back(link_file("current", "model.json"));
  files[2].executable = true;
  const auto first = pack_digest(files);
  REQUIRE(first);
  std::reverse(files.begin(), files.end());
  CHECK(pack_digest(files)->digest == first->digest);
  // Fixed for all time and all machines: a change here is a change of every model's identity.
  CHECK(to_string(first->digest) == "sha256:b31ed354bc919143cd25cc10710c8ec21c98929092760cc494ad92422bb96257");
  CHECK(to_string(first->image) == "sha256:183071bac780e827473877d5e1cc6e54fb7cbd1da1e497f34e80357def341631");
}

TEST_CASE("any files in any order: the same digest, and what is pulled packs to it again") {
  const auto seed = std::random_device()();
  MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
  for (int round = 0; round < 20; ++round) {
    std::vector<ModelFile> files;
    for (unsigned i = 0, count = 1 + below(30); i < count; ++i) {
      std::string path = "d" + std::to_string(below(4)) + "/" + std::string(below(3) == 0 ? 120 : 1, 'x') +
                         (below(4) == 0 ? "\xc3\xa9" : "") + std::to_string(i);
      if (below(5) == 0 && !files.empty() && files[0].link.empty()) {
        files.push_back(link_file(path, "../" + files[0].path));
        continue;
      }
      files.push_back(
          memory_file(path, std::string(below(3) == 0 ? below(5'000'000) : below(2000), char('a' + below(26)))));
      files.back().executable = below(4) == 0;
    }
    const auto first = pack_digest(files);
    REQUIRE_MESSAGE(first, (first ? "" : first.error().message));
    std::shuffle(files.begin(), files.end(), random);
    CHECK(pack_digest(files)->digest == first->digest);
    const auto folder = test::temporary_folder();
    auto store = open_disk_store(folder.path() / "registry");
    REQUIRE(store);
    test::pushed(**store, "a", "v1.0.0", files);
    REQUIRE(pull(**store, test::name("a"), first->digest, folder.path() / "out", no_progress()));
    auto back = collect_files(folder.path() / "out", {});
    REQUIRE(back);
    // What a file is for follows from its content; in memory it was told.
    CHECK(pack_digest(*back)->digest == first->digest);
  }
}

TEST_CASE("what changes the digest") {
  const auto base = pack_digest(small_model())->digest;
  CHECK(pack_digest(small_model("{\"learner\":[]}"))->digest != base);
  auto renamed = small_model();
  renamed[0].path = "other.json";
  CHECK(pack_digest(renamed)->digest != base);
  auto executable = small_model();
  executable[2].executable = true;
  CHECK(pack_digest(executable)->digest != base);
  auto role = small_model();
  role[3].role = Role::code;
  CHECK(pack_digest(role)->digest != base);
}

TEST_CASE("plan_layers: a large file is alone, small ones go together by role") {
  auto plans = plan_layers({sized("z.safetensors", large_file), sized("a.safetensors", large_file + 1),
                            memory_file("b.pkl", "\x80\x04"), memory_file("conf.json", "{}"),
                            memory_file("d/e.json", "[]"), memory_file("run.py", ""), memory_file("README.md", "")});
  REQUIRE(plans);
  CHECK(layout(*plans) == std::vector<std::string>{"weights: a.safetensors", "weights: z.safetensors", "weights: b.pkl",
                                                   "config: conf.json d/e.json", "code: run.py", "doc: README.md"});
}

TEST_CASE("plan_layers: at most 100 layers, the largest files alone") {
  std::vector<ModelFile> files;
  for (int i = 0; i < 150; ++i) files.push_back(sized("f" + std::to_string(1000 + i), large_file + std::uint64_t(i)));
  auto plans = plan_layers(files);
  REQUIRE(plans);
  CHECK(plans->size() == layers_limit - 4 + 1);
  CHECK(plans->front().files[0].path == "f1054");
  CHECK(plans->back().files.size() == 54);
}

TEST_CASE("plan_layers refuses what cannot be a version") {
  CHECK(plan_layers({}).error().kind == Error::Kind::usage);
  CHECK(plan_layers({memory_file("../a", "")}).error().kind == Error::Kind::usage);
  CHECK(plan_layers({memory_file("a", ""), memory_file("a", "")}).error().kind == Error::Kind::usage);
  CHECK(plan_layers({link_file("a", "/etc/passwd")}).error().kind == Error::Kind::usage);
  CHECK(plan_layers(std::vector<ModelFile>(files_limit + 1, memory_file("a", ""))).error().kind == Error::Kind::usage);
}

TEST_CASE("a file that is shorter or longer than it was is an error") {
  auto shorter = memory_file("a.json", "{}");
  shorter.size = 3;
  CHECK(pack_digest({shorter}).error().kind == Error::Kind::unavailable);
  auto longer = memory_file("a.json", "{}");
  longer.size = 1;
  CHECK(pack_digest({longer}).error().kind == Error::Kind::unavailable);
}

TEST_CASE("manifests are as ModelPack and the image specification say") {
  const auto packed = pack_digest(small_model());
  REQUIRE(packed);
  const auto manifest = parse_json(packed->manifest, "manifest");
  const auto config = parse_json(packed->config, "config");
  const auto image = parse_json(packed->image_manifest, "image");
  const auto image_config = parse_json(packed->image_config, "image config");
  REQUIRE(manifest);
  REQUIRE(config);
  REQUIRE(image);
  REQUIRE(image_config);
  CHECK((*manifest)["mediaType"] == "application/vnd.oci.image.manifest.v1+json");
  CHECK((*manifest)["artifactType"] == "application/vnd.cncf.model.manifest.v1+json");
  CHECK((*manifest)["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json");
  CHECK((*manifest)["config"]["digest"] == to_string(digest_of(packed->config)));
  CHECK((*manifest)["layers"][0]["mediaType"] == "application/vnd.cncf.model.weight.v1.tar");
  CHECK((*manifest)["layers"][0]["annotations"]["org.cncf.model.filepath"] == "model.json");
  CHECK((*manifest)["layers"][1]["mediaType"] == "application/vnd.cncf.model.weight.config.v1.tar");
  CHECK((*config)["modelfs"]["type"] == "layers");
  CHECK((*image)["subject"]["digest"] == to_string(packed->digest));
  CHECK((*image)["annotations"]["dev.mlctl.model"] == to_string(packed->digest));
  CHECK((*image)["layers"].size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK((*image)["layers"][i]["mediaType"] == "application/vnd.oci.image.layer.v1.tar");
    CHECK((*image)["layers"][i]["digest"] == (*manifest)["layers"][i]["digest"]);
    CHECK((*image_config)["rootfs"]["diff_ids"][i] == (*manifest)["layers"][i]["digest"]);
    CHECK((*config)["modelfs"]["diffIds"][i] == (*manifest)["layers"][i]["digest"]);
  }
}

TEST_CASE("a manifest reads back to what was packed, and a changed one does not") {
  auto files = small_model();
  files.push_back(link_file("current", "model.json"));
  const auto packed = pack_digest(files);
  REQUIRE(packed);
  auto layers = parse_manifest(packed->manifest);
  REQUIRE(layers);
  CHECK(pack_manifests(*layers)->manifest == packed->manifest);
  struct Case {
    const char* name;
    std::string from, to;
  };
  for (const auto& c : std::vector<Case>{
           {"a path that leaves", R"(\"path\":\"model.json\")", R"(\"path\":\"../odel.json\")"},
           {"an absolute path", R"(\"path\":\"model.json\")", R"(\"path\":\"/odel.json\")"},
           {"a path twice", R"(\"path\":\"model.json\")", R"(\"path\":\"serve.py\",\"x\":\"\")"},
           {"a link that leaves", R"(\"link\":\"model.json\")", R"(\"link\":\"../../etc\")"},
           {"a size that does not fit", R"(\"size\":14)", R"(\"size\":9999)"},
           {"a huge size", R"(\"size\":14)", R"(\"size\":18446744073709551615)"},
           {"a negative size", R"(\"size\":14)", R"(\"size\":-1)"},
           {"another type", "vnd.cncf.model.manifest", "vnd.other.model.manifest"},
           {"a layer that is no part of a model", "vnd.cncf.model.weight.v1.tar", "vnd.cncf.model.other.v1.tar"},
           {"cut off", "}", ""},
       }) {
    CAPTURE(c.name);
    std::string text = packed->manifest;
    const auto at = text.find(c.from);
    REQUIRE(at != std::string::npos);
    text.replace(at, c.from.size(), c.to);
    auto parsed = parse_manifest(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == Error::Kind::corrupt);
  }
  CHECK_FALSE(parse_manifest(""));
  CHECK_FALSE(parse_manifest("[]"));
  CHECK_FALSE(parse_manifest(std::string(manifest_limit + 1, ' ')));
}

TEST_CASE("read_layer accepts exactly what pack_layer wrote") {
  auto plans = plan_layers({memory_file("a.py", std::string(700, 'a')), memory_file("b.py", ""),
                            memory_file("c.py", std::string(512, 'c'))});
  REQUIRE(plans);
  const std::string bytes = tar_of((*plans)[0]);
  auto layer = pack_layer((*plans)[0], [](std::string_view) { return ok(); });
  REQUIRE(layer);
  std::string contents;
  LayerVisitor visitor{[&](const PackedFile& file) -> Result<Sink> {
                         contents += file.path + "=";
                         return Sink([&](std::string_view part) {
                           contents += part;
                           return ok();
                         });
                       },
                       [&](const PackedFile&) {
                         contents += ";";
                         return ok();
                       }};
  CHECK(read_layer(*layer, *bytes_source(bytes), visitor));
  CHECK(contents == "a.py=" + std::string(700, 'a') + ";b.py=;c.py=" + std::string(512, 'c') + ";");
  for (std::size_t at = 0; at < bytes.size(); at += 37) {
    CAPTURE(at);
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    auto status = read_layer(*layer, *bytes_source(changed), {});
    REQUIRE_FALSE(status);
    CHECK(status.error().kind == Error::Kind::corrupt);
  }
  CHECK_FALSE(read_layer(*layer, *bytes_source(bytes + "x"), {}));
  CHECK_FALSE(read_layer(*layer, *bytes_source(bytes.substr(0, bytes.size() - 1)), {}));
  CHECK_FALSE(read_layer(*layer, *bytes_source(""), {}));
}

TEST_CASE("tar headers: pax where a name or a size does not fit") {
  const std::string deep = std::string(120, 'd') + "/" + std::string(90, 'f');
  CHECK(tar::header({"a", 1, false, ""}).size() == 512);
  CHECK(tar::header({deep, 1, false, ""}).size() == 512);
  CHECK(tar::header({std::string(101, 'a'), 1, false, ""}).size() == 512 * 3);
  CHECK(tar::header({"a", 8ULL << 30U, false, ""}).size() == 512 * 3);
  CHECK(tar::header({"a", (8ULL << 30U) - 1, false, ""}).size() == 512);
  CHECK(tar::header({"a", 8ULL << 30U, false, ""}).find("19 size=8589934592\n") != std::string::npos);
  CHECK(tar::padding(0) == 0);
  CHECK(tar::padding(1) == 511);
  CHECK(tar::padding(512) == 0);
}

TEST_CASE("the system's tar reads our layers") {
  const auto folder = test::temporary_folder();
  const std::string deep = std::string(60, 'd') + "/" + std::string(90, 'f') + ".py";
  const std::string longest = std::string(200, 'l') + ".py";
  auto files =
      std::vector<ModelFile>{memory_file("a.py", "one"), memory_file(deep, "two"), memory_file(longest, "three"),
                             memory_file("caf\xc3\xa9.py", "four"), link_file("link.py", deep)};
  files[0].executable = true;
  files.back().role = Role::code;
  auto plans = plan_layers(files);
  REQUIRE(plans);
  REQUIRE(plans->size() == 1);
  put(folder.path() / "layer.tar", tar_of((*plans)[0]));
  ProcessSpec spec{{"tar", "-xf", "layer.tar"}, {{"LC_ALL", "C.UTF-8"}}, folder.path()};
  auto done = run_process(spec, std::chrono::seconds(20));
  if (!done) {
    MESSAGE("skipped: " << done.error().message);
    return;
  }
  CHECK_MESSAGE(done->exit_code == 0, done->output);
  CHECK(test::get(folder.path() / "a.py") == "one");
  CHECK(test::get(folder.path() / deep) == "two");
  CHECK(test::get(folder.path() / longest) == "three");
  CHECK(test::get(folder.path() / "caf\xc3\xa9.py") == "four");
  CHECK(test::get(folder.path() / "link.py") == "two");
  CHECK((std::filesystem::status(folder.path() / "a.py").permissions() & std::filesystem::perms::owner_exec) !=
        std::filesystem::perms::none);
}

}  // namespace
}  // namespace mlctl::registry
