#include <atomic>
#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/lock.h"
#include "registry/evidence.h"
#include "registry/query.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using test::name;
using test::pushed;
using test::put;
using test::small_model;
using test::temporary_folder;
using test::version;

std::unique_ptr<Store> open_store(const fs::path& root) {
  auto store = open_disk_store(root);
  REQUIRE(store);
  return std::move(*store);
}

std::vector<ModelFile> model_number(int number) {
  return small_model("{\"learner\":" + std::to_string(number) + "}");
}

std::size_t blobs_in(const fs::path& root, const std::string& model) {
  const auto entries = fs::directory_iterator(root / "models" / model / "blobs/sha256");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

GarbageReport collect(Store& store, const std::string& model, bool dry_run = false) {
  auto report = store.collect_garbage(name(model), dry_run);
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  return *report;
}

TEST_CASE("what a refused push left goes; versions and their evidence stay") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  const auto kept = pushed(*store, "a", "v1.0.0", model_number(1));
  REQUIRE(attach(*store, name("a"), kept.manifest, EvidenceKind::gate,
                 make_statement(name("a"), kept.manifest, test_result, {{"result", "PASSED"}}), ""));
  const auto before = blobs_in(folder.path(), "a");
  CHECK(collect(*store, "a").removed.empty());
  CHECK_FALSE(push(*store, name("a"), model_number(2), version("v1.0.0"), {}, no_progress()));
  const auto blobs = folder.path() / "models/a/blobs/sha256";
  put(blobs / ".mlctl-abcdef.tmp", "half of a blob");
  put(blobs / "notes.txt", "of somebody else");
  CHECK(blobs_in(folder.path(), "a") > before + 2);

  const auto would = collect(*store, "a", true);
  CHECK(blobs_in(folder.path(), "a") == before + 1 + would.removed.size());
  std::uint64_t bytes = 0;
  for (const auto& item : would.removed) bytes += fs::file_size(blobs / item.name);
  CHECK(would.bytes == bytes);
  CHECK(would.kept == before);

  const auto did = collect(*store, "a");
  CHECK(did.removed.size() == would.removed.size());
  CHECK(did.bytes == bytes);
  CHECK(blobs_in(folder.path(), "a") == before + 1);
  CHECK(fs::exists(blobs / "notes.txt"));
  CHECK(verify(*store, name("a"), kept.manifest)->problems.empty());
  CHECK(evidence(*store, name("a"), kept.manifest)->size() == 1);
  CHECK(collect(*store, "a").removed.empty());
}

TEST_CASE("a model without any version is collected, one that does not exist is nothing") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  REQUIRE(store_files(*store, name("t/a"), model_number(1), no_progress()));
  CHECK(list_models(*store)->empty());
  CHECK(store->models_with_garbage()->size() == 1);
  CHECK(collect(*store, "t/a").removed.size() == 6);
  CHECK(blobs_in(folder.path(), "t/a") == 0);
  CHECK(collect(*store, "b").removed.empty());
}

TEST_CASE("nothing goes when it is not known what a manifest refers to") {
  const auto folder = temporary_folder();
  auto store = open_store(folder.path());
  const auto report = pushed(*store, "a", "v1.0.0", model_number(1));
  REQUIRE(store_files(*store, name("a"), model_number(2), no_progress()));
  const auto before = blobs_in(folder.path(), "a");
  const auto manifest = folder.path() / "models/a/blobs/sha256" / report.manifest.hex();
  put(manifest, "{}");
  CHECK(store->collect_garbage(name("a"), false).error().kind == Error::Kind::corrupt);
  fs::remove(manifest);
  CHECK(store->collect_garbage(name("a"), false).error().kind == Error::Kind::not_found);
  CHECK(blobs_in(folder.path(), "a") == before - 1);
}

TEST_CASE("from its first blob to its version a push holds the collector off, also over what it found there") {
  const auto folder = temporary_folder();
  const auto collector_waits = [&] {
    auto lock = FileLock::acquire(folder.path() / "models/a/.push", LockKind::exclusive, std::chrono::milliseconds(0));
    return !lock && lock.error().kind == Error::Kind::timeout;
  };
  auto store = open_store(folder.path());
  auto files = store_files(*store, name("a"), model_number(1), no_progress());
  REQUIRE(files);
  CHECK(collector_waits());
  const auto report = publish_files(*store, name("a"), *files, version("v1.0.0"), {});
  REQUIRE(report);
  CHECK_FALSE(collector_waits());
  CHECK(*store->has_blob(name("a"), report->manifest, files->packed.manifest.size()));
  CHECK(collector_waits());
  store.reset();
  CHECK_FALSE(collector_waits());
}

TEST_CASE("collectors beside many pushes: every push ends well and is whole") {
  const auto folder = temporary_folder();
  constexpr int processes = 4, each = 5;
  std::vector<pid_t> pids;
  for (int p = 0; p < processes; ++p) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (int i = 0; i < each; ++i) {
        auto store = open_disk_store(folder.path());
        // The odd ones are the same version with other content: refused, and all their blobs are garbage.
        const auto number = static_cast<std::uint64_t>(p % 2 == 0 ? p : p - 1);
        auto report = push(**store, {"", "a"}, model_number(100 * p + i),
                           {1, number, static_cast<std::uint64_t>(i), "", ""}, {}, no_progress());
        if (!report && report.error().kind != Error::Kind::conflict) ::_exit(1);
      }
      ::_exit(0);
    }
    pids.push_back(pid);
  }
  std::atomic<bool> done{false};
  std::thread collector([&] {
    auto store = open_disk_store(folder.path());
    while (!done)
      if (!(*store)->collect_garbage({"", "a"}, false)) return;
  });
  for (const auto pid : pids) {
    int status = 0;
    CHECK(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
  }
  done = true;
  collector.join();
  auto store = open_store(folder.path());
  const auto versions = list_versions(*store, name("a"));
  REQUIRE(versions);
  CHECK(versions->size() == processes * each / 2);
  for (const auto& one : *versions) CHECK(verify(*store, name("a"), one.digest)->problems.empty());
  collect(*store, "a");
  CHECK(collect(*store, "a").removed.empty());
}

}  // namespace
}  // namespace mlctl::registry
