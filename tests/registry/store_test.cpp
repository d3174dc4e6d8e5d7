#include "registry/store.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/mount.h>
#include <unistd.h>
#include <vector>

#include "base/process.h"
#include "registry/evidence.h"
#include "registry/push.h"
#include "registry/query.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using test::get;
using test::memory_file;
using test::name;
using test::pushed;
using test::put;
using test::small_model;
using test::temporary_folder;
using test::version;

std::unique_ptr<Store> open_store(const fs::path& root, Disk& disk = real_disk()) {
  auto store = open_disk_store(root, disk);
  REQUIRE_MESSAGE(store, (store ? "" : store.error().message));
  return std::move(*store);
}

std::size_t count_files(const fs::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.is_regular_file() ? 1 : 0;
  return count;
}

fs::path blob_of(const fs::path& root, const std::string& model, const Digest& digest) {
  return root / "models" / model / "blobs/sha256" / digest.hex();
}

TEST_CASE("a registry without a folder is refused, not put where we stand") {
  const auto store = open_disk_store("");
  REQUIRE_FALSE(store);
  CHECK(store.error().kind == Error::Kind::usage);
}

TEST_CASE("push makes a version visible, the same again is a no-op, other content a conflict") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path() / "registry");
  const auto first = pushed(*store, "fraud/credit-risk", "v1.0.0", small_model());
  CHECK_FALSE(first.existed);
  CHECK(first.files == 4);
  CHECK(first.bytes == 14 + 2 + 5 + 5);
  CHECK(first.bytes_written > 0);
  CHECK(first.manifest == pack_digest(small_model())->digest);
  const std::string index = get(folder.path() / "registry/models/fraud/credit-risk/index.json");

  const auto again = pushed(*store, "fraud/credit-risk", "v1.0.0", small_model());
  CHECK(again.existed);
  CHECK(again.bytes_written == 0);
  CHECK(again.manifest == first.manifest);
  CHECK(get(folder.path() / "registry/models/fraud/credit-risk/index.json") == index);

  const auto other = small_model("{\"learner\":[1]}");
  auto refused = push(*store, name("fraud/credit-risk"), other, version("v1.0.0"), {}, no_progress());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::conflict);
  CHECK(refused.error().message.find(to_string(first.manifest)) != std::string::npos);
  CHECK(refused.error().message.find(to_string(pack_digest(other)->digest)) != std::string::npos);
  CHECK(refused.error().hint.find("mlctl push fraud/credit-risk --version v1.0.1") != std::string::npos);
  CHECK(find_version(*store, name("fraud/credit-risk"), version("v1.0.0"))->value().digest == first.manifest);
}

TEST_CASE("the layout on disk is an OCI image layout") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  const auto report = pushed(*store, "credit-risk", "v1.0.0+b", small_model());
  const auto model = folder.path() / "models/credit-risk";
  CHECK(get(model / "oci-layout") == "{\"imageLayoutVersion\":\"1.0.0\"}");
  const auto index = get(model / "index.json");
  CHECK(index.find("\"org.opencontainers.image.ref.name\": \"v1.0.0_b\"") != std::string::npos);
  CHECK(index.find("\"org.opencontainers.image.ref.name\": \"image-v1.0.0_b\"") != std::string::npos);
  CHECK(digest_of(get(blob_of(folder.path(), "credit-risk", report.manifest))) == report.manifest);
  CHECK(digest_of(get(blob_of(folder.path(), "credit-risk", report.image))) == report.image);
  for (const auto& entry : fs::directory_iterator(model / "blobs/sha256"))
    CHECK(digest_of(get(entry.path())).hex() == entry.path().filename().string());
}

TEST_CASE("skopeo copies the image") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  pushed(*store, "credit-risk", "v1.0.0", small_model());
  const std::string from = "oci:" + (folder.path() / "models/credit-risk").string() + ":image-v1.0.0";
  const std::string to = "dir:" + (folder.path() / "copy").string();
  auto done =
      run_process({{"skopeo", "copy", "--insecure-policy", from, to}, {}, folder.path()}, std::chrono::seconds(60));
  if (!done) {
    MESSAGE("skipped: " << done.error().message);
    return;
  }
  CHECK_MESSAGE(done->exit_code == 0, done->output);
}

TEST_CASE("an index that is empty, cut or gone is damage, not a model without versions") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  pushed(*store, "a", "v1.0.0", small_model());
  for (const char* text : {"", "{", "{\"manifests\": [{}]}"}) {
    CAPTURE(text);
    put(folder.path() / "models/a/index.json", text);
    CHECK(list_versions(*store, name("a")).error().kind == Error::Kind::corrupt);
    CHECK(push(*store, name("a"), small_model("{\"learner\":2}"), *parse_version("v1.0.0"), {}, no_progress())
              .error()
              .kind == Error::Kind::corrupt);
  }
  fs::remove(folder.path() / "models/a/index.json");
  const auto blobs = count_files(folder.path() / "models/a/blobs");
  CHECK(list_versions(*store, name("a")).error().kind == Error::Kind::corrupt);
  CHECK(list_models(*store)->size() == 1);
  CHECK(store->collect_garbage(name("a"), false).error().kind == Error::Kind::corrupt);
  auto fresh = open_store(folder.path());
  CHECK(push(*fresh, name("a"), small_model(), *parse_version("v1.0.0"), {}, no_progress()).error().kind ==
        Error::Kind::corrupt);
  CHECK_FALSE(fs::exists(folder.path() / "models/a/index.json"));
  CHECK(count_files(folder.path() / "models/a/blobs") == blobs);
}

TEST_CASE("a version that stands twice in the index is damage") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  pushed(*store, "a", "v1.0.0", small_model());
  pushed(*store, "a", "v2.0.0", small_model("{\"learner\":2}"));
  const auto path = folder.path() / "models/a/index.json";
  std::string text = get(path);
  const std::string tag = "\"v2.0.0\"";
  text.replace(text.find(tag), tag.size(), "\"v1.0.0\"");
  put(path, text);
  const auto seen = list_versions(*store, name("a"));
  REQUIRE_FALSE(seen);
  CHECK(seen.error().kind == Error::Kind::corrupt);
  CHECK(seen.error().message.find("v1.0.0 is there twice") != std::string::npos);
}

TEST_CASE("pushing again puts back an image that the index lost") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  const auto report = pushed(*store, "a", "v1.0.0", small_model());
  const auto path = folder.path() / "models/a/index.json";
  auto index = nlohmann::json::parse(get(path));
  auto& entries = index["manifests"];
  REQUIRE(entries.size() == 2);
  entries.erase(1);
  put(path, index.dump());
  CHECK_FALSE(verify(*store, name("a"), report.manifest)->problems.empty());
  pushed(*store, "a", "v1.0.0", small_model());
  CHECK(verify(*store, name("a"), report.manifest)->problems.empty());
  CHECK(list_versions(*store, name("a"))->at(0).image == report.image);
}

TEST_CASE("list, find and describe") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  CHECK(list_models(*store)->empty());
  CHECK(list_versions(*store, name("a"))->empty());
  const auto first = pushed(*store, "a", "v1.10.0", small_model());
  pushed(*store, "a", "v1.9.0", small_model("{\"learner\":1}"));
  pushed(*store, "a", "v1.10.0-rc.1", small_model());
  pushed(*store, "fraud/b", "v0.0.1", small_model());
  CHECK(*list_models(*store) == std::vector<ModelName>{name("a"), name("fraud/b")});
  const auto versions = list_versions(*store, name("a"));
  REQUIRE(versions);
  REQUIRE(versions->size() == 3);
  CHECK(to_string((*versions)[0].version) == "v1.9.0");
  CHECK(to_string((*versions)[1].version) == "v1.10.0-rc.1");
  CHECK(to_string((*versions)[2].version) == "v1.10.0");
  CHECK((*versions)[2].digest == first.manifest);
  CHECK((*versions)[2].image == first.image);
  CHECK((*versions)[2].files == 4);
  CHECK((*versions)[2].bytes == 26);
  CHECK((*versions)[2].created.size() == 20);
  CHECK(find_digest(*store, name("a"), first.manifest)->size() == 2);
  CHECK_FALSE(find_version(*store, name("a"), version("v3.0.0"))->has_value());
  const auto described = describe(*store, name("a"), first.manifest);
  REQUIRE(described);
  CHECK(described->versions.size() == 2);
  CHECK(described->image == first.image);
  REQUIRE(described->files.size() == 4);
  CHECK(described->files[1].path == "model.json");
  CHECK(described->files[1].digest == digest_of("{\"learner\":{}}"));
  CHECK(describe(*store, name("a"), digest_of("x")).error().kind == Error::Kind::not_found);
  CHECK(describe(*store, name("gone"), first.manifest).error().kind == Error::Kind::not_found);
}

TEST_CASE("verify finds every kind of damage") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  PushMetadata metadata;
  metadata.commit = std::string(40, 'a');
  auto report = push(*store, name("a"), small_model(), version("v1.0.0"), metadata, no_progress());
  REQUIRE(report);
  const auto clean = verify(*store, name("a"), report->manifest);
  REQUIRE(clean);
  CHECK(clean->problems.empty());
  CHECK(clean->layers == 4);
  CHECK(clean->files == 4);
  CHECK(clean->bytes > 4 * 1536);
  CHECK(verify(*store, name("a"), digest_of("x")).error().kind == Error::Kind::not_found);

  // One bit in any blob, or a blob gone, is seen.
  std::vector<fs::path> blobs;
  for (const auto& entry : fs::directory_iterator(folder.path() / "models/a/blobs/sha256"))
    blobs.push_back(entry.path());
  REQUIRE(blobs.size() == 11);  // 4 layers, 2 configurations, 2 manifests; a statement, its manifest, the empty config
  for (const auto& blob : blobs) {
    const std::string bytes = get(blob);
    if (bytes == "{}") continue;  // the empty configuration says nothing
    CAPTURE(bytes.substr(0, 200));
    std::string changed = bytes;
    changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
    put(blob, changed);
    auto damaged = verify(*store, name("a"), report->manifest);
    REQUIRE(damaged);
    CHECK_FALSE(damaged->problems.empty());
    fs::remove(blob);
    auto gone = verify(*store, name("a"), report->manifest);
    CHECK((gone ? !gone->problems.empty() : gone.error().kind == Error::Kind::not_found));
    put(blob, bytes);
  }
  CHECK(verify(*store, name("a"), report->manifest)->problems.empty());
}

TEST_CASE("pushing again mends a blob that went bad") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  const auto report = pushed(*store, "a", "v1.0.0", small_model());
  const auto layer = describe(*store, name("a"), report.manifest)->layers[0].digest;
  std::string bytes = get(blob_of(folder.path(), "a", layer));
  bytes[600] = 'x';
  put(blob_of(folder.path(), "a", layer), bytes);
  CHECK_FALSE(verify(*store, name("a"), report.manifest)->problems.empty());
  CHECK(pushed(*store, "a", "v1.0.0", small_model()).existed);
  CHECK(verify(*store, name("a"), report.manifest)->problems.empty());
}

TEST_CASE("a folder that is no registry, or one of a newer format, is refused and stays as it is") {
  const auto folder = temporary_folder();
  const auto root = folder.path() / "r";
  SUBCASE("something else") {
    put(root / "thesis.doc", "x");
    auto store = open_disk_store(root);
    REQUIRE_FALSE(store);
    CHECK(store.error().kind == Error::Kind::usage);
    CHECK(count_files(root) == 1);
  }
  SUBCASE("a file") {
    put(root, "x");
    CHECK(open_disk_store(root).error().kind == Error::Kind::usage);
  }
  SUBCASE("newer") {
    put(root / "mlctl-registry.json", "{\"kind\":\"mlctl-registry\",\"formatVersion\":2}");
    auto store = open_disk_store(root);
    REQUIRE_FALSE(store);
    CHECK(store.error().kind == Error::Kind::usage);
    CHECK(store.error().hint == "use a newer mlctl");
  }
  SUBCASE("a mark that is none") {
    put(root / "mlctl-registry.json", "[1");
    CHECK(open_disk_store(root).error().kind == Error::Kind::corrupt);
  }
  SUBCASE("became something else between opening and writing") {
    auto store = open_store(root);
    put(root / "thesis.doc", "x");
    CHECK(push(*store, name("a"), small_model(), version("v1.0.0"), {}, no_progress()).error().kind ==
          Error::Kind::usage);
    CHECK(count_files(root) == 1);
  }
  SUBCASE("an index that is none") {
    auto store = open_store(root);
    pushed(*store, "a", "v1.0.0", small_model());
    for (const char* text : {"", "x", "[]", "{\"manifests\":[1]}", "{\"manifests\":[{\"mediaType\":\"a\"}]}"}) {
      CAPTURE(text);
      put(root / "models/a/index.json", *text == '\0' ? " " : text);
      CHECK(list_versions(*store, name("a")).error().kind == Error::Kind::corrupt);
      CHECK_FALSE(push(*store, name("a"), small_model(), version("v1.0.1"), {}, no_progress()));
    }
  }
}

TEST_CASE("reading makes nothing") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path() / "registry");
  CHECK(list_models(*store)->empty());
  CHECK(list_versions(*store, name("a"))->empty());
  CHECK_FALSE(fs::exists(folder.path() / "registry"));
}

TEST_CASE("entries of other tools stay in the index") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  pushed(*store, "a", "v1.0.0", small_model());
  const auto path = folder.path() / "models/a/index.json";
  std::string text = get(path);
  const std::string foreign =
      "{\"mediaType\":\"application/x\",\"digest\":\"" + to_string(digest_of("f")) + "\",\"size\":1},";
  text.insert(text.find('[') + 1, foreign);
  put(path, text);
  pushed(*store, "a", "v1.0.1", small_model("{\"learner\":2}"));
  CHECK(get(path).find(to_string(digest_of("f"))) != std::string::npos);
  CHECK(list_versions(*store, name("a"))->size() == 2);
}

// Lets `budget` bytes through, then says that the disk is full.
struct FullDisk : Disk {
  std::mutex mutex;  // push writes its layers side by side
  std::uint64_t budget = 0;
  int failing_rename = -1;  // counts down; the one at 0 fails
  long write(int fd, const void* data, std::size_t size) override {
    const std::lock_guard lock(mutex);
    if (budget == 0) {
      errno = ENOSPC;
      return -1;
    }
    const auto part = std::min<std::uint64_t>(budget, size);
    budget -= part;
    return Disk::write(fd, data, part);
  }
  int rename(const char* from, const char* to) override {
    const std::lock_guard lock(mutex);
    if (failing_rename-- == 0) {
      errno = EIO;
      return -1;
    }
    return Disk::rename(from, to);
  }
};

TEST_CASE("a disk that fills up at any byte leaves the old state, and the next push finishes") {
  const auto folder = temporary_folder();
  FullDisk disk;
  disk.budget = 1'000'000;
  auto store = open_store(folder.path(), disk);
  const auto old = pushed(*store, "a", "v1.0.0", small_model());
  const auto next = small_model("{\"learner\":3}");
  int failures = 0;
  for (disk.budget = 0;; ++failures) {
    const auto given = disk.budget;
    CAPTURE(given);
    auto full = open_store(folder.path(), disk);
    auto report = push(*full, name("a"), next, version("v1.1.0"), {}, no_progress());
    if (report) break;
    CHECK(report.error().kind == Error::Kind::unavailable);
    CHECK(report.error().message.find("No space left") != std::string::npos);
    CHECK(list_versions(*full, name("a"))->size() == 1);
    CHECK(verify(*full, name("a"), old.manifest)->problems.empty());
    disk.budget = given + 331;
  }
  CHECK(failures > 20);
  disk.budget = 1'000'000;
  CHECK(list_versions(*store, name("a"))->size() == 2);
  for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
    CHECK(entry.path().filename().string().rfind(".mlctl-", 0) != 0);
}

TEST_CASE("a rename that fails at any point leaves the old state") {
  int failures = 0;
  for (;; ++failures) {
    const auto folder = temporary_folder();  // what a failed push has stored is not stored again
    FullDisk disk;
    disk.budget = 1'000'000'000;
    auto store = open_store(folder.path(), disk);
    const auto old = pushed(*store, "a", "v1.0.0", small_model());
    disk.failing_rename = failures;
    auto report = push(*store, name("a"), small_model("{\"learner\":4}"), version("v1.1.0"), {}, no_progress());
    if (report) break;
    CHECK(list_versions(*store, name("a"))->size() == 1);
    CHECK(verify(*store, name("a"), old.manifest)->problems.empty());
  }
  CHECK(failures == 9);  // four layers, two configurations, two manifests, the index
}

// A tmpfs over a folder while it lives; false where that is not allowed.
class Mount {
 public:
  Mount(const fs::path& path, unsigned long flags)
      : path_(path), there_(::geteuid() == 0 && ::mount("tmpfs", path.c_str(), "tmpfs", flags, "size=1m") == 0) {}
  ~Mount() {
    if (there_) ::umount(path_.c_str());
  }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  explicit operator bool() const { return there_; }

 private:
  fs::path path_;
  bool there_;
};

TEST_CASE("a real disk that is full") {
  const auto folder = temporary_folder();
  const Mount mount(folder.path(), 0);
  if (!mount) {
    MESSAGE("skipped: a small tmpfs needs root and the right to mount");
    return;
  }
  auto store = open_store(folder.path() / "registry");
  const auto old = pushed(*store, "a", "v1.0.0", small_model());
  const std::vector<ModelFile> big{memory_file("model.json", "{\"learner\":\"" + std::string(2U << 20U, 'x') + "\"}")};
  auto report = push(*store, name("a"), big, version("v1.1.0"), {}, no_progress());
  REQUIRE_FALSE(report);
  CHECK(report.error().kind == Error::Kind::unavailable);
  CHECK_FALSE(report.error().hint.empty());
  CHECK(list_versions(*store, name("a"))->size() == 1);
  CHECK(verify(*store, name("a"), old.manifest)->problems.empty());
  pushed(*store, "a", "v1.1.0", small_model("{\"learner\":5}"));
}

TEST_CASE("a read-only registry") {
  const auto folder = temporary_folder();
  const Mount mount(folder.path(), MS_RDONLY);
  if (!mount && ::geteuid() == 0) {
    MESSAGE("skipped: root writes everywhere, and may not mount here");
    return;
  }
  if (!mount) fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  auto store = open_store(folder.path());
  auto report = push(*store, name("a"), small_model(), version("v1.0.0"), {}, no_progress());
  REQUIRE_FALSE(report);
  CHECK(report.error().kind == Error::Kind::unavailable);
  if (!mount) fs::permissions(folder.path(), fs::perms::owner_all);
}

}  // namespace
}  // namespace mlctl::registry
