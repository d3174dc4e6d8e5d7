// Several processes at one registry, and processes that are killed.
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

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
using test::memory_file;
using test::name;
using test::pushed;
using test::small_model;
using test::temporary_folder;
using test::version;

// A real process that ends with what `body` returns.
pid_t spawn(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) ::_exit(body());
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::unique_ptr<Store> open_store(const fs::path& root) {
  auto store = open_disk_store(root);
  REQUIRE(store);
  return std::move(*store);
}

std::vector<ModelFile> model_number(int number) {
  return small_model("{\"learner\":" + std::to_string(number) + "}");
}

TEST_CASE("many processes push different versions at once: all are there") {
  const auto folder = temporary_folder();
  const auto root = folder.path() / "registry";
  constexpr int processes = 8, each = 5;
  std::vector<pid_t> pids;
  for (int p = 0; p < processes; ++p)
    pids.push_back(spawn([&, p] {
      for (int i = 0; i < each; ++i) {
        auto store = open_disk_store(root);
        if (!store) return 1;
        Version at{1, static_cast<std::uint64_t>(p), static_cast<std::uint64_t>(i), "", ""};
        auto report = push(**store, {"", "a"}, model_number(p * each + i), at, {}, no_progress());
        if (!report || report->existed) return 2;
        auto kept = attach(**store, {"", "a"}, report->manifest, EvidenceKind::gate,
                           make_statement({"", "a"}, report->manifest, test_result, {{"result", "PASSED"}}), "");
        if (!kept) return 3;
      }
      return 0;
    }));
  for (const auto pid : pids) CHECK(wait_for(pid) == 0);
  auto store = open_store(root);
  const auto versions = list_versions(*store, name("a"));
  REQUIRE(versions);
  CHECK(versions->size() == processes * each);
  for (const auto& one : *versions) {
    CHECK(verify(*store, name("a"), one.digest)->problems.empty());
    CHECK(evidence(*store, name("a"), one.digest)->size() == 1);
  }
}

TEST_CASE("many processes push one version with different content: exactly one wins") {
  const auto folder = temporary_folder();
  const auto root = folder.path() / "registry";
  std::vector<pid_t> pids;
  for (int p = 0; p < 8; ++p)
    pids.push_back(spawn([&, p] {
      auto store = open_disk_store(root);
      if (!store) return 1;
      auto report = push(**store, {"", "a"}, model_number(p), {1, 0, 0, "", ""}, {}, no_progress());
      if (report) return report->existed ? 2 : 0;
      return report.error().kind == Error::Kind::conflict ? 10 : 3;
    }));
  int won = 0, refused = 0;
  for (const auto pid : pids) {
    const int code = wait_for(pid);
    won += code == 0 ? 1 : 0;
    refused += code == 10 ? 1 : 0;
  }
  CHECK(won == 1);
  CHECK(refused == 7);
  CHECK(list_versions(*open_store(root), name("a"))->size() == 1);
}

TEST_CASE("many processes push one version with the same content, beside a collector: all agree") {
  const auto folder = temporary_folder();
  const auto root = folder.path() / "registry";
  const auto files = model_number(1);
  std::vector<pid_t> pids;
  for (int p = 0; p < 20; ++p)
    pids.push_back(spawn([&] {
      auto store = open_disk_store(root);
      if (!store) return 1;
      auto report = push(**store, {"", "a"}, files, {1, 0, 0, "", ""}, {}, no_progress());
      if (!report) return 2;
      return report->existed ? 0 : 10;
    }));
  const pid_t collector = spawn([&] {
    for (int i = 0; i < 200; ++i) {
      auto store = open_disk_store(root);
      if (!store || !(*store)->collect_garbage({"", "a"}, false)) return 1;
    }
    return 0;
  });
  int published = 0;
  for (const auto pid : pids) {
    const int code = wait_for(pid);
    CHECK((code == 0 || code == 10));
    published += code == 10 ? 1 : 0;
  }
  CHECK(wait_for(collector) == 0);
  CHECK(published == 1);
  auto store = open_store(root);
  const auto versions = list_versions(*store, name("a"));
  REQUIRE(versions);
  REQUIRE(versions->size() == 1);
  CHECK(verify(*store, name("a"), versions->at(0).digest)->problems.empty());
  CHECK((*store).collect_garbage(name("a"), false)->removed.empty());
}

TEST_CASE("a copy with everything that refers to a version, beside a collector, ends well") {
  const auto folder = temporary_folder();
  auto from = open_store(folder.path() / "from");
  const auto digest = pushed(*from, "a", "v1.0.0", model_number(1)).manifest;
  for (int i = 0; i < 20; ++i)
    REQUIRE(attach(*from, name("a"), digest, EvidenceKind::gate,
                   make_statement(name("a"), digest, test_result, {{"result", "PASSED"}, {"url", std::to_string(i)}}),
                   ""));
  auto publication = from->find(name("a"), version("v1.0.0"));
  auto set = copy_set(*from, name("a"), **publication);
  REQUIRE(set);
  const auto root = folder.path() / "to";
  const pid_t collector = spawn([&] {
    for (;;) {
      auto store = open_disk_store(root);
      if (!store || !(*store)->collect_garbage({"", "a"}, false)) return 1;
    }
  });
  const auto copied = copy_versions(*from, *open_store(root), {*set}, no_progress());
  ::kill(collector, SIGKILL);
  CHECK(wait_for(collector) == 128 + SIGKILL);
  CHECK_MESSAGE(copied, (copied ? "" : copied.error().message));
  auto to = open_store(root);
  CHECK(verify(*to, name("a"), digest)->problems.empty());
  CHECK(evidence(*to, name("a"), digest)->size() == 20);
}

TEST_CASE("a reader beside writers sees whole versions only") {
  const auto folder = temporary_folder();
  const auto root = folder.path() / "registry";
  pushed(*open_store(root), "a", "v0.0.0", model_number(-1));
  const pid_t writer = spawn([&] {
    auto store = open_disk_store(root);
    for (int i = 0; i < 20; ++i)
      if (!push(**store, {"", "a"}, model_number(i), {1, 0, static_cast<std::uint64_t>(i), "", ""}, {}, no_progress()))
        return 1;
    return 0;
  });
  std::size_t seen = 0;
  auto store = open_store(root);
  for (int status = 0; ::waitpid(writer, &status, WNOHANG) == 0;) {
    const auto versions = list_versions(*store, name("a"));
    REQUIRE(versions);
    CHECK(versions->size() >= seen);
    seen = versions->size();
    CHECK(verify(*store, name("a"), versions->back().digest)->problems.empty());
  }
  CHECK(list_versions(*store, name("a"))->size() == 21);
}

TEST_CASE("kill -9 at random moments: what is listed is whole, and the next push finishes") {
  const auto folder = temporary_folder();
  const auto root = folder.path() / "registry";
  const char* full = std::getenv("MLCTL_TEST_FULL");
  const int rounds = full != nullptr ? 500 : 40;
  const unsigned seed = 20261122;
  CAPTURE(seed);
  std::mt19937 random(seed);
  // A few MiB, so that writing takes as long as the rest.
  const std::string weights(3U << 20U, 'w');
  int killed = 0;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    std::vector<ModelFile> files = model_number(round);
    files.push_back(memory_file("big.bin", weights + std::to_string(round)));
    const Version at{1, 0, static_cast<std::uint64_t>(round), "", ""};
    const pid_t pid = spawn([&] {
      auto store = open_disk_store(root);
      return store && push(**store, {"", "a"}, files, at, {}, no_progress()) ? 0 : 1;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 80'000));
    ::kill(pid, SIGKILL);
    const int code = wait_for(pid);
    CHECK((code == 0 || code == 128 + SIGKILL));
    killed += code != 0 ? 1 : 0;

    auto store = open_store(root);
    const auto listed = find_version(*store, name("a"), at);
    REQUIRE(listed);
    if (*listed) CHECK(verify(*store, name("a"), (*listed)->digest)->problems.empty());
    if (round % 4 == 3) {
      const auto report = pushed(*store, "a", to_string(at), files);
      CHECK(report.existed == listed->has_value());
      CHECK(verify(*store, name("a"), report.manifest)->problems.empty());
      for (const auto& entry : fs::recursive_directory_iterator(root))
        CHECK(entry.path().filename().string().rfind(".mlctl-", 0) != 0);
    }
  }
  MESSAGE(killed << " of " << rounds << " pushes were killed");
  CHECK(killed > 0);
}

TEST_CASE("a pull that is killed at random moments resumes to the right files") {
  const auto folder = temporary_folder();
  const auto root = folder.path() / "registry";
  std::vector<ModelFile> files;
  for (int i = 0; i < 40; ++i)
    files.push_back(
        memory_file("f" + std::to_string(i) + ".json", "[" + std::string(200'000, ' ') + std::to_string(i) + "]"));
  const auto digest = pushed(*open_store(root), "a", "v1.0.0", files).manifest;
  const unsigned seed = 7;
  std::mt19937 random(seed);
  const auto out = folder.path() / "out";
  for (int round = 0; round < 10; ++round) {
    const pid_t pid = spawn([&] {
      auto store = open_disk_store(root);
      return store && pull(**store, {"", "a"}, digest, out, no_progress()) ? 0 : 1;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    ::kill(pid, SIGKILL);
    wait_for(pid);
  }
  auto store = open_store(root);
  REQUIRE(pull(*store, name("a"), digest, out, no_progress()));
  CHECK(pack_digest(*collect_files(out, FileRules{}))->digest == digest);
}

}  // namespace
}  // namespace mlctl::registry
