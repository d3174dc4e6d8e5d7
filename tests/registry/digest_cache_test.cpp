#include "registry/digest_cache.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <utime.h>

#include "registry/pack.h"
#include "registry/query.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using test::get;
using test::name;
using test::put;
using test::temporary_folder;
using test::version;

constexpr std::int64_t one_second = 1'000'000'000;

std::int64_t wall_of(const ManualClock& clock) {
  return clock.wall().time_since_epoch().count() * one_second;
}

fs::path only_file(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) return entry.path();
  return {};
}

TEST_CASE("what is remembered is found by the next process, by key and stamp") {
  const auto folder = temporary_folder();
  ManualClock clock;
  const FileIdentity file{"a b.bin", "1 2 3", wall_of(clock) - 10 * one_second};
  {
    DigestCache cache(folder.path(), "/m", clock);
    CHECK_FALSE(cache.format(file));
    cache.remember(file, Format::onnx);
    cache.remember(file, digest_of("x"));
    cache.remember_layer(digest_of("key"), {digest_of("layer"), 7, digest_of("tar")});
  }
  struct stat info{};
  REQUIRE(::stat(only_file(folder.path()).c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600U);
  DigestCache cache(folder.path(), "/m", clock);
  CHECK(cache.format(file) == Format::onnx);
  CHECK(cache.digest(file) == digest_of("x"));
  CHECK(cache.layer(digest_of("key"))->size == 7);
  CHECK_FALSE(cache.digest({"a b.bin", "1 2 4", 0}));
  CHECK_FALSE(cache.digest({"other", "1 2 3", 0}));
  CHECK_FALSE(DigestCache(folder.path(), "/other", clock).digest(file));
}

TEST_CASE("a file that changed a moment ago is not remembered") {
  const auto folder = temporary_folder();
  ManualClock clock;
  DigestCache cache(folder.path(), "/m", clock);
  for (const auto ago : {-5 * one_second, std::int64_t{0}, one_second, 2 * one_second - 1}) {
    CAPTURE(ago);
    const FileIdentity file{"a", "1", wall_of(clock) - ago};
    cache.remember(file, Format::onnx);
    CHECK_FALSE(cache.format(file));
  }
  const FileIdentity file{"a", "1", wall_of(clock) - 2 * one_second};
  cache.remember(file, Format::onnx);
  CHECK(cache.format(file));
}

TEST_CASE("a damaged cache is an empty one") {
  const auto folder = temporary_folder();
  ManualClock clock;
  const FileIdentity file{"a", "1", 0};
  {
    DigestCache cache(folder.path(), "/m", clock);
    cache.remember(file, Format::onnx);
    cache.remember(file, digest_of("x"));
  }
  const auto path = only_file(folder.path());
  const auto whole = get(path);
  const auto with_sum = [](const std::string& body) { return body + digest_of(body).hex() + "\n"; };
  const auto head = whole.substr(0, whole.find('\n') + 1);
  CHECK(with_sum(whole.substr(0, whole.size() - 65)) == whole);
  struct Case {
    const char* name;
    std::string text;
  };
  const auto hex = digest_of("x").hex();
  for (const auto& c : std::vector<Case>{
           {"empty", ""},
           {"a line's end", "\n"},
           {"cut", whole.substr(0, whole.size() - 20)},
           {"a byte changed", std::string(whole).replace(head.size() + 8, 1, "~")},
           {"no checksum", whole.substr(0, whole.size() - 65)},
           {"another head",
            with_sum("mlctl-digests 9 x /m\n" + whole.substr(head.size(), whole.size() - 65 - head.size()))},
           {"an unknown line", with_sum(head + "f onnx " + hex + " 1\ta\nz\n")},
           {"an unknown format", with_sum(head + "f what " + hex + " 1\ta\n")},
           {"no digest", with_sum(head + "f onnx zz 1\ta\n")},
           {"no key", with_sum(head + "f onnx " + hex + " 1 a\n")},
           {"a layer without size",
            with_sum(head + "f onnx " + hex + " 1\ta\nl " + hex + " " + hex + " " + hex + " \n")},
           {"a size that is none",
            with_sum(head + "f onnx " + hex + " 1\ta\nl " + hex + " " + hex + " " + hex + " 1x\n")},
       }) {
    CAPTURE(c.name);
    put(path, c.text);
    CHECK_FALSE(DigestCache(folder.path(), "/m", clock).digest(file));
  }
  put(path, whole);
  CHECK(DigestCache(folder.path(), "/m", clock).digest(file) == digest_of("x"));
}

// A folder with old files, and the cache that goes with it.
struct World {
  TemporaryFolder folder = temporary_folder();
  fs::path files = folder.path() / "files";
  World() {
    put(files / "model.json", "{\"learner\":{}}");
    put(files / "big.json", "{\"learner\":\"" + std::string(large_file, 'x') + "\"}");
  }
  // As a process would that looks at the folder an hour later.
  [[nodiscard]] std::vector<ModelFile> collected() {
    clock.advance(std::chrono::hours(24 * 365 * 10));
    auto all = collect_files(files, {}, nullptr, std::make_shared<DigestCache>(folder.path() / "cache", "/m", clock));
    REQUIRE(all);
    return *all;
  }
  ManualClock clock;
};

// The same, but reading them is an error.
std::vector<ModelFile> unreadable(std::vector<ModelFile> files) {
  for (auto& file : files)
    file.open = [] { return Result<std::unique_ptr<ByteSource>>(Error{Error::Kind::unavailable, "was read", ""}); };
  return files;
}

TEST_CASE("files that did not change are neither read nor written again") {
  World world;
  auto store = open_disk_store(world.folder.path() / "registry");
  REQUIRE(store);
  const auto first = test::pushed(**store, "m", "v1.0.0", world.collected());
  const auto again = test::pushed(**store, "m", "v1.0.1", unreadable(world.collected()));
  CHECK(again.manifest == first.manifest);
  CHECK(again.bytes_written == 0);
  CHECK(pack_digest(unreadable(world.collected()))->digest == first.manifest);
  // Another registry does not have them.
  auto other = open_disk_store(world.folder.path() / "other");
  REQUIRE(other);
  CHECK_FALSE(push(**other, name("m"), unreadable(world.collected()), version("v1.0.0"), {}, no_progress()));
  CHECK(test::pushed(**other, "m", "v1.0.0", world.collected()).manifest == first.manifest);
}

TEST_CASE("a changed file is read again, its neighbours' layers are not") {
  World world;
  auto store = open_disk_store(world.folder.path() / "registry");
  REQUIRE(store);
  const auto first = test::pushed(**store, "m", "v1.0.0", world.collected());
  put(world.files / "model.json", "{\"learner\":[]}");
  auto files = world.collected();
  for (auto& file : files)
    if (file.path == "big.json") file = unreadable({file})[0];
  const auto second = test::pushed(**store, "m", "v1.0.1", files);
  CHECK(second.manifest != first.manifest);
  CHECK(second.bytes_written < 10'000);
  CHECK(verify(**store, name("m"), second.manifest)->problems.empty());
}

TEST_CASE("a cache that is wrong about a file cannot make a version of bytes that are not there") {
  World world;
  auto store = open_disk_store(world.folder.path() / "registry");
  REQUIRE(store);
  auto files = world.collected();
  for (const auto& file : files) file.cache->remember(file.identity, digest_of("something else"));
  const auto layers = plan_layers(files);
  for (const auto& plan : *layers) CHECK_FALSE(known_layer(plan));
  CHECK(verify(**store, name("m"), test::pushed(**store, "m", "v1.0.0", files).manifest)->problems.empty());
}

}  // namespace
}  // namespace mlctl::registry
