#include "registry/intent.h"

#include <doctest/doctest.h>
#include <set>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/registry/repository_fixture.h"

namespace mlctl::registry {
namespace {

using test::git;
using test::Repository;

const ModelName model{"fraud", "a"};

Version version(const std::string& text) {
  return *parse_version(text);
}

// Three commits in a row, and one beside them.
struct World {
  Repository repository;
  ObjectId first = repository.commit({{"a", "1"}}, "first");
  ObjectId second = repository.commit({{"a", "2"}}, "second");
  ObjectId third = repository.commit({{"a", "3"}}, "third");
  ObjectId side = [this] {
    git(repository.work, {"checkout", "-q", "-b", "side", first});
    const auto id = repository.commit({{"b", "1"}}, "side");
    git(repository.work, {"checkout", "-q", "main"});
    return id;
  }();
  std::unique_ptr<Git> here = repository.open();

  AssignRequest request(const std::string& at, const ObjectId& commit) const {
    return {model, "prod", version(at), digest_of(at), commit};
  }
  ModelTags tags() const { return {model, *here->tags()}; }
  bool at_origin(const std::string& tag) const { return !git(repository.origin, {"tag", "-l", tag}).empty(); }
};

TEST_CASE("register_version") {
  World world;
  const Registration one{model, version("v1.0.0"), world.first, digest_of("one")};
  auto made = register_version(*world.here, one);
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  CHECK(made->tag == "fraud/a@v1.0.0");
  CHECK_FALSE(made->existed);
  CHECK(made->pushed);
  CHECK(world.at_origin("fraud/a@v1.0.0"));
  CHECK(world.tags().find(version("v1.0.0"))->digest == digest_of("one"));
  CHECK(git(world.repository.work, {"cat-file", "-p", "fraud/a@v1.0.0"}).find("\ndigest: sha256:") !=
        std::string::npos);

  CHECK(register_version(*world.here, one)->existed);
  auto elsewhere = one;
  elsewhere.commit = world.second;
  CHECK(register_version(*world.here, elsewhere).error().kind == Error::Kind::conflict);
  auto other = one;
  other.digest = digest_of("other");
  auto refused = register_version(*world.here, other);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::conflict);
  CHECK(refused.error().message.find(to_string(digest_of("one"))) != std::string::npos);
  CHECK(refused.error().message.find(to_string(digest_of("other"))) != std::string::npos);
}

TEST_CASE("register_version without push, and the push that comes later") {
  World world;
  Registration one{model, version("v1.0.0"), world.first, digest_of("one"), false};
  CHECK_FALSE(register_version(*world.here, one)->pushed);
  CHECK_FALSE(world.at_origin("fraud/a@v1.0.0"));
  one.push = true;
  auto again = register_version(*world.here, one);
  REQUIRE(again);
  CHECK(again->existed);
  CHECK(again->pushed);
  CHECK(world.at_origin("fraud/a@v1.0.0"));
}

TEST_CASE("register_version beside tags made by hand") {
  World world;
  git(world.repository.work, {"tag", "-a", "-m", "by hand", "fraud/a@v1.0.0", world.first});
  git(world.repository.work, {"tag", "fraud/a@v2.0.0", world.first});
  CHECK(register_version(*world.here, {model, version("v1.0.0"), world.first, digest_of("x")})->existed);
  auto light = register_version(*world.here, {model, version("v2.0.0"), world.first, digest_of("x")});
  REQUIRE_FALSE(light);
  CHECK(light.error().kind == Error::Kind::conflict);
  CHECK(light.error().message.find("lightweight") != std::string::npos);
  git(world.repository.work, {"tag", "-a", "-m", "gone", "fraud/a@v1.0.0!", world.first},
      {{"GIT_COMMITTER_DATE", "2099-01-01T00:00:00Z"}});
  auto back = register_version(*world.here, {model, version("v1.0.0"), world.second, digest_of("y")});
  REQUIRE(back);
  CHECK(back->tag == "fraud/a@v1.0.0#1");
}

TEST_CASE("assign takes the next number and goes on from where it was cut off") {
  World world;
  auto one = assign(*world.here, world.request("v1.0.0", world.first));
  REQUIRE_MESSAGE(one, (one ? "" : one.error().message));
  CHECK(one->n == 1);
  CHECK(one->pushed);
  CHECK(world.at_origin("fraud/a#prod#1"));
  auto again = assign(*world.here, world.request("v1.0.0", world.first));
  CHECK(again->existed);
  CHECK(again->n == 1);
  auto staging = world.request("v1.1.0", world.second);
  staging.stage = "staging";
  CHECK(assign(*world.here, staging)->n == 2);  // counted over all stages
  CHECK(assign(*world.here, world.request("v1.1.0", world.second))->n == 3);
  const auto now = world.tags().assignment("prod");
  REQUIRE(now);
  CHECK((*now)->version == version("v1.1.0"));
  CHECK((*now)->digest == digest_of("v1.1.0"));
  // Cut off between the ref here and the push.
  auto local = world.request("v1.2.0", world.third);
  local.push = false;
  CHECK_FALSE(assign(*world.here, local)->pushed);
  CHECK_FALSE(world.at_origin("fraud/a#prod#4"));
  local.push = true;
  CHECK(assign(*world.here, local)->existed);
  CHECK(world.at_origin("fraud/a#prod#4"));
}

TEST_CASE("assign refuses what is older or has parted") {
  World world;
  REQUIRE(assign(*world.here, world.request("v1.1.0", world.second)));
  auto older = assign(*world.here, world.request("v1.0.0", world.first));
  REQUIRE_FALSE(older);
  CHECK(older.error().kind == Error::Kind::denied);
  CHECK(older.error().message.find("is older than v1.1.0") != std::string::npos);
  auto parted = world.request("v1.5.0", world.side);
  CHECK(assign(*world.here, parted).error().kind == Error::Kind::denied);
  CHECK(world.tags().history().size() == 1);
  parted.force = true;
  CHECK(assign(*world.here, parted)->n == 2);
}

TEST_CASE("what assign would refuse can be asked before, and asking takes nothing") {
  World world;
  REQUIRE(assign(*world.here, world.request("v1.0.0", world.first)));
  REQUIRE(assign(*world.here, world.request("v1.1.0", world.second)));
  const auto ask = [&](const AssignRequest& request) {
    const auto may = check_assignable(*world.here, world.tags(), request);
    return may ? std::optional<Error::Kind>() : std::optional(may.error().kind);
  };
  CHECK(ask(world.request("v1.0.0", world.first)) == Error::Kind::denied);  // older
  CHECK(ask(world.request("v1.1.0", world.second)) == std::nullopt);        // said already
  CHECK(ask(world.request("v1.2.0", world.third)) == std::nullopt);
  auto parted = world.request("v1.5.0", world.side);
  CHECK(ask(parted) == Error::Kind::denied);
  parted.force = true;
  CHECK(ask(parted) == std::nullopt);
  auto other = world.request("v1.1.0", world.second);
  other.digest = digest_of("other");
  CHECK(ask(other) == Error::Kind::conflict);
  CHECK(world.tags().history().size() == 2);
}

TEST_CASE("a version that was judged against what is no longer there is not assigned") {
  World world;
  auto judged = world.request("v1.2.0", world.third);
  judged.seen = 1;
  REQUIRE(assign(*world.here, world.request("v1.0.0", world.first)));
  REQUIRE(assign(*world.here, world.request("v1.1.0", world.second)));  // meanwhile
  CHECK(assign(*world.here, judged).error().kind == Error::Kind::conflict);
  judged.seen = 2;
  CHECK(assign(*world.here, judged)->n == 3);
  CHECK(assign(*world.here, judged)->existed);  // cut off and called again
}

TEST_CASE("another version of the same commit is a new assignment") {
  World world;
  CHECK(assign(*world.here, world.request("v1.0.0", world.first))->n == 1);
  CHECK(assign(*world.here, world.request("v1.0.1", world.first))->n == 2);
  auto other = world.request("v1.0.1", world.first);
  other.digest = digest_of("other");
  CHECK(assign(*world.here, other).error().kind == Error::Kind::conflict);
}

TEST_CASE("the way back takes exactly the number it saw next, and the bad version stays out until it is allowed") {
  World world;
  REQUIRE(assign(*world.here, world.request("v1.0.0", world.first)));
  REQUIRE(assign(*world.here, world.request("v1.1.0", world.second)));
  auto back = world.request("v1.0.0", world.first);
  back.denied = digest_of("v1.1.0");
  back.expected = 7;
  CHECK(assign(*world.here, back).error().kind == Error::Kind::conflict);
  back.expected = 3;
  auto taken = assign(*world.here, back);
  REQUIRE_MESSAGE(taken, (taken ? "" : taken.error().message));
  CHECK(taken->n == 3);
  CHECK(assign(*world.here, back)->existed);  // cut off and called again
  CHECK(world.tags().denied("prod") == std::set<Digest>{digest_of("v1.1.0")});

  auto bad = world.request("v1.1.0", world.second);
  CHECK(assign(*world.here, bad).error().kind == Error::Kind::denied);
  CHECK(assign(*world.here, world.request("v1.2.0", world.third))->n == 4);
  bad.commit = world.third;
  bad.allow = true;
  CHECK(assign(*world.here, bad)->n == 5);
  CHECK(world.tags().denied("prod").empty());
}

TEST_CASE("unassign") {
  World world;
  CHECK(unassign(*world.here, {model, "prod"})->existed);
  REQUIRE(assign(*world.here, world.request("v1.0.0", world.first)));
  UnassignRequest request{model, "prod", true, digest_of("v1.0.0"), 9};
  CHECK(unassign(*world.here, request).error().kind == Error::Kind::conflict);
  request.expected = 2;
  auto gone = unassign(*world.here, request);
  REQUIRE(gone);
  CHECK(gone->tag == "fraud/a#prod!#2");
  CHECK(world.at_origin("fraud/a#prod!#2"));
  CHECK_FALSE(world.tags().assignment("prod")->has_value());
  CHECK(world.tags().denied("prod").size() == 1);
  CHECK(unassign(*world.here, request)->existed);
}

TEST_CASE("an origin that cannot be reached gives no number, unless nobody wants to push") {
  World world;
  git(world.repository.work, {"remote", "set-url", "origin", "/gone"});
  auto request = world.request("v1.0.0", world.first);
  CHECK(assign(*world.here, request).error().kind == Error::Kind::unavailable);
  CHECK(world.here->tags()->empty());
  request.push = false;
  CHECK(assign(*world.here, request)->n == 1);
  git(world.repository.work, {"remote", "remove", "origin"});
  auto alone = assign(*world.here, world.request("v1.1.0", world.second));
  REQUIRE(alone);
  CHECK_FALSE(alone->pushed);
}

// Somebody takes a number between our look and our push.
TEST_CASE("of many clones that assign at once, each takes its own number") {
  World world;
  constexpr int processes = 6;
  std::vector<std::filesystem::path> clones;
  for (int i = 0; i < processes; ++i) clones.push_back(world.repository.clone("c" + std::to_string(i)));
  std::vector<pid_t> pids;
  for (int i = 0; i < processes; ++i) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      auto opened = open_git(clones[static_cast<std::size_t>(i)]);
      if (!opened) ::_exit(100);
      AssignRequest request{model, "prod", version("v1.0." + std::to_string(i)), digest_of("x"), world.first};
      auto taken = assign(**opened, request);
      ::_exit(taken && !taken->existed ? static_cast<int>(taken->n) : 101);
    }
    pids.push_back(pid);
  }
  std::set<int> numbers;
  for (const auto pid : pids) {
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(WIFEXITED(status));
    numbers.insert(WEXITSTATUS(status));
  }
  CHECK(numbers == std::set<int>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("deregister") {
  World world;
  const DeregisterRequest request{model, version("v1.0.0")};
  CHECK(deregister(*world.here, request).error().kind == Error::Kind::not_found);
  REQUIRE(register_version(*world.here, {model, version("v1.0.0"), world.first, digest_of("v1.0.0")}));
  REQUIRE(assign(*world.here, world.request("v1.0.0", world.first)));
  CHECK(stages_running(world.tags(), &request.version) == std::vector<std::string>{"prod"});
  CHECK(deregister(*world.here, request).error().kind == Error::Kind::denied);
  REQUIRE(unassign(*world.here, {.model = model, .stage = "prod"}));
  auto made = deregister(*world.here, request);
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  CHECK(made->tag == "fraud/a@v1.0.0!#3");
  CHECK(made->pushed);
  CHECK(world.at_origin("fraud/a@v1.0.0!#3"));
  CHECK_FALSE(world.tags().find(version("v1.0.0")));
  REQUIRE(world.tags().withdrawal(version("v1.0.0")) != nullptr);
  CHECK(world.tags().withdrawal(version("v1.0.0"))->lines.digest == digest_of("v1.0.0"));
  CHECK(deregister(*world.here, request)->existed);

  auto back = register_version(*world.here, {model, version("v1.0.0"), world.first, digest_of("v1.0.0")});
  REQUIRE(back);
  CHECK(back->tag == "fraud/a@v1.0.0#4");
  CHECK(world.tags().withdrawal(version("v1.0.0")) == nullptr);
  CHECK(deregister(*world.here, request)->tag == "fraud/a@v1.0.0!#5");
}

TEST_CASE("deregister by force takes back what a stage runs") {
  World world;
  REQUIRE(register_version(*world.here, {model, version("v1.0.0"), world.first, digest_of("v1.0.0")}));
  REQUIRE(assign(*world.here, world.request("v1.0.0", world.first)));
  REQUIRE(deregister(*world.here, {.model = model, .version = version("v1.0.0"), .push = false, .force = true}));
  CHECK_FALSE(world.at_origin("fraud/a@v1.0.0!#2"));
  CHECK(world.tags().assignment("prod"));  // what was assigned stays what it was
  // The push that was left out comes with the next one.
  auto again = deregister(*world.here, {.model = model, .version = version("v1.0.0")});
  REQUIRE(again);
  CHECK(again->existed);
  CHECK(world.at_origin("fraud/a@v1.0.0!#2"));
}

TEST_CASE("deprecate") {
  World world;
  CHECK(deprecate(*world.here, {.model = model}).error().kind == Error::Kind::not_found);
  REQUIRE(register_version(*world.here, {model, version("v1.0.0"), world.first, digest_of("v1.0.0")}));
  REQUIRE(assign(*world.here, world.request("v1.0.0", world.first)));
  CHECK(deprecate(*world.here, {.model = model}).error().kind == Error::Kind::denied);
  REQUIRE(unassign(*world.here, {.model = model, .stage = "prod"}));
  auto made = deprecate(*world.here, {.model = model});
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  CHECK(made->tag == "fraud/a@deprecated#3");
  CHECK(world.at_origin("fraud/a@deprecated#3"));
  CHECK(world.tags().deprecated());
  CHECK(deprecate(*world.here, {.model = model})->existed);

  auto request = world.request("v1.0.0", world.first);
  CHECK(assign(*world.here, request).error().kind == Error::Kind::denied);
  CHECK(check_assignable(*world.here, world.tags(), request).error().kind == Error::Kind::denied);
  // Within the same second, so that only its number says that it came after.
  REQUIRE(register_version(*world.here, {model, version("v1.1.0"), world.second, digest_of("v1.1.0")}));
  CHECK_FALSE(world.tags().deprecated());
  CHECK(assign(*world.here, world.request("v1.1.0", world.second)));
}

}  // namespace
}  // namespace mlctl::registry
