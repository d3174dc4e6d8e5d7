// Layers of every kind: our own in each shape, and what other tools write.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/process.h"
#include "registry/compression.h"
#include "registry/copy.h"
#include "registry/oci.h"
#include "registry/pack.h"
#include "registry/pull.h"
#include "registry/query.h"
#include "registry/tar.h"
#include "registry/tar_read.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using test::get;
using test::link_file;
using test::memory_file;
using test::name;
using test::small_model;
using test::temporary_folder;
using test::version;

std::unique_ptr<Store> open_store(const fs::path& root) {
  auto store = open_disk_store(root);
  REQUIRE(store);
  return std::move(*store);
}

std::string compressed(const std::string& bytes) {
  std::string out;
  ZstdWriter zstd([&](std::string_view part) {
    out += part;
    return ok();
  });
  REQUIRE(zstd.write(bytes));
  REQUIRE(zstd.finish());
  return out;
}

// A header of any kind, with a checksum that is right.
std::string header(const std::string& path, std::uint64_t size, char type = '0', const std::string& link = "") {
  std::string bytes = tar::header({path, size, false, link});
  bytes[156] = type;
  for (std::size_t i = 148; i < 156; ++i) bytes[i] = ' ';
  unsigned sum = 0;
  for (const char c : bytes) sum += static_cast<unsigned char>(c);
  for (std::size_t i = 154; i-- > 148; sum >>= 3U) bytes[i] = static_cast<char>('0' + (sum & 7U));
  bytes[154] = '\0';
  return bytes;
}
std::string entry(const std::string& path, const std::string& content) {
  return header(path, content.size()) + content + std::string(tar::padding(content.size()), '\0');
}

struct ForeignLayer {
  std::string type, bytes;
  std::map<std::string, std::string> annotations;
  std::string content = bytes;  // decompressed
};

// A version as another tool would put it there.
Digest publish(Store& store, const std::string& model, const std::vector<ForeignLayer>& layers) {
  nlohmann::ordered_json manifest = {{"schemaVersion", 2},
                                     {"mediaType", oci::manifest_type},
                                     {"artifactType", oci::model_type},
                                     {"layers", nlohmann::ordered_json::array()}};
  nlohmann::ordered_json config = {{"descriptor", {{"name", "x"}}}, {"config", nlohmann::ordered_json::object()}};
  for (const auto& layer : layers) {
    REQUIRE(store.put_blob(name(model), layer.bytes));
    manifest["layers"].push_back(
        oci::to_json({layer.type, digest_of(layer.bytes), layer.bytes.size(), "", layer.annotations}));
    config["modelfs"]["diffIds"].push_back(to_string(digest_of(layer.content)));
  }
  REQUIRE(store.put_blob(name(model), config.dump()));
  manifest["config"] = oci::to_json({oci::model_config_type, digest_of(config.dump()), config.dump().size(), "", {}});
  const auto text = manifest.dump();
  Publication publication{version("v1.0.0"), {oci::manifest_type, digest_of(text), text.size(), oci::model_type, {}}};
  auto published = store.publish(name(model), publication, {text, ""});
  REQUIRE_MESSAGE(published, (published ? "" : published.error().message));
  return digest_of(text);
}

TEST_CASE("what everybody would take for a bomb is not pushed compressed") {
  const auto files = std::vector<ModelFile>{memory_file("w.bin", std::string(96U << 20U, '\0'))};
  const auto refused = pack_digest(files, LayerKind::tar_zstd);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(pack_digest(files, LayerKind::tar));
}

TEST_CASE("every kind of layer is packed, verified, copied and pulled") {
  auto files = small_model();
  files.push_back(memory_file("d/large.bin", std::string(large_file + 77, 'x')));
  files[2].executable = true;
  for (const auto kind : {LayerKind::raw, LayerKind::tar, LayerKind::tar_zstd}) {
    CAPTURE(to_string(kind));
    if (kind != LayerKind::raw) files.push_back(link_file("current", "d/large.bin"));
    const auto folder = temporary_folder();
    auto store = open_store(folder.path() / "registry");
    auto stored = store_files(*store, name("a"), files, no_progress(), kind);
    REQUIRE_MESSAGE(stored, (stored ? "" : stored.error().message));
    CHECK(stored->packed.digest == pack_digest(files, kind)->digest);
    REQUIRE(publish_files(*store, name("a"), *stored, version("v1.0.0"), {}));
    const auto digest = stored->packed.digest;
    CHECK(stored->packed.image_manifest.empty() == (kind != LayerKind::tar));
    CHECK(stored->packed.manifest.find(std::string("weight.v1.") + to_string(kind) + "\"") != std::string::npos);
    const auto report = verify(*store, name("a"), digest);
    REQUIRE(report);
    CHECK(report->problems == std::vector<std::string>());
    CHECK(describe(*store, name("a"), digest)->files.size() == files.size());
    CHECK((describe(*store, name("a"), digest)->image == Digest()) == (kind != LayerKind::tar));
    REQUIRE(pull(*store, name("a"), digest, folder.path() / "out", no_progress()));
    CHECK(get(folder.path() / "out/d/large.bin") == std::string(large_file + 77, 'x'));
    CHECK(pack_digest(*collect_files(folder.path() / "out", {}), kind)->digest == digest);
    auto other = open_store(folder.path() / "other");
    auto set = copy_set(*store, name("a"), **store->find(name("a"), version("v1.0.0")));
    REQUIRE(set);
    REQUIRE(copy_versions(*store, *other, {*set}, no_progress()));
    CHECK(verify(*other, name("a"), digest)->problems.empty());
    if (kind != LayerKind::raw) files.pop_back();
  }
}

TEST_CASE("a raw layer cannot hold a link") {
  auto files = small_model();
  files.push_back(link_file("current", "model.json"));
  CHECK(pack_digest(files, LayerKind::raw).error().kind == Error::Kind::usage);
}

TEST_CASE("what other tools write is read") {
  const std::string tarred = entry("./weights/a.bin", "one") + header("weights/", 0, '5') +
                             header("weights/b", 0, '2', "a.bin") + std::string(10240, '\0');
  const auto folder = temporary_folder();
  auto store = open_store(folder.path() / "registry");
  const auto digest =
      publish(*store, "a",
              {{"application/vnd.cncf.model.weight.v1.tar", tarred, {}},
               {"application/vnd.cncf.model.weight.config.v1.raw",
                "{}",
                {{oci::file_path, "config.json"},
                 {oci::file_metadata, R"({"name":"config.json","mode":493,"size":2,"typeflag":0})"}}},
               {"application/vnd.cnai.model.code.v1.tar+zstd",
                compressed(entry("run.py", "pass") + tar::trailer()),
                {},
                entry("run.py", "pass") + tar::trailer()},
               {"application/vnd.cncf.model.dataset.v1.raw", "1,2\n", {{oci::file_path_before, "data/train.csv"}}},
               {"application/vnd.cncf.model.doc.v1.raw", "# hi\n", {{oci::title_annotation, "README.md"}}}});
  const auto description = describe(*store, name("a"), digest);
  REQUIRE_MESSAGE(description, (description ? "" : description.error().message));
  std::string seen;
  for (const auto& file : description->files)
    seen += file.path + (file.link.empty() ? "" : " -> " + file.link) + (file.executable ? "*" : "") + " " +
            to_string(file.role) + "\n";
  CHECK(seen ==
        "README.md doc\nconfig.json* config\ndata/train.csv doc\nrun.py code\nweights/a.bin weights\n"
        "weights/b -> a.bin weights\n");
  CHECK(description->image == Digest());
  CHECK(verify(*store, name("a"), digest)->problems == std::vector<std::string>());
  REQUIRE(pull(*store, name("a"), digest, folder.path() / "out", no_progress()));
  CHECK(get(folder.path() / "out/weights/b") == "one");
  CHECK(get(folder.path() / "out/run.py") == "pass");
  // A damaged blob is found.
  const auto blob = folder.path() / "registry/models/a/blobs/sha256" / digest_of("# hi\n").hex();
  test::put(blob, "# ho\n");
  CHECK(verify(*store, name("a"), digest)->problems.size() == 1);
}

TEST_CASE("a layer of another tool that would harm is refused, and nothing is written") {
  const std::string zeros(96U << 20U, '\0');
  struct Case {
    const char* name;
    std::string bytes;
    std::string type = "tar";
  };
  for (const auto& c : std::vector<Case>{
           {"a path that leaves", entry("../evil", "x") + tar::trailer()},
           {"an absolute path", entry("/tmp/evil", "x") + tar::trailer()},
           {"a path that leaves in the middle", entry("a/../../evil", "x") + tar::trailer()},
           {"a path with a line's end", entry("a\nb", "x") + tar::trailer()},
           {"a link that leaves", header("l", 0, '2', "../../etc/passwd") + tar::trailer()},
           {"an absolute link", header("l", 0, '2', "/etc/passwd") + tar::trailer()},
           {"a file through a link", header("l", 0, '2', "d") + entry("d/a", "x") + entry("l/b", "y") + tar::trailer()},
           {"a hard link", entry("a", "x") + header("b", 0, '1', "a") + tar::trailer()},
           {"a device", header("null", 0, '3') + tar::trailer()},
           {"a pipe", header("pipe", 0, '6') + tar::trailer()},
           {"a sparse file", header("s", 0, 'S') + tar::trailer()},
           {"one name twice", entry("a", "x") + entry("a", "y") + tar::trailer()},
           {"a file and a folder", entry("a", "x") + entry("a/b", "y") + tar::trailer()},
           {"a deletion", entry(".wh.a", "") + tar::trailer()},
           {"a size beyond the end", header("a", 1000) + "x"},
           {"a size beyond everything", header("a", (8ULL << 30U) - 1) + "x"},
           {"no end", entry("a", "x")},
           {"something behind the end", entry("a", "x") + tar::trailer() + "more"},
           {"a wrong checksum", "b" + entry("a", "x").substr(1) + tar::trailer()},
           {"no tar", std::string(2000, 'z')},
           {"nothing", ""},
           {"no zstd", entry("a", "x") + tar::trailer(), "tar+zstd"},
           {"no gzip", entry("a", "x") + tar::trailer(), "tar+gzip"},
           {"zstd that is cut off", compressed(entry("a", "x") + tar::trailer()).substr(0, 40), "tar+zstd"},
           {"a bomb", compressed(entry("a", zeros) + tar::trailer()), "tar+zstd"},
       }) {
    CAPTURE(c.name);
    const auto folder = temporary_folder();
    auto store = open_store(folder.path() / "registry");
    const auto digest = publish(*store, "a", {{"application/vnd.cncf.model.weight.v1." + c.type, c.bytes, {}}});
    auto pulled = pull(*store, name("a"), digest, folder.path() / "out", no_progress());
    REQUIRE_FALSE(pulled);
    CHECK(pulled.error().kind == Error::Kind::corrupt);
    CHECK_FALSE(fs::exists(folder.path() / "out"));
    CHECK(verify(*store, name("a"), digest)->problems.size() == 1);
  }
}

TEST_CASE("a raw layer whose annotations lie is refused") {
  struct Case {
    const char* name;
    std::map<std::string, std::string> annotations;
  };
  for (const auto& c : std::vector<Case>{
           {"no path", {}},
           {"a path that leaves", {{oci::file_path, "../a"}}},
           {"another size", {{oci::file_path, "a"}, {oci::file_metadata, R"({"size":3})"}}},
           {"metadata that is no JSON", {{oci::file_path, "a"}, {oci::file_metadata, "{"}}},
       }) {
    CAPTURE(c.name);
    const auto folder = temporary_folder();
    auto store = open_store(folder.path());
    const auto digest = publish(*store, "a", {{"application/vnd.cncf.model.weight.v1.raw", "xx", c.annotations}});
    CHECK(describe(*store, name("a"), digest).error().kind == Error::Kind::corrupt);
  }
}

TEST_CASE("tars of the system's tar, in each of its formats and compressed") {
  const auto folder = temporary_folder();
  const std::string deep = std::string(120, 'd') + "/" + std::string(150, 'f');
  test::put(folder.path() / "in/a.bin", std::string(3000, 'a'));
  test::put(folder.path() / "in" / deep, "deep");
  test::put(folder.path() / "in/caf\xc3\xa9", "x");
  fs::create_symlink("a.bin", folder.path() / "in/link");
  for (const char* format : {"gnu", "pax", "posix"})
    for (const bool gzip : {false, true}) {
      CAPTURE(format);
      CAPTURE(gzip);
      const auto file = (folder.path() / "layer.tar").string();
      ProcessSpec spec{{"tar", std::string("--format=") + format, gzip ? "-czf" : "-cf", file, "-C", "in", "."},
                       {{"LC_ALL", "C.UTF-8"}},
                       folder.path()};
      auto done = run_process(spec, std::chrono::seconds(20));
      if (!done || done->exit_code != 0) {
        MESSAGE("skipped: " << (done ? done->output : done.error().message));
        return;
      }
      const auto bytes = get(file);
      PackedLayer layer{Role::weights, digest_of(bytes), bytes.size(), {}, gzip ? LayerKind::tar_gzip : LayerKind::tar};
      layer.exact = false;
      const auto files = list_files(layer, *bytes_source(bytes));
      REQUIRE_MESSAGE(files, (files ? "" : files.error().message));
      CHECK(files->size() == 4);
      for (const auto& found : *files)
        if (found.path == deep) CHECK(found.digest == digest_of("deep"));
      layer.files = *files;
      CHECK(read_layer(layer, *bytes_source(bytes), {}));
    }
}

}  // namespace
}  // namespace mlctl::registry
