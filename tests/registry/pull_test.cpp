#include "registry/pull.h"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>
#include <functional>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "registry/oci.h"
#include "registry/push.h"
#include "registry/query.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using test::get;
using test::link_file;
using test::memory_file;
using test::name;
using test::pushed;
using test::put;
using test::small_model;
using test::temporary_folder;

struct World {
  TemporaryFolder folder = temporary_folder();
  std::unique_ptr<Store> store = [this] {
    auto opened = open_disk_store(folder.path() / "registry");
    REQUIRE(opened);
    return std::move(*opened);
  }();
  fs::path out = folder.path() / "out";
  Digest digest;

  explicit World(std::vector<ModelFile> files = model()) { digest = pushed(*store, "a", "v1.0.0", files).manifest; }
  static std::vector<ModelFile> model() {
    auto files = small_model();
    files[2].executable = true;
    files.push_back(memory_file("deep/er/tokens.txt", "t"));
    files.push_back(link_file("deep/current", "../model.json"));
    return files;
  }
  Result<PullReport> pull_it() { return pull(*store, name("a"), digest, out, no_progress()); }
};

TEST_CASE("pull gives back what was pushed, and keeps what is right") {
  World world;
  auto first = world.pull_it();
  REQUIRE(first);
  CHECK(first->files == 6);
  CHECK(first->kept == 0);
  CHECK(first->bytes == 27);
  CHECK(get(world.out / "model.json") == "{\"learner\":{}}");
  CHECK(get(world.out / "deep/er/tokens.txt") == "t");
  CHECK(fs::read_symlink(world.out / "deep/current") == "../model.json");
  CHECK(get(world.out / "deep/current") == "{\"learner\":{}}");
  CHECK((fs::status(world.out / "serve.py").permissions() & fs::perms::all) == static_cast<fs::perms>(0755));
  CHECK((fs::status(world.out / "model.json").permissions() & fs::perms::all) == static_cast<fs::perms>(0644));
  // What comes out packs to the same digest.
  CHECK(pack_digest(*collect_files(world.out, FileRules{}))->digest == world.digest);

  auto second = world.pull_it();
  REQUIRE(second);
  CHECK(second->kept == 6);
  CHECK(second->bytes == 0);
}

TEST_CASE("pull mends what is wrong and leaves what is not its own") {
  World world;
  REQUIRE(world.pull_it());
  put(world.out / "mine.txt", "mine");
  put(world.out / "model.json", "{\"learner\":[]}");  // same size, other bytes
  fs::permissions(world.out / "serve.py", fs::perms::owner_read);
  fs::remove(world.out / "deep/current");
  put(world.out / "deep/current", "a file where a link should be");
  auto report = world.pull_it();
  REQUIRE(report);
  CHECK(report->kept == 3);
  CHECK(get(world.out / "mine.txt") == "mine");
  CHECK(get(world.out / "model.json") == "{\"learner\":{}}");
  CHECK(fs::is_symlink(world.out / "deep/current"));
}

TEST_CASE("pull that is to keep what is there stops at the first other file, and leaves it") {
  World world;
  const auto keeping = [&] {
    return pull(*world.store, name("a"), world.digest, world.out, no_progress(), real_disk(), Existing::keep);
  };
  put(world.out / "mine.txt", "mine");
  REQUIRE(keeping());
  CHECK(keeping()->kept == 6);
  struct Case {
    const char* name;
    std::function<void(const fs::path&)> change;
  };
  const Case cases[] = {
      {"other bytes", [](const fs::path& out) { put(out / "model.json", "{\"learner\":[]}"); }},
      {"a link where a file should be",
       [](const fs::path& out) {
         fs::remove(out / "model.json");
         fs::create_symlink("mine.txt", out / "model.json");
       }},
      {"another link",
       [](const fs::path& out) {
         fs::remove(out / "deep/current");
         fs::create_symlink("er", out / "deep/current");
       }},
      {"another mode", [](const fs::path& out) { fs::permissions(out / "serve.py", fs::perms::owner_read); }},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    one.change(world.out);
    const auto refused = keeping();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::conflict);
    CHECK(get(world.out / "mine.txt") == "mine");
    REQUIRE(world.pull_it());
    CHECK(keeping()->kept == 6);
  }
}

TEST_CASE("what a killed pull left beside is cleaned up and never packed") {
  World world;
  put(world.out / ".mlctl-abc123.tmp", "half");
  put(world.out / "deep/er/.mlctl-abc124.tmp", "half");
  CHECK_FALSE(collect_files(world.out, FileRules{}));
  REQUIRE(world.pull_it());
  CHECK_FALSE(fs::exists(world.out / ".mlctl-abc123.tmp"));
  CHECK_FALSE(fs::exists(world.out / "deep/er/.mlctl-abc124.tmp"));
}

// A store whose blobs end in an error after some bytes, and which remembers from where they were asked for.
struct Cut : Store {
  Cut(Store& whole, std::uint64_t after) : store(whole), left(after) {}
  struct Source : ByteSource {
    Source(Cut& cut, std::unique_ptr<ByteSource> whole) : owner(cut), source(std::move(whole)) {}
    Result<std::size_t> read(char* into, std::size_t size) override {
      const std::lock_guard lock(owner.mutex);  // layers are read side by side
      if (owner.left == 0) return Error{Error::Kind::unavailable, "the wire was cut", ""};
      auto got = source->read(into, static_cast<std::size_t>(std::min<std::uint64_t>(size, owner.left)));
      if (got) owner.left -= *got;
      return got;
    }
    Cut& owner;
    std::unique_ptr<ByteSource> source;
  };
  [[nodiscard]] std::string name() const override { return store.name(); }
  Result<std::vector<ModelName>> models() override { return store.models(); }
  Result<bool> has_blob(const ModelName& model, const Digest& digest, std::uint64_t size) override {
    return store.has_blob(model, digest, size);
  }
  Result<std::unique_ptr<BlobWriter>> new_blob(const ModelName& model, const BlobHint& hint) override {
    return store.new_blob(model, hint);
  }
  Result<std::unique_ptr<ByteSource>> open_blob(const ModelName& model, const Digest& digest,
                                                std::uint64_t offset) override {
    {
      const std::lock_guard lock(mutex);
      offsets.push_back(offset);
    }
    auto source = store.open_blob(model, digest, offset);
    if (!source) return source;
    return std::unique_ptr<ByteSource>(std::make_unique<Source>(*this, std::move(*source)));
  }
  Result<std::string> read_blob(const ModelName& model, const Digest& digest, std::uint64_t limit) override {
    return store.read_blob(model, digest, limit);
  }
  Status put_blob(const ModelName& model, std::string_view bytes) override { return store.put_blob(model, bytes); }
  Result<std::string> read_manifest(const ModelName& model, const Digest& digest) override {
    return store.read_manifest(model, digest);
  }
  Result<Published> publish(const ModelName& model, const Publication& publication,
                            const PublicationTexts& texts) override {
    return store.publish(model, publication, texts);
  }
  Result<std::optional<Publication>> find(const ModelName& model, const Version& version) override {
    return store.find(model, version);
  }
  Result<std::vector<Publication>> publications(const ModelName& model) override { return store.publications(model); }
  Status put_referrer(const ModelName& model, const Digest& subject, const Descriptor& manifest,
                      std::string_view text) override {
    return store.put_referrer(model, subject, manifest, text);
  }
  Result<std::vector<Descriptor>> referrers(const ModelName& model, const Digest& subject) override {
    return store.referrers(model, subject);
  }

  std::mutex mutex;
  Store& store;
  std::uint64_t left;
  std::vector<std::uint64_t> offsets;
};

TEST_CASE("a large file goes on where an earlier pull was cut off, and is still checked from its first byte") {
  std::string bytes(24'000'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13U);
  World world({memory_file("weights.bin", bytes), memory_file("a.json", "{}")});
  const auto files_there = [&] { return std::distance(fs::directory_iterator(world.out), fs::directory_iterator()); };
  Cut cut(*world.store, 20'000'000);  // the pump may be 8 MiB ahead of the file
  REQUIRE_FALSE(pull(cut, name("a"), world.digest, world.out, no_progress()));
  CHECK_FALSE(fs::exists(world.out / "weights.bin"));
  fs::path part;
  for (const auto& entry : fs::directory_iterator(world.out))
    if (entry.path().extension() == ".part") part = entry.path();
  REQUIRE_FALSE(part.empty());
  REQUIRE(fs::file_size(part) > 1'000'000);
  const auto kept = fs::file_size(part);

  Cut rest(*world.store, 1U << 30U);
  SUBCASE("only the rest is asked for") {
    put(world.out / ".mlctl-0123.part", "of another version");
    REQUIRE(pull(rest, name("a"), world.digest, world.out, no_progress()));
    const auto from = *std::max_element(rest.offsets.begin(), rest.offsets.end());
    CHECK(from > kept);
    CHECK(from < kept + 10'000);
  }
  SUBCASE("what went bad meanwhile is fetched anew") {
    std::string spoilt = get(part);
    spoilt[1000] ^= 1;
    put(part, spoilt);
    REQUIRE(pull(rest, name("a"), world.digest, world.out, no_progress()));
  }
  SUBCASE("what is longer than the file is begun anew") {
    put(part, bytes + "more");
    REQUIRE(pull(rest, name("a"), world.digest, world.out, no_progress()));
  }
  SUBCASE("nothing is written through another name of a file") {
    put(world.folder.path() / "precious", std::string(kept, 'p'));
    fs::remove(part);
    fs::create_hard_link(world.folder.path() / "precious", part);
    REQUIRE(pull(rest, name("a"), world.digest, world.out, no_progress()));
    CHECK(get(world.folder.path() / "precious") == std::string(kept, 'p'));
  }
  SUBCASE("cut off again: it has more than before") {
    Cut again(*world.store, 500'000);
    REQUIRE_FALSE(pull(again, name("a"), world.digest, world.out, no_progress()));
    CHECK(fs::file_size(part) >= kept);
    REQUIRE(pull(rest, name("a"), world.digest, world.out, no_progress()));
  }
  CHECK(get(world.out / "weights.bin") == bytes);
  CHECK(files_there() == 2);
}

TEST_CASE("a link in the folder leads nothing out of it") {
  World world;
  const auto outside = world.folder.path() / "outside";
  fs::create_directories(outside);
  fs::create_directories(world.out);
  SUBCASE("a folder that is a link") {
    fs::create_directory_symlink(outside, world.out / "deep");
    auto report = world.pull_it();
    REQUIRE_FALSE(report);
    CHECK(report.error().kind == Error::Kind::usage);
    CHECK(fs::is_empty(outside));
  }
  SUBCASE("a file that is a link is replaced, its target stays") {
    put(outside / "victim", "precious");
    fs::create_symlink(outside / "victim", world.out / "model.json");
    REQUIRE(world.pull_it());
    CHECK(get(outside / "victim") == "precious");
    CHECK_FALSE(fs::is_symlink(world.out / "model.json"));
  }
  SUBCASE("the folder itself may be a link") {
    fs::remove(world.out);
    fs::create_directory_symlink(outside, world.out);
    REQUIRE(world.pull_it());
    CHECK(get(outside / "model.json") == "{\"learner\":{}}");
  }
}

TEST_CASE("a manifest whose paths escape writes nothing") {
  World world;
  auto manifest = *world.store->read_blob(name("a"), world.digest, manifest_limit);
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {R"(\"path\":\"model.json\")", R"(\"path\":\"../odel.json\")"},
           {R"(\"path\":\"model.json\")", R"(\"path\":\"/tmp/json\")"},
           {R"(\"link\":\"../model.json\")", R"(\"link\":\"../../../etc\")"},
       }) {
    std::string changed = manifest;
    const auto at = changed.find(from);
    REQUIRE(at != std::string::npos);
    changed.replace(at, from.size(), to);
    REQUIRE(world.store->put_blob(name("a"), changed));
    auto report = pull(*world.store, name("a"), digest_of(changed), world.out, no_progress());
    REQUIRE_FALSE(report);
    CHECK(report.error().kind == Error::Kind::corrupt);
    CHECK_FALSE(fs::exists(world.out));
  }
}

TEST_CASE("corrupt blobs are told, and no wrong file appears under its name") {
  World world;
  const auto layers = describe(*world.store, name("a"), world.digest)->layers;
  const auto blob = world.folder.path() / "registry/models/a/blobs/sha256" / layers[0].digest.hex();
  const std::string bytes = get(blob);
  for (const std::size_t at : {std::size_t{3}, std::size_t{515}, bytes.size() - 1}) {
    CAPTURE(at);
    std::string changed = bytes;
    changed[at] = 'X';
    put(blob, changed);
    fs::remove_all(world.out);
    auto report = world.pull_it();
    REQUIRE_FALSE(report);
    CHECK(report.error().kind == Error::Kind::corrupt);
    if (fs::exists(world.out / "model.json")) CHECK(get(world.out / "model.json") == "{\"learner\":{}}");
  }
  put(blob, bytes.substr(0, 700));
  fs::remove_all(world.out);
  CHECK(world.pull_it().error().kind == Error::Kind::corrupt);
  put(blob, bytes);
  CHECK(world.pull_it());
}

TEST_CASE("pull of what is not there") {
  World world;
  CHECK(pull(*world.store, name("a"), digest_of("x"), world.out, no_progress()).error().kind == Error::Kind::not_found);
  CHECK(pull(*world.store, name("b"), world.digest, world.out, no_progress()).error().kind == Error::Kind::not_found);
  CHECK_FALSE(fs::exists(world.out));
}

struct FullDisk : Disk {
  std::mutex mutex;  // layers are pulled side by side
  std::uint64_t budget = 0;
  long write(int fd, const void* data, std::size_t size) override {
    const std::lock_guard lock(mutex);
    if (budget >= size) {
      budget -= size;
      return Disk::write(fd, data, size);
    }
    errno = ENOSPC;
    return -1;
  }
};

TEST_CASE("a pull that runs out of disk resumes") {
  World world;
  FullDisk disk;
  disk.budget = 16;  // the weights (14) or the rest (13)
  auto cut = pull(*world.store, name("a"), world.digest, world.out, no_progress(), disk);
  REQUIRE_FALSE(cut);
  CHECK(cut.error().kind == Error::Kind::unavailable);
  auto rest = world.pull_it();
  REQUIRE(rest);
  CHECK(get(world.out / "model.json") == "{\"learner\":{}}");
  CHECK(rest->kept >= 1);
  CHECK(rest->bytes < 27);
}

TEST_CASE("what stands in the way of a pull is named, and nothing half-written stays") {
  const auto folder = test::temporary_folder();
  auto store = open_disk_store(folder.path() / "registry");
  REQUIRE(store);
  auto files = test::small_model();
  files.push_back(test::link_file("current", "model.json"));
  const auto digest = test::pushed(**store, "a", "v1.0.0", files).manifest;
  const auto out = folder.path() / "out";
  const auto refused = [&](const fs::path& into, const std::string& words) {
    CAPTURE(words);
    auto report = pull(**store, test::name("a"), digest, into, no_progress());
    REQUIRE(!report);
    CHECK(report.error().kind == Error::Kind::usage);
    CHECK(report.error().message.find(words) != std::string::npos);
    CHECK(!report.error().hint.empty());
    for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
      CHECK(entry.path().filename().string().rfind(".mlctl-", 0) != 0);
  };
  test::put(folder.path() / "file", "");
  refused(folder.path() / "file", "not a folder");
  refused(folder.path() / "file" / "below", "file: not a folder");
  fs::create_symlink("nowhere", folder.path() / "dangling");
  refused(folder.path() / "dangling", "a link that leads to no folder");
  CHECK(!fs::exists(folder.path() / "nowhere"));
  for (const char* name : {"model.json", "current"}) {
    fs::remove_all(out);
    fs::create_directories(out / name / "inside");
    refused(out, std::string(name) + ": a folder, where a file of the model belongs");
    CHECK(fs::exists(out / name / "inside"));
  }
}

}  // namespace
}  // namespace mlctl::registry
