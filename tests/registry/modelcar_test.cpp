#include "registry/modelcar.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <set>

#include "base/document.h"
#include "registry/copy.h"
#include "registry/oci.h"
#include "registry/query.h"
#include "registry/tar_read.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using test::link_file;
using test::memory_file;
using test::name;
using test::small_model;

// A base image in a folder, written part by part.
struct Layout {
  TemporaryFolder folder = test::temporary_folder();

  Descriptor blob(const std::string& bytes, const char* type) const {
    test::put(folder.path() / "blobs" / "sha256" / digest_of(bytes).hex(), bytes);
    return {type, digest_of(bytes), bytes.size(), "", {}};
  }
  [[nodiscard]] Descriptor image(const std::string& architecture, const std::string& os = "linux",
                                 const char* layer_type = oci::image_layer_type) const {
    const auto layer = blob("a shell for " + architecture, layer_type);
    const ordered_json config{{"architecture", architecture},
                              {"os", os},
                              {"created", "2026-01-01T00:00:00Z"},
                              {"config", {{"User", "65532"}, {"Entrypoint", {"/bin/sh"}}, {"Labels", {{"a", "b"}}}}},
                              {"rootfs", {{"type", "layers"}, {"diff_ids", {to_string(layer.digest)}}}}};
    const ordered_json manifest{{"schemaVersion", 2},
                                {"config", oci::to_json(blob(config.dump(), oci::image_config_type))},
                                {"layers", {oci::to_json(layer)}}};
    return blob(manifest.dump(), oci::manifest_type);
  }
  [[nodiscard]] Descriptor index(const std::vector<std::string>& architectures) const {
    ordered_json index{{"schemaVersion", 2}, {"manifests", ordered_json::array()}};
    for (const auto& one : architectures) {
      auto entry = oci::to_json(image(one));
      entry["platform"] = {{"architecture", one}, {"os", "linux"}};
      index["manifests"].push_back(entry);
    }
    return blob(index.dump(), oci::index_type);
  }
  [[nodiscard]] BaseImage open(const Descriptor& top) const {
    test::put(folder.path() / "index.json", ordered_json{{"manifests", {oci::to_json(top)}}}.dump());
    auto base = base_in_folder(folder.path());
    REQUIRE_MESSAGE(base, (base ? "" : base.error().message));
    return std::move(*base);
  }
};

Modelcar planned(const BaseImage& base, const std::vector<ModelFile>& files) {
  auto platforms = read_base(base);
  REQUIRE_MESSAGE(platforms, (platforms ? "" : platforms.error().message));
  auto modelcar = plan_modelcar(base.digest, *platforms, *pack_digest(files));
  REQUIRE_MESSAGE(modelcar, (modelcar ? "" : modelcar.error().message));
  return std::move(*modelcar);
}

TEST_CASE("a modelcar is the base, the model's own layers, and one with links") {
  const Layout layout;
  auto files = small_model();
  files.push_back(memory_file("a/b/deep.json", "[]"));
  files.push_back(link_file("a/up", "../model.json"));
  const auto packed = pack_digest(files);
  const auto modelcar = planned(layout.open(layout.image("amd64")), files);
  CHECK(modelcar.index.empty());
  CHECK(modelcar.descriptor == modelcar.images.at(0).descriptor);
  const auto manifest = nlohmann::json::parse(modelcar.images[0].manifest);
  const auto image = nlohmann::json::parse(packed->image_manifest);
  const auto& layers = manifest["layers"];
  const auto count = image["layers"].size();
  REQUIRE(layers.size() == count + 2);
  CHECK(layers[0]["digest"] == to_string(digest_of("a shell for amd64")));
  for (std::size_t i = 0; i < count; ++i) CHECK(layers[i + 1] == image["layers"][i]);
  CHECK(layers[count + 1]["digest"] == to_string(digest_of(modelcar.links)));
  CHECK(manifest["subject"]["digest"] == to_string(packed->digest));
  const auto config = nlohmann::json::parse(modelcar.images[0].config);
  CHECK(config["config"] == nlohmann::json{{"User", "65532"}, {"Cmd", {"sleep", "infinity"}}});
  CHECK(config["rootfs"]["diff_ids"].size() == layers.size());
  CHECK(config.count("created") == 0);

  std::map<std::string, std::string> links;
  tar::Visitor visitor;
  visitor.begin = [&](const tar::ReadEntry& entry) {
    links[entry.path] = entry.link;
    return Result<Sink>(Sink());
  };
  REQUIRE(tar::read_tar(*bytes_source(modelcar.links), visitor));
  CHECK(links == std::map<std::string, std::string>{{"models/README.md", "../README.md"},
                                                    {"models/a/b/deep.json", "../../../a/b/deep.json"},
                                                    {"models/a/up", "../model.json"},
                                                    {"models/model.json", "../model.json"},
                                                    {"models/serve.py", "../serve.py"},
                                                    {"models/settings.json", "../settings.json"}});
}

TEST_CASE("one image for each platform that is served, whatever their order") {
  const Layout layout;
  const auto both = planned(layout.open(layout.index({"s390x", "arm64", "amd64"})), small_model());
  REQUIRE(both.images.size() == 2);
  const auto index = nlohmann::json::parse(both.index);
  CHECK(index["manifests"][0]["platform"]["architecture"] == "amd64");
  CHECK(index["manifests"][1]["platform"]["architecture"] == "arm64");
  CHECK(index["subject"]["digest"] == to_string(both.model));
  CHECK(both.descriptor.digest == digest_of(both.index));
  // The same model on the same base: the same digest.
  CHECK(planned(layout.open(layout.index({"s390x", "arm64", "amd64"})), small_model()).index == both.index);
}

TEST_CASE("a base that is none is refused") {
  const Layout layout;
  const auto refused = [&](const Descriptor& top) { return read_base(layout.open(top)); };
  CHECK(refused(layout.image("riscv64")).error().kind == Error::Kind::usage);
  CHECK(refused(layout.image("amd64", "windows")).error().kind == Error::Kind::usage);
  CHECK(refused(layout.index({"s390x"})).error().kind == Error::Kind::usage);
  CHECK(refused(layout.image("amd64", "linux", "application/x")).error().kind == Error::Kind::usage);
  CHECK(refused(layout.blob("{}", oci::manifest_type)).error().kind == Error::Kind::corrupt);
  CHECK(refused(layout.blob("no JSON", oci::manifest_type)).error().kind == Error::Kind::corrupt);
  const auto changed = layout.image("amd64");
  test::put(layout.folder.path() / "blobs" / "sha256" / changed.digest.hex(), "something else");
  CHECK(refused(changed).error().kind == Error::Kind::corrupt);
  CHECK(base_in_folder(layout.folder.path() / "nowhere").error().kind == Error::Kind::usage);
  for (const char* text : {"oci://h/busybox:1", "oci://h/busybox", "oci://h/busybox@sha256:12", "oci://h@sha256:"})
    CHECK_MESSAGE(!parse_base_address(text), text);
  const auto good = parse_base_address("oci://h:5000/a/b/busy_box@" + to_string(digest_of("")));
  REQUIRE(good);
  CHECK(repository_of(good->registry, good->image) == "a/b/busy_box");
}

TEST_CASE("a model's file where an image keeps its own is refused") {
  for (const char* path : {"etc/passwd", "bin/sh", "models/a.json", "usr", "lib64/x"}) {
    const auto refused = check_modelcar_paths({memory_file(path, "{}")});
    CHECK_MESSAGE(!refused, path);
  }
  CHECK(check_modelcar_paths({memory_file("binary/sh", "{}"), memory_file("a/models/etc", "{}")}));
  const Layout layout;
  auto platforms = read_base(layout.open(layout.image("amd64")));
  CHECK(plan_modelcar({}, *platforms, *pack_digest({memory_file("etc/x", "{}")})).error().kind == Error::Kind::usage);
  // What cannot be mounted has no layers for an image.
  CHECK(plan_modelcar({}, *platforms, *pack_digest(small_model(), LayerKind::raw)).error().kind == Error::Kind::usage);
}

TEST_CASE("a modelcar is found, verified, kept by the collector and copied") {
  const Layout layout;
  const auto folder = test::temporary_folder();
  auto store = open_disk_store(folder.path() / "registry");
  REQUIRE(store);
  const auto pushed = test::pushed(**store, "a", "v1.0.0", small_model());
  const auto base = layout.open(layout.index({"amd64", "arm64"}));
  const auto modelcar = planned(base, small_model());
  for (int again = 0; again < 2; ++again) REQUIRE(store_modelcar(**store, name("a"), base, modelcar, no_progress()));
  const auto found = find_modelcars(**store, name("a"), pushed.manifest);
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->at(0).digest == modelcar.descriptor.digest);
  CHECK(found->at(0).base == base.digest);
  CHECK((*store)->collect_garbage(name("a"), false)->removed.empty());

  auto publication = (*store)->find(name("a"), test::version("v1.0.0"));
  auto set = copy_set(**store, name("a"), **publication);
  REQUIRE_MESSAGE(set, (set ? "" : set.error().message));
  auto other = open_disk_store(folder.path() / "other");
  REQUIRE(copy_versions(**store, **other, {*set}, no_progress()));
  for (auto* one : {store->get(), other->get()}) {
    CHECK(find_modelcars(*one, name("a"), pushed.manifest)->size() == 1);
    CHECK(verify(*one, name("a"), pushed.manifest)->problems.empty());
  }
  // One of its layers goes bad.
  test::put(folder.path() / "other/models/a/blobs/sha256" / digest_of("a shell for arm64").hex(), "a shell for arm46");
  CHECK(verify(**other, name("a"), pushed.manifest)->problems.size() == 1);
}

TEST_CASE("a base layer that is not what its digest says makes no modelcar") {
  const Layout layout;
  const auto folder = test::temporary_folder();
  auto store = open_disk_store(folder.path() / "registry");
  const auto pushed = test::pushed(**store, "a", "v1.0.0", small_model());
  const auto base = layout.open(layout.image("amd64"));
  const auto modelcar = planned(base, small_model());
  test::put(layout.folder.path() / "blobs/sha256" / digest_of("a shell for amd64").hex(), "a shell for amd46");
  const auto refused = store_modelcar(**store, name("a"), base, modelcar, no_progress());
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::corrupt);
  CHECK(find_modelcars(**store, name("a"), pushed.manifest)->empty());
}

}  // namespace
}  // namespace mlctl::registry
