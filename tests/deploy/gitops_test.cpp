#include "deploy/gitops.h"

#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "deploy/render.h"
#include "tests/deploy/fake_git.h"
#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;
using test::FakeGit;

namespace {
const Gitops where{"deploy/staging", "deploy"};
const std::string path = "fraud/credit-risk.yaml", full = "deploy/staging/" + path;
const std::string stranger = "# by hand\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

// The desired files of fraud/credit-risk at N, and of other models.
Desired desired(std::int64_t n = 7, const std::vector<std::string>& others = {}) {
  auto one = test::candidate();
  one.assignment = n;
  std::vector<Candidate> all{one};
  for (const auto& name : others) {
    all.push_back(test::candidate());
    all.back().model.name = name;
  }
  const auto environment = test::environment();
  const std::map<std::string, Runtime> runtimes{{"mlserver", test::runtime()}};
  auto files = plan_files(all, {environment, {}, runtimes});
  REQUIRE(files);
  Desired out{.environment = "staging", .files = std::move(*files)};
  for (const auto& candidate : all)
    out.models.push_back({candidate.model, static_cast<std::uint64_t>(candidate.assignment)});
  return out;
}
Desired nothing(std::uint64_t known) {
  return {"staging", {{{"fraud", "credit-risk"}, known}}, {}};
}

Folder with(const std::map<std::string, std::string>& files) {
  return {.where = where, .files = files};
}

Folder folder_of(FakeGit& git) {
  auto folder = read_folder(git, where);
  if (!folder) FAIL(folder.error().message);
  return *folder;
}
Result<ApplyReport> apply(FakeGit& git, const Desired& wanted, bool push = true) {
  const auto folder = folder_of(git);
  const auto plan = plan_folder(folder, wanted);
  if (!plan) return plan.error();
  return apply_folder(git, folder, wanted, *plan, push);
}
ApplyReport must(Result<ApplyReport> report) {
  if (!report) FAIL(report.error().message);
  return *report;
}
}  // namespace

TEST_CASE("the plan writes what differs and touches nothing else") {
  const auto wanted = desired();
  const auto& text = wanted.files[0].text;
  struct Case {
    const char* what;
    std::map<std::string, std::string> files;
    std::vector<std::string> writes, deletions;
    std::size_t unchanged;
  };
  for (const auto& c : std::vector<Case>{
           {"an empty folder", {}, {path}, {}, 0},
           {"the same bytes", {{path, text}}, {}, {}, 5},
           {"the same objects, written otherwise", {{path, text + "# a remark\n"}}, {}, {}, 5},
           {"an older N", {{path, desired(6).files[0].text}}, {path}, {}, 0},
           {"another model's file",
            {{path, text}, {"fraud/other.yaml", desired(7, {"other"}).files[1].text}},
            {},
            {},
            5},
           {"files of somebody else", {{path, text}, {"fraud/x.yaml", stranger}, {"a/b.yaml", "}"}}, {}, {}, 5},
           {"where the model was before",
            {{path, text}, {"old/credit-risk.yaml", text}},
            {},
            {"old/credit-risk.yaml"},
            5},
       }) {
    CAPTURE(c.what);
    const auto plan = plan_folder(with(c.files), wanted);
    REQUIRE_MESSAGE(plan, plan.error().message);
    std::vector<std::string> writes;
    for (const auto& [name, bytes] : plan->writes) writes.push_back(name);
    CHECK(writes == c.writes);
    CHECK(plan->deletions == c.deletions);
    CHECK(plan->changes.unchanged == c.unchanged);
    CHECK(plan->changes.empty() == plan->empty());
  }
}

TEST_CASE("a file edited by hand is shown field by field and put back") {
  auto text = desired().files[0].text;
  text.replace(text.find("replicas: 1"), 11, "replicas: 9");
  for (const auto& live : {text, text.substr(text.find('\n') + 1)}) {  // with the first line, and without
    const auto plan = plan_folder(with({{path, live}}), desired());
    REQUIRE_MESSAGE(plan, plan.error().message);
    REQUIRE(plan->changes.changes.size() == 1);
    CHECK(plan->changes.changes[0].fields == std::vector<FieldChange>{{"spec.replicas", "9", "1"}});
    CHECK(plan->writes.at(path) == desired().files[0].text);
  }
}

TEST_CASE("what is in the way is refused by name") {
  struct Case {
    const char* what;
    Folder folder;
    Error::Kind kind;
    std::string part;
  };
  auto linked = with({}), below = with({});
  linked.others[path] = "a link";
  below.others["fraud"] = "a file";
  for (const auto& c : std::vector<Case>{
           {"a higher N", with({{path, desired(8).files[0].text}}), Error::Kind::denied, "assignment 8, newer than 7"},
           {"a higher N where the model was before", with({{"old/a.yaml", desired(8).files[0].text}}),
            Error::Kind::denied, "old/a.yaml"},
           {"a file of somebody else", with({{path, stranger}}), Error::Kind::conflict, "was not written by mlctl"},
           {"a file of another model", with({{path, desired(1, {"other"}).files[1].text}}), Error::Kind::conflict,
            "belongs to fraud/other"},
           {"no objects", with({{path, "}"}}), Error::Kind::corrupt, full},
           {"a link", linked, Error::Kind::conflict, "is a link"},
           {"a file where the namespace belongs", below, Error::Kind::conflict, "deploy/staging/fraud is a file"},
       }) {
    CAPTURE(c.what);
    const auto plan = plan_folder(c.folder, desired());
    REQUIRE(!plan);
    CHECK(plan.error().kind == c.kind);
    CHECK_MESSAGE(plan.error().message.find(c.part) != std::string::npos, plan.error().message);
  }
}

TEST_CASE("a model without an assignment loses its file, unless a newer one is there") {
  const auto text = desired(7).files[0].text;
  for (const auto& live : {text, text.substr(text.find('\n') + 1)}) {  // with the first line, and without
    const auto folder = with({{path, live}});
    const auto plan = plan_folder(folder, nothing(8));
    REQUIRE(plan);
    CHECK(plan->deletions == std::vector<std::string>{path});
    CHECK(plan->changes.changes.size() == 5);
    CHECK(plan->message == "fraud/credit-risk removed from staging\n");
    const auto late = plan_folder(folder, nothing(6));
    REQUIRE(!late);
    CHECK(late.error().kind == Error::Kind::denied);
    const auto highest = live_assignment(folder, {"fraud", "credit-risk"});
    CHECK((highest && *highest == 7U));
  }
  const auto gone = plan_folder(with({}), nothing(8));
  REQUIRE(gone);
  CHECK(gone->empty());
}

TEST_CASE("what stands in a model's place and cannot be read is not taken for nothing") {
  const auto broken = plan_folder(with({{path, "{"}}), nothing(8));
  REQUIRE(!broken);
  CHECK(broken.error().kind == Error::Kind::corrupt);
  CHECK(!live_assignment(with({{path, "{"}}), {"fraud", "credit-risk"}));
  const auto elsewhere = plan_folder(with({{"fraud/notes.yaml", "{"}}), nothing(8));
  REQUIRE(elsewhere);
  CHECK(elsewhere->empty());
}

TEST_CASE("the commit says what it is about") {
  const auto one = plan_folder(with({}), desired());
  REQUIRE(one);
  CHECK(one->message == "fraud/credit-risk v1.2.3 to staging (#7)\n\nDigest: sha256:" + test::candidate().digest.hex() +
                            "\nCommit: " + std::string(40, 'c') + "\n");
  const auto two = plan_folder(with({}), desired(7, {"other"}));
  REQUIRE(two);
  CHECK(two->message == "2 models to staging\n\nfraud/credit-risk v1.2.3 (#7)\nfraud/other v1.2.3 (#7)\n");
}

TEST_CASE("an apply is one commit, and a second apply is none") {
  for (const bool remote : {false, true}) {
    CAPTURE(remote);
    FakeGit git;
    if (remote) git.origin.emplace();
    const auto first = must(apply(git, desired()));
    CHECK(first.committed);
    CHECK(first.pushed == remote);
    CHECK(first.notes.empty() == remote);
    CHECK(git.branches.at("deploy") == *first.commit);
    if (remote) CHECK(git.origin->at("deploy") == *first.commit);
    CHECK(git.at("deploy").tree.size() == 1);
    const auto second = must(apply(git, desired()));
    CHECK(!second.committed);
    CHECK(second.commit == first.commit);
    CHECK(git.commits.size() == 1);
  }
}

TEST_CASE("files of others on the branch stay") {
  FakeGit git;
  git.branches["deploy"] =
      git.commit({}, {{"README.md", "x"}, {"deploy/staging/fraud/mine.yaml", stranger}, {"deploy/prod/a/b.yaml", "y"}});
  must(apply(git, desired()));
  CHECK(git.at("deploy").tree.size() == 4);
  CHECK(git.at("deploy").tree.at("deploy/staging/fraud/mine.yaml") == stranger);
}

TEST_CASE("origin is what counts: a branch that is behind is moved forward, one that has parted is refused") {
  FakeGit git;
  const auto base = git.commit({}, {{"README.md", "x"}});
  const auto there = git.commit(base, {{"README.md", "y"}});
  git.origin = {{"deploy", there}};
  SUBCASE("not here yet") {}
  SUBCASE("behind") {
    git.branches["deploy"] = base;
  }
  SUBCASE("the same") {
    git.branches["deploy"] = there;
  }
  SUBCASE("parted") {
    git.branches["deploy"] = git.commit(base, {{"README.md", "z"}});
    const auto folder = read_folder(git, where);
    REQUIRE(!folder);
    CHECK(folder.error().kind == Error::Kind::usage);
    CHECK(folder.error().hint.find("git branch --force deploy origin/deploy") != std::string::npos);
    return;
  }
  must(apply(git, desired()));
  CHECK(git.at("deploy").parent == there);
  CHECK(git.origin->at("deploy") == git.branches.at("deploy"));
}

TEST_CASE("commits that are only here are not pushed along") {
  FakeGit git;
  git.origin.emplace();
  const auto kept = must(apply(git, desired(), false));
  CHECK(!kept.pushed);
  CHECK(kept.notes.size() == 1);
  CHECK(git.pushes == 0);
  const auto refused = apply(git, desired(8));
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().hint == "`git push origin deploy`, then try again");
  CHECK(must(apply(git, desired(8), false)).committed);
}

TEST_CASE("a branch that is checked out is refused, and nothing happens") {
  FakeGit git;
  git.checked_out.push_back("deploy");
  const auto refused = apply(git, desired());
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(git.commits.empty());
}

TEST_CASE("a look at a version that is not assigned is never applied") {
  FakeGit git;
  const auto refused = apply(git, desired(0));
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::usage);
  CHECK(refused.error().hint.find("mlctl assign fraud/credit-risk@v1.2.3 staging") != std::string::npos);
}

TEST_CASE("whoever is faster at origin is built upon, unless it is about the same models") {
  struct Case {
    const char* what;
    std::string other_path, other_text;
    std::optional<Error::Kind> error;
    std::size_t commits;  // on origin in the end
  };
  for (const auto& c : std::vector<Case>{
           {"another model", "deploy/staging/fraud/other.yaml", desired(7, {"other"}).files[1].text, std::nullopt, 2},
           {"the same files", full, desired().files[0].text, std::nullopt, 1},
           {"a newer N of this model", full, desired(9).files[0].text, Error::Kind::denied, 1},
           {"an older N of this model", full, desired(3).files[0].text, Error::Kind::conflict, 1},
       }) {
    CAPTURE(c.what);
    FakeGit git;
    git.origin.emplace();
    git.before_push = [&] { (*git.origin)["deploy"] = git.commit({}, {{c.other_path, c.other_text}}); };
    const auto report = apply(git, desired());
    REQUIRE(report.operator bool() == !c.error);
    if (c.error) CHECK(report.error().kind == *c.error);
    std::size_t length = 0;
    for (std::optional<std::string> at = git.origin->at("deploy"); at; at = git.commits.at(*at).parent) ++length;
    CHECK(length == c.commits);
    CHECK(git.commits.at(git.origin->at("deploy")).tree.at(c.other_path) == c.other_text);
  }
}

TEST_CASE("somebody who is always faster ends in a conflict, not in a loop") {
  FakeGit git;
  git.origin.emplace();
  int n = 0;
  std::function<void()> faster = [&] {
    const auto parent = git.origin->count("deploy") != 0 ? std::optional(git.origin->at("deploy")) : std::nullopt;
    (*git.origin)["deploy"] = git.commit(parent, {{"README.md", std::to_string(++n)}});
    git.before_push = faster;
  };
  git.before_push = faster;
  const auto report = apply(git, desired());
  REQUIRE(!report);
  CHECK(report.error().kind == Error::Kind::conflict);
  CHECK(n == 5);
}

TEST_CASE("killed after the push, the next apply finds everything done and the branch can follow") {
  FakeGit git;
  git.origin.emplace();
  git.before_move = [&] { git.branches["deploy"] = git.commit({}, {{"x", "y"}}); };
  const auto report = must(apply(git, desired()));
  CHECK(report.pushed);
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].find("was not moved") != std::string::npos);
  git.branches.erase("deploy");
  CHECK(!must(apply(git, desired())).committed);
  CHECK(must(apply(git, desired(8))).committed);
  CHECK(git.branches.at("deploy") == git.origin->at("deploy"));
}

TEST_CASE("without an origin whoever is faster here is built upon") {
  FakeGit git;
  git.before_move = [&] { git.branches["deploy"] = git.commit({}, {{"README.md", "x"}}); };
  CHECK(must(apply(git, desired())).committed);
  CHECK(git.at("deploy").tree.size() == 2);
}

TEST_CASE("links and other folders are seen, not read") {
  FakeGit git;
  git.branches["deploy"] = git.commit(
      {}, {{full, "../../../etc/passwd"}, {"deploy/staging/fraud/deep.yaml/x", "y"}, {"deploy/staging/top.yaml", "z"}});
  git.kinds[full] = registry::TreeEntry::Kind::link;
  const auto folder = folder_of(git);
  CHECK(folder.files.empty());
  CHECK(folder.others.at(path) == "a link");
  CHECK(folder.others.at("fraud/deep.yaml") == "a folder");
  CHECK(folder.others.at("top.yaml") == "a file");
}
