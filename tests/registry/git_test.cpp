#include "registry/git.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "registry/files.h"
#include "tests/registry/repository_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using test::get;
using test::git;
using test::put;
using test::Repository;
using test::temporary_folder;

std::vector<std::string> names(const std::vector<GitTag>& tags) {
  std::vector<std::string> all;
  for (const auto& tag : tags) all.push_back(tag.name);
  return all;
}

TEST_CASE("outside a repository") {
  const auto folder = temporary_folder();
  auto opened = open_git(folder.path());
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == Error::Kind::not_found);
  CHECK_FALSE(opened.error().hint.empty());
}

TEST_CASE("an empty repository") {
  const Repository repository;
  auto opened = repository.open();
  CHECK(opened->head().error().kind == Error::Kind::not_found);
  CHECK(opened->tags()->empty());
  CHECK(opened->resolve("HEAD").error().kind == Error::Kind::not_found);
  CHECK_FALSE(opened->branch_tip("main")->has_value());
  CHECK(*opened->checked_out_branches() == std::vector<std::string>{"main"});
}

TEST_CASE("a repository of somebody else is not trusted, and the hint says how to") {
  const Repository repository;
  if (::geteuid() != 0) {
    MESSAGE("skipped: giving a repository to another user needs root");
    return;
  }
  for (const auto& entry : {repository.work, repository.work / ".git"})
    REQUIRE(::chown(entry.c_str(), 12345, 12345) == 0);
  auto opened = open_git(repository.work);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == Error::Kind::unavailable);
  CHECK_MESSAGE(opened.error().hint.find("safe.directory") != std::string::npos, opened.error().message);
}

TEST_CASE("commits, revisions, ancestry") {
  const Repository repository;
  const auto first = repository.commit({{"a", "1"}}, "first");
  const auto second = repository.commit({{"a", "2"}}, "second");
  git(repository.work, {"checkout", "-q", "-b", "side", first});
  const auto side = repository.commit({{"b", "3"}}, "side");
  auto opened = repository.open();
  CHECK(*opened->head() == side);
  CHECK(*opened->resolve("main") == second);
  CHECK(*opened->resolve(first.substr(0, 8)) == first);
  CHECK(opened->resolve("nonsense").error().kind == Error::Kind::not_found);
  CHECK(opened->resolve("main:a").error().kind == Error::Kind::usage);
  CHECK(*opened->branch_tip("main") == second);
  CHECK(*opened->is_ancestor(first, second));
  CHECK(*opened->is_ancestor(first, first));
  CHECK_FALSE(*opened->is_ancestor(second, first));
  CHECK_FALSE(*opened->is_ancestor(side, second));
  CHECK_FALSE(opened->is_ancestor("nonsense", first));
  const auto info = opened->commit_info(second);
  REQUIRE(info);
  CHECK(info->parents == std::vector<ObjectId>{first});
  CHECK(info->message == "second\n");
  CHECK(info->author.email == "ada@example.org");
  // From a folder below, too.
  fs::create_directories(repository.work / "deep/er");
  CHECK(Repository::open_at(repository.work / "deep/er")->root() == fs::canonical(repository.work));
}

TEST_CASE("tags: annotated and lightweight, of commits and of other things") {
  const Repository repository;
  const auto commit = repository.commit({{"a", "1"}});
  git(repository.work, {"tag", "-a", "-m", "one\n\ndigest: x", "fraud/a@v1.0.0"});
  git(repository.work, {"tag", "light"});
  git(repository.work, {"tag", "-a", "-m", "tree", "of-a-tree", "HEAD^{tree}"});
  git(repository.work, {"tag", "-a", "-m", "nested", "nested", "fraud/a@v1.0.0"});
  git(repository.work, {"pack-refs", "--all"});
  const auto tags = repository.open()->tags();
  REQUIRE(tags);
  REQUIRE(names(*tags) == std::vector<std::string>{"fraud/a@v1.0.0", "light", "nested", "of-a-tree"});
  CHECK((*tags)[0].annotated);
  CHECK((*tags)[0].commit == commit);
  CHECK((*tags)[0].message == "one\n\ndigest: x\n");
  CHECK((*tags)[0].tagger.name == "Ada");
  CHECK((*tags)[0].object == git(repository.work, {"rev-parse", "fraud/a@v1.0.0"}));
  CHECK_FALSE((*tags)[1].annotated);
  CHECK((*tags)[1].commit == commit);
  CHECK((*tags)[2].commit == commit);
  CHECK((*tags)[3].commit.empty());
}

TEST_CASE("trees and blobs") {
  const Repository repository;
  put(repository.work / "models/a/run.sh", "#!/bin/sh\n");
  fs::permissions(repository.work / "models/a/run.sh", fs::perms::owner_all);
  fs::create_symlink("run.sh", repository.work / "models/a/link");
  const auto commit = repository.commit({{"models/a/sub/x", "xyz"}, {"other", "o"}});
  auto opened = repository.open();
  const auto entries = opened->list_tree(commit, "models/a");
  REQUIRE(entries);
  REQUIRE(entries->size() == 3);
  CHECK((*entries)[0].path == "link");
  CHECK((*entries)[0].kind == TreeEntry::Kind::link);
  CHECK((*entries)[1].kind == TreeEntry::Kind::executable);
  CHECK((*entries)[2].path == "sub/x");
  CHECK((*entries)[2].size == 3);
  CHECK(*opened->read_blob((*entries)[2].id, 3) == "xyz");
  CHECK(opened->read_blob((*entries)[2].id, 2).error().kind == Error::Kind::usage);
  CHECK(opened->list_tree(commit, "")->size() == 4);
  CHECK(opened->list_tree(commit, "gone").error().kind == Error::Kind::not_found);
  CHECK(opened->list_tree(commit, "other").error().kind == Error::Kind::not_found);
  CHECK_FALSE(opened->list_tree(std::string(40, 'a'), ""));
}

TEST_CASE("dirty and ignored") {
  const Repository repository;
  repository.commit({{".gitignore", "*.bin\nvenv/\n"}, {"models/a/serve.py", "1"}, {"models/b/x", "1"}});
  auto opened = repository.open();
  CHECK(opened->dirty({})->empty());
  put(repository.work / "models/a/serve.py", "2");
  put(repository.work / "models/a/new.py", "2");
  put(repository.work / "models/a/weights.bin", "2");
  put(repository.work / "models/b/x", "2");
  CHECK(*opened->dirty({"models/a"}) == std::vector<std::string>{"models/a/new.py", "models/a/serve.py"});
  CHECK(opened->dirty({})->size() == 3);
  CHECK(opened->dirty({"models/[a]"})->empty());  // a name, no pattern
  CHECK(*opened->ignored("models/a/weights.bin"));
  CHECK(*opened->ignored("models/a/venv/"));
  CHECK_FALSE(*opened->ignored("models/a/new.py"));
  git(repository.work, {"add", "-f", "models/a/weights.bin"});
  CHECK_FALSE(*repository.open()->ignored("models/a/weights.bin"));
}

TEST_CASE("collect_files leaves out what git ignores, unless it is named") {
  const Repository repository;
  repository.commit({{".gitignore", "*.bin\nvenv/\n"}, {"m/model.yaml", "x"}, {"m/serve.py", "1"}});
  put(repository.work / "m/weights.bin", "w");
  put(repository.work / "m/venv/lib.py", "w");
  put(repository.work / "m/new.py", "w");
  auto opened = repository.open();
  const auto all = collect_files(repository.work / "m", FileRules{}, opened.get());
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK((*all)[0].path == "new.py");
  CHECK((*all)[1].path == "serve.py");
  FileRules named;
  named.patterns = {{"weights.bin", std::nullopt, {}}};
  CHECK(collect_files(repository.work / "m", named, opened.get())->size() == 1);
}

TEST_CASE("collect_files from a commit") {
  const Repository repository;
  fs::create_directories(repository.work / "m");
  fs::create_symlink("serve.py", repository.work / "m/link.py");
  const auto commit = repository.commit({{"m/model.yaml", "x"}, {"m/serve.py", "pass"}, {"m/golden.json", "[]"}});
  put(repository.work / "m/serve.py", "changed since");
  auto opened = repository.open();
  FileRules rules;
  rules.excluded = {"golden.json"};
  auto files = collect_files(*opened, commit, "m", rules);
  REQUIRE(files);
  REQUIRE(files->size() == 2);
  CHECK((*files)[0].link == "serve.py");
  auto source = (*files)[1].open();
  REQUIRE(source);
  CHECK(*read_all(**source, 100) == "pass");

  const auto pointer =
      repository.commit({{"m/weights.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"}});
  auto lfs = collect_files(*opened, pointer, "m", rules);
  REQUIRE_FALSE(lfs);
  CHECK(lfs.error().kind == Error::Kind::usage);
  CHECK(lfs.error().hint.find("mlctl push") != std::string::npos);
  rules.patterns = {{"absent.bin", std::nullopt, {}}};
  auto absent = collect_files(*opened, commit, "m", rules);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().kind == Error::Kind::usage);
  CHECK(absent.error().hint.find("mlctl push") != std::string::npos);
}

TEST_CASE("branches that are checked out, in linked worktrees and in the middle of a rebase") {
  const Repository repository;
  repository.commit({{"a", "1"}});
  git(repository.work, {"branch", "deploy"});
  git(repository.work, {"branch", "rebasing"});
  git(repository.work, {"worktree", "add", "-q", (repository.folder.path() / "linked").string(), "deploy"});
  auto opened = repository.open();
  CHECK(*opened->checked_out_branches() == std::vector<std::string>{"deploy", "main"});
  CHECK(*Repository::open_at(repository.folder.path() / "linked")->checked_out_branches() ==
        std::vector<std::string>{"deploy", "main"});
  put(repository.work / ".git/rebase-merge/head-name", "refs/heads/rebasing\n");
  CHECK(*opened->checked_out_branches() == std::vector<std::string>{"deploy", "main", "rebasing"});
  const auto tip = *opened->branch_tip("deploy");
  auto made = opened->make_commit({tip, {{"x", "1"}}, {}, "x"});
  REQUIRE(made);
  CHECK(opened->move_branch("deploy", tip, *made).error().kind == Error::Kind::usage);
  CHECK(Repository::open_at(repository.origin)->checked_out_branches()->empty());
}

TEST_CASE("a commit on a branch touches neither index nor worktree") {
  const Repository repository;
  const auto base = repository.commit({{"keep", "k"}, {"d/old", "o"}, {"d/e/deep", "x"}});
  put(repository.work / "staged", "s");
  git(repository.work, {"add", "staged"});
  put(repository.work / "keep", "edited");
  const auto index = get(repository.work / ".git/index");
  const auto status = git(repository.work, {"status", "--porcelain"});
  auto opened = repository.open();
  auto made = opened->make_commit({base, {{"d/new", "n"}, {"f/g", "g"}}, {"d/old", "d/e/deep", "absent"}, "message"});
  REQUIRE(made);
  CHECK_FALSE(opened->branch_tip("deploy")->has_value());
  REQUIRE(opened->move_branch("deploy", std::nullopt, *made));
  CHECK(git(repository.work, {"ls-tree", "-r", "--name-only", "deploy"}) == "d/new\nf/g\nkeep");
  CHECK(git(repository.work, {"ls-tree", "-d", "-r", "--name-only", "deploy"}) == "d\nf");
  CHECK(git(repository.work, {"fsck", "--strict"}).find("error") == std::string::npos);
  CHECK(get(repository.work / ".git/index") == index);
  CHECK(git(repository.work, {"status", "--porcelain"}) == status);
  CHECK(git(repository.work, {"log", "-1", "--format=%s", "deploy"}) == "message");
  // The same content again is no commit.
  CHECK(*opened->make_commit({*made, {{"d/new", "n"}}, {"d/old"}, "again"}) == *made);
  CHECK(opened->make_commit({base, {{"../x", "n"}}, {}, "bad"}).error().kind == Error::Kind::usage);
  CHECK_FALSE(opened->make_commit({base, {{"keep/x", "n"}}, {}, "a file where a folder is needed"}));
  // A first commit without parent.
  auto root = opened->make_commit({std::nullopt, {{"a", "1"}}, {}, "root"});
  REQUIRE(root);
  CHECK(opened->commit_info(*root)->parents.empty());
}

TEST_CASE("move_branch is compare-and-swap, and only forward") {
  const Repository repository;
  const auto base = repository.commit({{"a", "1"}});
  auto opened = repository.open();
  const auto one = *opened->make_commit({base, {{"x", "1"}}, {}, "one"});
  const auto two = *opened->make_commit({base, {{"x", "2"}}, {}, "two"});
  const auto three = *opened->make_commit({one, {{"x", "3"}}, {}, "three"});
  REQUIRE(opened->move_branch("deploy", std::nullopt, one));
  CHECK(opened->move_branch("deploy", std::nullopt, two).error().kind == Error::Kind::conflict);
  CHECK(opened->move_branch("deploy", base, two).error().kind == Error::Kind::conflict);
  CHECK(opened->move_branch("deploy", one, two).error().kind == Error::Kind::conflict);
  CHECK(opened->move_branch("deploy", one, three));
  CHECK(opened->move_branch("deploy", one, three));  // said already
  CHECK(*opened->branch_tip("deploy") == three);
}

TEST_CASE("tags are pushed, and a refusal is a conflict") {
  const Repository repository;
  const auto commit = repository.commit({{"a", "1"}});
  const auto other = repository.clone("other");
  auto here = repository.open();
  auto there = Repository::open_at(other);
  CHECK(*here->remote_url() == repository.origin.string());
  const auto mine = *here->make_tag("a#prod#1", commit, "mine\n");
  const auto theirs = *there->make_tag("a#prod#1", commit, "theirs\n");
  CHECK(here->tags()->empty());
  REQUIRE(here->push({{mine, "refs/tags/a#prod#1"}}));
  CHECK(here->push({{mine, "refs/tags/a#prod#1"}}));  // the same again
  auto refused = there->push({{theirs, "refs/tags/a#prod#1"}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::conflict);
  CHECK(git(repository.origin, {"rev-parse", "a#prod#1"}) == mine);
  CHECK(there->compare_tags()->missing == std::vector<std::string>{"a#prod#1"});
  CHECK(there->compare_tags()->moved.empty());
  CHECK(there->compare_tags()->unpushed.empty());
  git(other, {"tag", "-a", "-m", "mine", "a#stay#1", commit});
  CHECK(there->compare_tags()->unpushed == std::vector<std::string>{"a#stay#1"});
  git(other, {"tag", "-d", "a#stay#1"});
  REQUIRE(there->fetch_tags());
  CHECK(there->compare_tags()->missing.empty());
  CHECK(there->tags()->at(0).message == "mine\n");
  CHECK(there->create_tag("a#prod#1", commit, "theirs\n").error().kind == Error::Kind::conflict);
  CHECK(git(repository.origin, {"fsck", "--strict"}).find("error") == std::string::npos);
}

TEST_CASE("an origin in a folder whose hooks may refuse is not written to") {
  for (const char* hook : {"pre-receive", "update", "reference-transaction", "post-receive"}) {
    CAPTURE(hook);
    const Repository repository;
    const auto commit = repository.commit({{"a", "1"}});
    const auto here = repository.open();
    const auto mine = *here->make_tag("a#prod#1", commit, "mine\n");
    const auto path = repository.origin / "hooks" / hook;
    put(path, "#!/bin/sh\nexit 1\n");
    CHECK(here->push({}));  // as a file it is no hook
    fs::permissions(path, fs::perms::owner_all);
    const bool may = std::string_view(hook) == "post-receive";
    for (const auto& pushed : {here->push({}), here->push({{mine, "refs/tags/a#prod#1"}})}) {
      CHECK(bool(pushed) == may);
      if (!pushed) CHECK(pushed.error().kind == Error::Kind::denied);
    }
    CHECK((git(repository.origin, {"tag"}) == "a#prod#1") == may);
  }
}

TEST_CASE("fetching leaves a local tag that differs as it is") {
  const Repository repository;
  const auto commit = repository.commit({{"a", "1"}});
  auto here = repository.open();
  REQUIRE(here->create_tag("t", commit, "mine\n"));
  const auto other = repository.clone("other");
  git(other, {"tag", "-a", "-m", "theirs", "t"});
  git(other, {"push", "-q", "origin", "t"});
  REQUIRE(here->fetch_tags());
  CHECK(here->tags()->at(0).message == "mine\n");
}

TEST_CASE("branches are pushed forward only") {
  const Repository repository;
  const auto base = repository.commit({{"a", "1"}});
  auto here = repository.open();
  const auto one = *here->make_commit({base, {{"x", "1"}}, {}, "one"});
  const auto two = *here->make_commit({base, {{"x", "2"}}, {}, "two"});
  const auto three = *here->make_commit({one, {{"x", "3"}}, {}, "three"});
  CHECK_FALSE(here->fetch_branch("deploy")->has_value());
  REQUIRE(here->push({{one, "refs/heads/deploy"}}));
  CHECK(here->push({{two, "refs/heads/deploy"}}).error().kind == Error::Kind::conflict);
  CHECK(git(repository.work, {"rev-parse", "origin/deploy"}) == one);  // as `git push` leaves it
  CHECK(here->push({{three, "refs/heads/deploy"}}));
  CHECK(git(repository.work, {"rev-parse", "origin/deploy"}) == three);
  CHECK(git(repository.origin, {"rev-parse", "deploy"}) == three);
  CHECK(here->push({{one, "refs/heads/deploy"}}).error().kind == Error::Kind::conflict);
  CHECK(*here->fetch_branch("deploy") == three);
  CHECK_FALSE(here->branch_tip("deploy")->has_value());
}

TEST_CASE("remotes that are not there, checked out, or none") {
  const Repository repository;
  const auto commit = repository.commit({{"a", "1"}});
  auto here = repository.open();
  git(repository.work, {"remote", "set-url", "origin", "file://" + repository.origin.string()});
  CHECK(here->push({{commit, "refs/heads/by-url"}}));
  git(repository.work, {"remote", "set-url", "origin", "../gone.git"});
  CHECK(here->push({{commit, "refs/heads/x"}}).error().kind == Error::Kind::unavailable);
  CHECK(here->fetch_tags().error().kind == Error::Kind::unavailable);
  git(repository.work, {"remote", "set-url", "origin", "http://user:secret@127.0.0.1:1/x.git"});
  CHECK(*here->remote_url() == "http://127.0.0.1:1/x.git");
  auto refused = here->push({{commit, "refs/heads/x"}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::unavailable);
  CHECK(refused.error().message.find("secret") == std::string::npos);
  const auto other = repository.clone("other");
  git(repository.work, {"remote", "set-url", "origin", other.string()});
  CHECK(here->push({{commit, "refs/heads/main"}}));  // there already
  const auto next = *here->make_commit({commit, {{"x", "1"}}, {}, "x"});
  CHECK(here->push({{next, "refs/heads/main"}}).error().kind == Error::Kind::denied);
  git(repository.work, {"remote", "remove", "origin"});
  CHECK_FALSE(here->remote_url()->has_value());
  CHECK(here->push({{commit, "refs/heads/x"}}).error().kind == Error::Kind::usage);
}

TEST_CASE("clones that lack history or tags are told, with the command that mends them") {
  const Repository repository;
  const auto first = repository.commit({{"a", "1"}});
  auto full = repository.open();
  CHECK(check_history(*full));
  const auto second = repository.commit({{"a", "2"}});
  git(repository.work, {"tag", "-a", "-m", "x", "a@v1.0.0"});
  git(repository.work, {"push", "-q", "origin", "a@v1.0.0"});
  CHECK(check_history(*full));

  auto shallow = Repository::open_at(repository.clone("shallow", {"--depth", "1"}));
  CHECK(shallow->is_shallow());
  CHECK(check_history(*shallow).error().kind == Error::Kind::usage);
  CHECK(check_history(*shallow).error().hint == "`git fetch --unshallow --tags`");
  CHECK_FALSE(shallow->is_ancestor(first, second));

  const auto path = repository.clone("tagless", {"--no-tags"});
  auto tagless = Repository::open_at(path);
  CHECK(check_history(*tagless).error().kind == Error::Kind::usage);
  CHECK(check_history(*tagless).error().hint == "`git fetch --tags`");
  git(path, {"remote", "set-url", "origin", "/gone"});
  CHECK(check_history(*tagless).error().kind == Error::Kind::unavailable);
}

TEST_CASE("of many processes that create one tag or move one branch, exactly one does") {
  const Repository repository;
  const auto base = repository.commit({{"a", "1"}});
  std::vector<fs::path> clones;
  for (int i = 0; i < 6; ++i) clones.push_back(repository.clone("c" + std::to_string(i)));
  for (int round = 0; round < 5; ++round) {
    const std::string ref = "refs/tags/a#prod#" + std::to_string(round + 1);
    const std::string head = "refs/heads/deploy" + std::to_string(round);
    std::vector<pid_t> pids;
    for (const auto& clone : clones)
      pids.push_back([&] {
        const pid_t pid = ::fork();
        if (pid != 0) return pid;
        auto opened = open_git(clone);
        if (!opened) ::_exit(9);
        auto tag = (*opened)->make_tag("t", base, clone.string() + "\n");
        auto commit = (*opened)->make_commit({base, {{"x", clone.string()}}, {}, "x"});
        if (!tag || !commit) ::_exit(9);
        const bool took_tag = static_cast<bool>((*opened)->push({{*tag, ref}}));
        const bool took_branch = static_cast<bool>((*opened)->push({{*commit, head}}));
        ::_exit((took_tag ? 1 : 0) + (took_branch ? 2 : 0));
      }());
    int tags = 0, branches = 0;
    for (const auto pid : pids) {
      int status = 0;
      REQUIRE(::waitpid(pid, &status, 0) == pid);
      REQUIRE(WIFEXITED(status));
      REQUIRE(WEXITSTATUS(status) < 4);
      tags += WEXITSTATUS(status) & 1;
      branches += WEXITSTATUS(status) >> 1;
    }
    CHECK(tags == 1);
    CHECK(branches == 1);
  }
  CHECK(git(repository.origin, {"fsck", "--strict"}).find("error") == std::string::npos);
}

TEST_CASE("a tag names whoever git would name: its variables, then its configuration") {
  const Repository repository;
  const auto base = repository.commit();
  git(repository.work, {"config", "user.name", "Configured"});
  git(repository.work, {"config", "user.email", "configured@example.org"});
  CHECK(repository.open()->signature().name == "Configured");
  ::setenv("GIT_COMMITTER_NAME", "Grace", 1);
  ::setenv("GIT_COMMITTER_EMAIL", "grace@example.org", 1);
  const auto made = repository.open()->create_tag("t", base, "by hand\n");
  ::unsetenv("GIT_COMMITTER_NAME");
  ::unsetenv("GIT_COMMITTER_EMAIL");
  REQUIRE(made);
  const auto tags = repository.open()->tags();
  REQUIRE(tags);
  REQUIRE(tags->size() == 1);
  CHECK(tags->front().tagger.name == "Grace");
  CHECK(tags->front().tagger.email == "grace@example.org");
}

}  // namespace
}  // namespace mlctl::registry
