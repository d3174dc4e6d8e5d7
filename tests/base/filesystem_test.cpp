#include "base/filesystem.h"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <vector>

#include "tests/base/process_help.h"

namespace fs = std::filesystem;
using mlctl::Error;

namespace {

mlctl::TemporaryFolder temporary() {
  auto folder = mlctl::TemporaryFolder::create();
  REQUIRE(folder);
  return *std::move(folder);
}

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// Fails each call as told; errno 0 means: as the real one.
struct FaultyDisk : mlctl::Disk {
  int write_error = 0;
  long room = 1 << 30;          // bytes until write_error
  std::size_t piece = 1 << 30;  // bytes a call takes at most
  int fsync_error = 0;
  int rename_error = 0;

  long write(int fd, const void* data, std::size_t size) override {
    const auto most = std::min({size, piece, static_cast<std::size_t>(room)});
    if (write_error != 0 && most == 0) return errno = write_error, -1;
    const long written = Disk::write(fd, data, most);
    room -= written;
    return written;
  }
  int fsync(int fd) override { return fsync_error != 0 ? (errno = fsync_error, -1) : Disk::fsync(fd); }
  int rename(const char* from, const char* to) override {
    return rename_error != 0 ? (errno = rename_error, -1) : Disk::rename(from, to);
  }
};

}  // namespace

TEST_CASE("a file is read up to its limit") {
  const auto folder = temporary();
  std::ofstream(folder.path() / "f") << std::string(100000, 'x');
  CHECK(mlctl::read_file(folder.path() / "f", 100000)->size() == 100000);
  const auto larger = mlctl::read_file(folder.path() / "f", 99999);
  REQUIRE_FALSE(larger);
  CHECK(larger.error().kind == Error::Kind::usage);
  CHECK(larger.error().message.find("too large") != std::string::npos);
}

TEST_CASE("what cannot be read is an error of the right kind, and nothing hangs") {
  const auto folder = temporary();
  std::ofstream(folder.path() / "f") << "x";
  REQUIRE(::mkfifo((folder.path() / "fifo").c_str(), 0600) == 0);
  fs::create_symlink("nowhere", folder.path() / "dangling");
  struct Case {
    const char* name;
    fs::path path;
    Error::Kind kind;
  };
  const Case cases[] = {{"absent", folder.path() / "none", Error::Kind::not_found},
                        {"below a file", folder.path() / "f/none", Error::Kind::not_found},
                        {"a link to nothing", folder.path() / "dangling", Error::Kind::not_found},
                        {"a folder", folder.path(), Error::Kind::unavailable},
                        {"a FIFO without writer", folder.path() / "fifo", Error::Kind::unavailable},
                        {"a device that never ends", "/dev/zero", Error::Kind::unavailable}};
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto read = mlctl::read_file(c.path, 100);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == c.kind);
  }
}

TEST_CASE("a written file has its bytes and mode, its parents are made, nothing stays beside") {
  const auto folder = temporary();
  const auto path = folder.path() / "a/b/f";
  REQUIRE(mlctl::write_file(path, "one", 0600));
  REQUIRE(mlctl::write_file(path, std::string("t\0wo", 4), 0755));
  CHECK(content(path) == std::string("t\0wo", 4));
  CHECK(fs::status(path).permissions() == static_cast<fs::perms>(0755));
  CHECK(entries(path.parent_path()) == 1);
}

TEST_CASE("pieces of a write are put together") {
  const auto folder = temporary();
  FaultyDisk disk;
  disk.piece = 3;
  REQUIRE(mlctl::write_file(folder.path() / "f", "0123456789", 0644, disk));
  CHECK(content(folder.path() / "f") == "0123456789");
}

TEST_CASE("a write that fails leaves the old file and nothing beside") {
  struct Case {
    const char* name;
    FaultyDisk disk;
    const char* message;
  };
  std::vector<Case> cases(4);
  cases[0].name = "full at once", cases[0].message = "No space left";
  cases[0].disk.write_error = ENOSPC, cases[0].disk.room = 0;
  cases[1].name = "full half-way", cases[1].message = "No space left";
  cases[1].disk.write_error = ENOSPC, cases[1].disk.room = 4;
  cases[2].name = "fsync fails", cases[2].message = "Input/output error";
  cases[2].disk.fsync_error = EIO;
  cases[3].name = "rename refused", cases[3].message = "Read-only file system";
  cases[3].disk.rename_error = EROFS;
  for (auto& c : cases) {
    CAPTURE(c.name);
    const auto folder = temporary();
    REQUIRE(mlctl::write_file(folder.path() / "f", "old"));
    const auto written = mlctl::write_file(folder.path() / "f", "new content", 0644, c.disk);
    REQUIRE_FALSE(written);
    CHECK(written.error().kind == Error::Kind::unavailable);
    CHECK(written.error().message.find(c.message) != std::string::npos);
    CHECK(content(folder.path() / "f") == "old");
    CHECK(entries(folder.path()) == 1);
  }
}

TEST_CASE("a disk that is really full keeps the old file") {
  enum Outcome { good, cannot_mount, wrong };
  const auto folder = temporary();
  // In mounts of its own, which end with the process.
  const int outcome = mlctl::test::in_fork([&]() -> int {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0)
      return cannot_mount;
    const auto path = folder.path() / "f";
    if (!mlctl::write_file(path, std::string(30000, 'o'))) return wrong;
    const auto written = mlctl::write_file(path, std::string(100000, 'n'));
    const bool told = !written && written.error().message.find("No space left on device") != std::string::npos;
    return told && content(path) == std::string(30000, 'o') && entries(folder.path()) == 1 ? good : wrong;
  });
  if (outcome == cannot_mount) {
    MESSAGE("skipped: mounting a small tmpfs needs root");
    return;
  }
  CHECK(outcome == good);
}

TEST_CASE("a writer killed at any moment leaves the old content or the new") {
  const auto folder = temporary();
  const auto path = folder.path() / "f";
  const std::string old_bytes(50000, 'o');
  const std::string new_bytes(70000, 'n');
  REQUIRE(mlctl::write_file(path, old_bytes));
  for (int round = 0; round < 5; ++round) {
    mlctl::test::Fork writer([&] {
      for (;;) {
        static_cast<void>(static_cast<bool>(mlctl::write_file(path, new_bytes)));
        static_cast<void>(static_cast<bool>(mlctl::write_file(path, old_bytes)));
      }
    });
    for (int look = 0; look < 10 * round; ++look) {
      const auto seen = content(path);
      REQUIRE((seen == old_bytes || seen == new_bytes));
    }
    writer.kill();
    const auto left = content(path);
    REQUIRE((left == old_bytes || left == new_bytes));
  }
}

TEST_CASE("folders are made with their parents; what exists must be a folder") {
  const auto folder = temporary();
  CHECK(mlctl::make_folders(folder.path() / "a/b/c/"));
  CHECK(mlctl::make_folders(folder.path() / "a/b/c"));
  CHECK(fs::is_directory(folder.path() / "a/b/c"));
  CHECK(mlctl::make_folders(""));
  std::ofstream(folder.path() / "f") << "x";
  CHECK_FALSE(mlctl::make_folders(folder.path() / "f"));
  CHECK_FALSE(mlctl::make_folders(folder.path() / "f/below"));
}

TEST_CASE("a tree is deleted without following its links; nothing there is success") {
  const auto folder = temporary();
  REQUIRE(mlctl::write_file(folder.path() / "keep/f", "x"));
  REQUIRE(mlctl::make_folders(folder.path() / "gone/deep"));
  fs::create_symlink("../keep", folder.path() / "gone/link");
  CHECK(mlctl::remove_tree(folder.path() / "gone"));
  CHECK(mlctl::remove_tree(folder.path() / "gone"));
  CHECK_FALSE(fs::exists(folder.path() / "gone"));
  CHECK(content(folder.path() / "keep/f") == "x");
}

TEST_CASE("whether a path lies within a folder is judged by where its links lead") {
  const auto folder = temporary();
  const auto root = folder.path() / "root";
  REQUIRE(mlctl::make_folders(root / "sub"));
  REQUIRE(mlctl::make_folders(folder.path() / "root-not"));
  fs::create_symlink("../root-not", root / "out");
  fs::create_symlink("/nowhere/at/all", root / "dangling");
  fs::create_symlink("sub/later", root / "dangling-inside");
  fs::create_symlink("loop", root / "loop");
  fs::create_symlink("root", folder.path() / "alias");
  struct Case {
    const char* name;
    fs::path path;
    bool inside;
  };
  const Case cases[] = {{"itself", root, true},
                        {"a folder inside", root / "sub", true},
                        {"what does not exist yet", root / "new/file", true},
                        {"dots that stay", root / "sub/../sub", true},
                        {"through an alias", folder.path() / "alias/sub", true},
                        {"dots that leave", root / "../other", false},
                        {"dots after a new folder", root / "new/../../other", false},
                        {"a name that begins alike", folder.path() / "root-not", false},
                        {"a link out", root / "out/file", false},
                        {"a dangling link out", root / "dangling", false},
                        {"a dangling link inside", root / "dangling-inside", true},
                        {"a link to itself", root / "loop", false}};
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CHECK(mlctl::lies_within(c.path, root) == c.inside);
  }
  CHECK(mlctl::lies_within(root / "sub", folder.path() / "alias"));
}

TEST_CASE("a temporary folder goes with its object, once") {
  fs::path path;
  {
    auto first = temporary();
    path = first.path();
    CHECK(fs::status(path).permissions() == fs::perms::owner_all);
    REQUIRE(mlctl::write_file(path / "a/f", "x"));
    const auto second = std::move(first);
    CHECK(second.path() == path);
  }
  CHECK_FALSE(fs::exists(path));
  CHECK_FALSE(mlctl::TemporaryFolder::create("/nonexistent/folder"));
}

TEST_CASE("control characters of a path do not reach a message") {
  const auto read = mlctl::read_file("/none/\x1b[2J\n", 1);
  REQUIRE_FALSE(read);
  CHECK(read.error().message == "no such file: /none/\\x1b[2J\\x0a");
}
