// The folder in real repositories, with git itself as the witness.
#include <doctest/doctest.h>
#include <map>
#include <random>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "base/filesystem.h"
#include "deploy/gitops.h"
#include "tests/deploy/support.h"
#include "tests/registry/repository_fixture.h"

using namespace mlctl;
using namespace mlctl::deploy;
using registry::test::git;
using registry::test::Repository;

namespace {
const Gitops where{"deploy/staging", "deploy"};

Desired desired(std::int64_t n, const std::string& name = "credit-risk") {
  auto one = test::candidate();
  one.model.name = name;
  one.assignment = n;
  const auto environment = test::environment();
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  auto files = plan_files({one}, {environment, {}, runtimes});
  REQUIRE(files);
  return {"staging", {{one.model, static_cast<std::uint64_t>(n)}}, std::move(*files)};
}

Result<ApplyReport> apply(registry::Git& repository, const Desired& wanted, bool push = true) {
  auto folder = read_folder(repository, where);
  if (!folder) return folder.error();
  auto plan = plan_folder(*folder, wanted);
  if (!plan) return plan.error();
  return apply_folder(repository, *folder, wanted, *plan, push);
}

ApplyReport must(Result<ApplyReport> report) {
  if (!report) FAIL(report.error().message);
  return std::move(*report);
}

std::string bytes(const std::filesystem::path& path) {
  auto read = read_file(path, 1U << 20U);
  return read ? *read : "";
}
}  // namespace

TEST_CASE("an apply leaves worktree, index and every other ref as they are") {
  const Repository there;
  there.commit({{"models/a", "1"}, {"deploy/staging/keep.txt", "on main"}});
  registry::test::put(there.work / "models/a", "changed");
  registry::test::put(there.work / "staged", "x");
  git(there.work, {"add", "staged"});
  const auto status = git(there.work, {"status", "--porcelain"}), index = bytes(there.work / ".git/index");
  const auto head = git(there.work, {"rev-parse", "HEAD"});

  const auto repository = there.open();
  const auto report = must(apply(*repository, desired(7)));
  CHECK(report.pushed);
  CHECK(git(there.origin, {"rev-parse", "deploy"}) == *report.commit);
  CHECK(git(there.work, {"rev-parse", "deploy"}) == *report.commit);
  CHECK(git(there.origin, {"ls-tree", "-r", "--name-only", "deploy"}) == "deploy/staging/fraud/credit-risk.yaml");
  CHECK(git(there.origin, {"show", "deploy:deploy/staging/fraud/credit-risk.yaml"}) + "\n" == desired(7).files[0].text);
  CHECK(git(there.origin, {"log", "-1", "--format=%s", "deploy"}) == "fraud/credit-risk v1.2.3 to staging (#7)");
  CHECK(git(there.origin, {"log", "-1", "--format=%(trailers:key=Digest,valueonly)", "deploy"}) ==
        to_string(test::candidate().digest));

  CHECK(git(there.work, {"status", "--porcelain"}) == status);
  CHECK(bytes(there.work / ".git/index") == index);
  CHECK(git(there.work, {"rev-parse", "HEAD"}) == head);
  CHECK(!must(apply(*repository, desired(7))).committed);
}

TEST_CASE("two clones that apply different models end on one line of commits") {
  const Repository there;
  there.commit({{"README.md", "x"}});
  const auto other = there.clone("other");
  const auto here = there.open(), elsewhere = Repository::open_at(other);
  auto stale = read_folder(*here, where);
  REQUIRE(stale);
  const auto wanted = desired(7);
  const auto plan = plan_folder(*stale, wanted);
  REQUIRE(plan);
  must(apply(*elsewhere, desired(1, "other")));
  const auto report = must(apply_folder(*here, *stale, wanted, *plan, true));
  CHECK(report.pushed);
  CHECK(git(there.origin, {"rev-list", "--count", "deploy"}) == "2");
  CHECK(git(there.origin, {"ls-tree", "-r", "--name-only", "deploy"}) ==
        "deploy/staging/fraud/credit-risk.yaml\ndeploy/staging/fraud/other.yaml");
  must(apply(*elsewhere, desired(2, "other")));  // its own branch was behind, and follows
  CHECK(git(other, {"rev-parse", "deploy"}) == git(there.origin, {"rev-parse", "deploy"}));
  const auto late = apply(*elsewhere, desired(6));
  REQUIRE(!late);
  CHECK(late.error().kind == Error::Kind::denied);
}

TEST_CASE("a branch that is checked out in a linked worktree is refused") {
  const Repository there;
  there.commit({{"README.md", "x"}});
  git(there.work, {"branch", "deploy"});
  git(there.work, {"push", "-q", "origin", "deploy"});
  git(there.work, {"worktree", "add", "-q", (there.folder.path() / "linked").string(), "deploy"});
  const auto before = git(there.origin, {"rev-parse", "deploy"});
  const auto report = apply(*there.open(), desired(7));
  REQUIRE(!report);
  CHECK(report.error().kind == Error::Kind::usage);
  CHECK(git(there.origin, {"rev-parse", "deploy"}) == before);
}

TEST_CASE("a file or a link where the folder belongs is refused, and nothing changes") {
  const Repository there;
  there.commit({{"README.md", "x"}});
  git(there.work, {"switch", "-q", "-c", "deploy"});
  SUBCASE("a file above the folder") {
    there.commit({{"deploy", "mine"}});
  }
  SUBCASE("a file in the folder's place") {
    there.commit({{"deploy/staging", "mine"}});
  }
  SUBCASE("a file in the namespace's place") {
    there.commit({{"deploy/staging/fraud", "mine"}});
  }
  SUBCASE("a link in the file's place") {
    std::filesystem::create_directories(there.work / "deploy/staging/fraud");
    std::filesystem::create_symlink("/etc/passwd", there.work / "deploy/staging/fraud/credit-risk.yaml");
    there.commit();
  }
  SUBCASE("a link in the folder's place") {
    std::filesystem::create_directories(there.work / "deploy");
    std::filesystem::create_directory_symlink("../elsewhere", there.work / "deploy/staging");
    there.commit();
  }
  git(there.work, {"switch", "-q", "main"});
  const auto before = git(there.origin, {"rev-parse", "deploy"});
  const auto report = apply(*there.open(), desired(7));
  REQUIRE(!report);
  CHECK_MESSAGE(report.error().kind == Error::Kind::conflict, report.error().message);
  CHECK(git(there.origin, {"rev-parse", "deploy"}) == before);
}

TEST_CASE("an origin that does not answer leaves everything as it was") {
  const Repository there;
  there.commit({{"README.md", "x"}});
  std::filesystem::rename(there.origin, there.folder.path() / "gone");
  const auto report = apply(*there.open(), desired(7));
  REQUIRE(!report);
  CHECK(report.error().kind == Error::Kind::unavailable);
  CHECK(git(there.work, {"branch", "--list", "deploy"}).empty());
}

TEST_CASE("killed at any moment, what is there is whole and the next apply goes on") {
  const Repository there;
  there.commit({{"README.md", "x"}});
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  int n = 0;
  for (int round = 0; round < 10; ++round) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (int i = 1; i <= 50; ++i) {
        auto repository = registry::open_git(there.work);
        if (repository) (void)apply(**repository, desired(n + i));
      }
      _exit(0);
    }
    usleep(std::uniform_int_distribution<unsigned>(1000, 120'000)(random));
    kill(child, SIGKILL);
    REQUIRE(waitpid(child, nullptr, 0) == child);
    n += 50;
    // A lock that the killed one held is told by name; a person deletes it as the hint says.
    for (const auto& ref : {there.work / ".git/refs/heads/deploy.lock", there.origin / "refs/heads/deploy.lock",
                            there.work / ".git/refs/remotes/origin/deploy.lock"})
      std::filesystem::remove(ref);
    git(there.work, {"fsck", "--connectivity-only"});
    git(there.origin, {"fsck", "--connectivity-only"});
    const auto report = must(apply(*there.open(), desired(++n)));
    CHECK(report.pushed);
    CHECK(git(there.origin, {"show", "deploy:deploy/staging/fraud/credit-risk.yaml"}) + "\n" ==
          desired(n).files[0].text);
    CHECK(git(there.work, {"rev-parse", "deploy"}) == git(there.origin, {"rev-parse", "deploy"}));
    CHECK(git(there.work, {"status", "--porcelain"}).empty());
  }
}
