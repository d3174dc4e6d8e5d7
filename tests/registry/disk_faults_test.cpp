// Every system call that touches the disk fails once, one after another, in what writes to a registry or a folder: the
// old state stays, and the next run finishes.
#include <cerrno>
#include <doctest/doctest.h>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "registry/copy.h"
#include "registry/evidence.h"
#include "registry/pull.h"
#include "registry/push.h"
#include "registry/query.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using test::get;
using test::name;
using test::pushed;
using test::small_model;
using test::temporary_folder;

// The call number `failing` fails with `code`; fewer calls: none does.
struct FailingDisk : Disk {
  std::mutex mutex;  // several blobs are written side by side
  int failing = -1, code = ENOSPC, calls = 0;

  bool fails() {
    const std::lock_guard lock(mutex);
    if (calls++ != failing) return false;
    errno = code;
    return true;
  }
  long write(int fd, const void* data, std::size_t size) override { return fails() ? -1 : Disk::write(fd, data, size); }
  int fsync(int fd) override { return fails() ? -1 : Disk::fsync(fd); }
  int syncfs(int fd) override { return fails() ? -1 : Disk::syncfs(fd); }
  int rename(const char* from, const char* to) override { return fails() ? -1 : Disk::rename(from, to); }
};

bool is_whole(Store& store, const Digest& digest) {
  const auto report = verify(store, name("a"), digest);
  REQUIRE(report);
  for (const auto& problem : report->problems) MESSAGE(problem);
  return report->problems.empty();
}

// A registry with one version, and evidence about it.
struct World {
  TemporaryFolder folder = temporary_folder();
  std::unique_ptr<Store> store = open();
  PushReport version = pushed(*store, "a", "v1.0.0", small_model());

  [[nodiscard]] std::unique_ptr<Store> open() const {
    auto opened = open_disk_store(folder.path() / "from");
    REQUIRE(opened);
    return std::move(*opened);
  }
};

// Runs `work` with every call failing in turn until it meets none; `after` looks at what a failed run left.
int each_call_fails(int code, const std::function<Status(Disk&)>& work, const std::function<void()>& after) {
  for (int failures = 0;; ++failures) {
    CAPTURE(failures);
    FailingDisk disk;
    disk.failing = failures;
    disk.code = code;
    const auto done = work(disk);
    if (disk.calls <= failures) {
      CHECK(done);
      return failures;
    }
    if (!done) CHECK(done.error().kind == Error::Kind::unavailable);
    after();
  }
}

TEST_CASE("a pull whose disk fails at any call leaves only whole files, and the next one finishes") {
  for (const int code : {ENOSPC, EIO}) {
    const World world;
    const auto out = world.folder.path() / "out";
    const int failures = each_call_fails(
        code,
        [&](Disk& disk) {
          fs::remove_all(out);
          auto pulled = pull(*world.store, name("a"), world.version.manifest, out, no_progress(), disk);
          return pulled ? ok() : Status(pulled.error());
        },
        [&] {
          for (const auto& file : small_model())
            if (fs::exists(out / file.path)) CHECK(get(out / file.path).size() == file.size);
          REQUIRE(pull(*world.store, name("a"), world.version.manifest, out, no_progress()));
          CHECK(get(out / "serve.py") == "pass\n");
          for (const auto& entry : fs::recursive_directory_iterator(out))
            CHECK(entry.path().filename().string().rfind(".mlctl-", 0) != 0);
        });
    CHECK(failures >= 3 * 4 + 1);  // write, fsync, rename of each, and one fsync of the folder
  }
}

TEST_CASE("a copy whose disk fails at any call shows no half of a version, and the next one finishes") {
  const World world;
  auto from = world.open();
  REQUIRE(attach(*from, name("a"), world.version.manifest, EvidenceKind::gate,
                 make_statement(name("a"), world.version.manifest, test_result, {{"result", "PASSED"}}), ""));
  const auto publications = from->publications(name("a"));
  REQUIRE(publications);
  const auto set = copy_set(*from, name("a"), publications->front());
  REQUIRE(set);
  const auto to = world.folder.path() / "to";
  const auto copy_once = [&](Disk& disk) {
    auto store = open_disk_store(to, disk);
    REQUIRE(store);
    auto report = copy_versions(*from, **store, {*set}, no_progress());
    return report ? ok() : Status(report.error());
  };
  const int failures = each_call_fails(
      ENOSPC,
      [&](Disk& disk) {
        fs::remove_all(to);
        return copy_once(disk);
      },
      [&] {
        auto store = open_disk_store(to);
        REQUIRE(store);
        const auto seen = list_versions(**store, name("a"));
        REQUIRE(seen);
        if (!seen->empty()) CHECK(is_whole(**store, world.version.manifest));
        REQUIRE(copy_once(real_disk()));
        CHECK(is_whole(**store, world.version.manifest));
        CHECK(evidence(**store, name("a"), world.version.manifest)->size() == 1);
      });
  CHECK(failures > 30);
}

TEST_CASE("evidence whose disk fails at any call is there or not, and the version stays whole") {
  const World world;
  int number = 0;
  const int failures = each_call_fails(
      EIO,
      [&](Disk& disk) {
        auto store = open_disk_store(world.folder.path() / "from", disk);
        REQUIRE(store);
        auto kept = attach(**store, name("a"), world.version.manifest, EvidenceKind::gate,
                           make_statement(name("a"), world.version.manifest, test_result, {{"n", ++number}}), "");
        return kept ? ok() : Status(kept.error());
      },
      [&] {
        CHECK(is_whole(*world.store, world.version.manifest));
        const auto found = evidence(*world.store, name("a"), world.version.manifest);
        REQUIRE(found);
        for (const auto& one : *found) CHECK(one.predicate_type == test_result);
      });
  CHECK(failures > 8);
}

}  // namespace
}  // namespace mlctl::registry
