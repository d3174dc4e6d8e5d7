#include "registry/tags.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace mlctl::registry {
namespace {

const ModelName model{"fraud", "a"};
const ObjectId c1(40, '1'), c2(40, '2');

GitTag tag(const std::string& name, int second, const ObjectId& commit = c1, const std::string& message = "") {
  return {name, commit, true, message, {"Ada", "ada@example.org", WallTime(std::chrono::seconds(second))}};
}

std::string digest_line(const std::string& of) {
  return "digest: " + to_string(digest_of(of)) + "\n";
}

TEST_CASE("parse_tag reads GTO's grammar, for names that ours may have") {
  struct Case {
    const char* name;
    TagEvent::Kind kind;
  };
  for (const auto& c : std::vector<Case>{
           {"a@v1.2.3", TagEvent::Kind::registration},
           {"fraud/a@v1.2.3", TagEvent::Kind::registration},
           {"a@v1.2.3-rc.1+b", TagEvent::Kind::registration},
           {"a@v1.2.3#4", TagEvent::Kind::registration},
           {"a@v1.2.3!", TagEvent::Kind::deregistration},
           {"a@v1.2.3!#5", TagEvent::Kind::deregistration},
           {"a#prod#1", TagEvent::Kind::assignment},
           {"a#prod", TagEvent::Kind::assignment},
           {"a#prod!#12", TagEvent::Kind::unassignment},
           {"a@deprecated", TagEvent::Kind::deprecation},
           {"a@deprecated#3", TagEvent::Kind::deprecation},
           {"a@created", TagEvent::Kind::creation},
       }) {
    CAPTURE(c.name);
    const auto event = parse_tag(c.name);
    REQUIRE(event);
    CHECK(event->kind == c.kind);
    CHECK(tag_name(*event) == c.name);
  }
  for (const char* name : {"v1.2.3",       "a",
                           "a@",           "a#",
                           "a@1.2.3",      "a@v1.2",
                           "A@v1.2.3",     "a@v1.2.3#",
                           "a@v1.2.3#x",   "a#p#q",
                           "a#prod#1#2",   "a#prod##1",
                           "a#prod#-1",    "a#prod#99999999999999999999",
                           "a#Prod#1",     "@v1.0.0",
                           "a/b/c@v1.0.0", "a#prod!!#1",
                           "a@v1.2.3!!",   "a@Deprecated",
                           "a#!#1",        "dir=a@v1.0.0"}) {
    CAPTURE(name);
    CHECK_FALSE(parse_tag(name));
  }
}

TEST_CASE("messages are written and read back, whatever else stands in them") {
  const TagMessage lines{*parse_version("v1.0.0"), digest_of("a"), digest_of("b"), digest_of("c")};
  const auto read = parse_message(format_message("Register it", lines));
  CHECK(read.version == lines.version);
  CHECK(read.digest == lines.digest);
  CHECK(read.denied == lines.denied);
  CHECK(read.allowed == lines.allowed);
  CHECK(parse_message("hello\r\n" + digest_line("a")).digest == digest_of("a"));
  for (const char* text :
       {"", "digest:", "digest: sha256:12", "my digest: x", "version: 1.0", " version: v1.0.0", "\n\n"})
    CHECK((!parse_message(text).digest && !parse_message(text).version));
  for (const auto& unclear :
       {std::string("digest:"), std::string("digest: sha256:12"), std::string("Digest: sha256:12"),
        "digest:" + to_string(digest_of("a")), digest_line("a") + digest_line("b")}) {
    CAPTURE(unclear);
    CHECK(parse_message("Register it\n\n" + unclear).unclear);
  }
  for (const auto& clear :
       {std::string(), std::string("Digest: all of it"), digest_line("a"), digest_line("a") + digest_line("a")})
    CHECK_FALSE(parse_message("Register it\n\n" + clear).unclear);
}

TEST_CASE("a version is registered when its newest event says so") {
  const ModelTags tags(model, {tag("fraud/a@v1.0.0", 1), tag("fraud/a@v1.10.0", 2), tag("fraud/a@v1.9.0", 3),
                               tag("fraud/a@v1.9.0!", 4), tag("fraud/b@v3.0.0", 5), tag("a@v4.0.0", 6)});
  const auto versions = tags.versions();
  REQUIRE(versions.size() == 2);
  CHECK(to_string(versions[0].version) == "v1.0.0");
  CHECK(to_string(versions[1].version) == "v1.10.0");
  CHECK_FALSE(tags.find(*parse_version("v1.9.0")));
  CHECK(tags.find(*parse_version("v1.10.0"))->tagger == "Ada");
  CHECK(tags.history().size() == 4);
  const ModelTags again(model, {tag("fraud/a@v1.0.0", 1), tag("fraud/a@v1.0.0!", 2), tag("fraud/a@v1.0.0#3", 3)});
  CHECK(again.versions().size() == 1);
  // All in one second: what undoes comes after.
  CHECK(ModelTags(model, {tag("fraud/a@v1.0.0!", 1), tag("fraud/a@v1.0.0", 1)}).versions().empty());
}

TEST_CASE("what happened to a version goes by N too: clocks may be behind") {
  const ModelTags gone(model, {tag("fraud/a@v1.0.0", 100), tag("fraud/a@v1.0.0!#3", 50)});
  CHECK(gone.versions().empty());
  CHECK_FALSE(gone.find(*parse_version("v1.0.0")));
  const ModelTags back(model, {tag("fraud/a@v1.0.0", 100), tag("fraud/a@v1.0.0!#3", 50), tag("fraud/a@v1.0.0#4", 20)});
  CHECK(back.versions().size() == 1);
  CHECK(back.find(*parse_version("v1.0.0"))->tag == "fraud/a@v1.0.0#4");
}

TEST_CASE("lightweight tags are reported, never counted, and their numbers are taken") {
  GitTag light = tag("fraud/a#prod#7", 1);
  light.annotated = false;
  GitTag tree = tag("fraud/a@v2.0.0", 1);
  tree.commit = "";
  const ModelTags tags(model, {light, tree, tag("fraud/a@v1.0.0", 2), tag("fraud/a#prod#3", 3)});
  CHECK(tags.ignored() == std::vector<std::string>{"fraud/a#prod#7", "fraud/a@v2.0.0"});
  CHECK((*tags.assignment("prod"))->n == 3);
  CHECK(tags.next_counter() == 8);
}

TEST_CASE("assignments go by N, not by time, and the difference is told") {
  const ModelTags tags(model,
                       {tag("fraud/a@v1.0.0", 1, c1, digest_line("one")), tag("fraud/a@v1.1.0", 2, c2),
                        tag("fraud/a#prod#2", 5, c1), tag("fraud/a#prod#3", 4, c2), tag("fraud/a#staging#1", 3, c1)});
  const auto now = tags.assignment("prod");
  REQUIRE(now);
  REQUIRE(now->has_value());
  CHECK((*now)->n == 3);
  CHECK(to_string((*now)->version) == "v1.1.0");
  CHECK_FALSE((*now)->digest);
  CHECK(tags.time_order_differs("prod") == "fraud/a#prod#2");
  CHECK_FALSE(tags.time_order_differs("staging"));
  CHECK_FALSE(tags.time_order_differs("nowhere"));
  CHECK((*tags.assignment("staging"))->digest == digest_of("one"));
  CHECK_FALSE(tags.assignment("nowhere")->has_value());
  CHECK(tags.stages() == std::vector<std::string>{"prod", "staging"});
  CHECK(tags.next_counter() == 4);
  const auto all = tags.assignments("prod");
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK((*all)[0].n == 3);
}

TEST_CASE("an unassignment that is newest empties the stage") {
  const ModelTags tags(model, {tag("fraud/a@v1.0.0", 1), tag("fraud/a#prod#1", 2), tag("fraud/a#prod!#2", 3)});
  CHECK_FALSE(tags.assignment("prod")->has_value());
  CHECK(tags.assignments("prod")->size() == 1);
}

TEST_CASE("an unassigned stage: other tools fall back to the version before") {
  const std::vector<GitTag> history{tag("fraud/a@v1.0.0", 1, c1), tag("fraud/a@v1.1.0", 2, c2),
                                    tag("fraud/a#prod#1", 3, c1), tag("fraud/a#prod#2", 4, c2)};
  auto tags = history;
  CHECK_FALSE(ModelTags(model, tags).assigned_elsewhere("prod"));
  tags.push_back(tag("fraud/a#prod!#3", 5, c2));
  CHECK_FALSE(ModelTags(model, tags).assignment("prod")->has_value());
  CHECK(ModelTags(model, tags).assigned_elsewhere("prod") == "fraud/a#prod#1");
  tags.push_back(tag("fraud/a#prod!#4", 6, c1));
  CHECK_FALSE(ModelTags(model, tags).assigned_elsewhere("prod"));
}

TEST_CASE("which event of a version counts") {
  struct Case {
    std::string name;
    std::vector<GitTag> tags;
    bool registered;
  };
  for (const auto& c : std::vector<Case>{
           {"registered", {tag("fraud/a@v1.0.0", 1)}, true},
           {"deregistered by GTO, without a number", {tag("fraud/a@v1.0.0", 1), tag("fraud/a@v1.0.0!", 2)}, false},
           {"deregistered by a clock that is behind", {tag("fraud/a@v1.0.0", 9), tag("fraud/a@v1.0.0!#1", 2)}, false},
           {"and registered again",
            {tag("fraud/a@v1.0.0", 1), tag("fraud/a@v1.0.0!#1", 2), tag("fraud/a@v1.0.0#2", 2)},
            true},
           {"by a clock that is behind",
            {tag("fraud/a@v1.0.0", 1), tag("fraud/a@v1.0.0!#1", 9), tag("fraud/a@v1.0.0#2", 2)},
            true},
           {"registered with a number, then deregistered by GTO",
            {tag("fraud/a@v1.0.0#4", 1), tag("fraud/a@v1.0.0!", 2)},
            false},
           {"deregistered by GTO, then registered again",
            {tag("fraud/a@v1.0.0", 1), tag("fraud/a@v1.0.0!", 2), tag("fraud/a@v1.0.0#5", 3)},
            true},
       }) {
    CAPTURE(c.name);
    const ModelTags tags(model, c.tags);
    CHECK(tags.find(*parse_version("v1.0.0")).has_value() == c.registered);
    CHECK((tags.withdrawal(*parse_version("v1.0.0")) == nullptr) == c.registered);
    CHECK(tags.versions().size() == (c.registered ? 1 : 0));
  }
}

TEST_CASE("an assignment and an unassignment with one number: the assignment counts, whatever their times") {
  for (const int second : {2, 4}) {
    const ModelTags tags(model, {tag("fraud/a@v1.0.0", 1), tag("fraud/a#prod#1", 3), tag("fraud/a#prod!#1", second)});
    CHECK(tags.assignment("prod")->has_value());
    CHECK(tags.newest_event("prod")->tag == "fraud/a#prod#1");
  }
}

TEST_CASE("two versions on one commit: the tag's message decides, else it is an error") {
  const std::vector<GitTag> both{tag("fraud/a@v1.0.0", 1, c1), tag("fraud/a@v1.1.0", 2, c1, digest_line("two"))};
  auto tags = both;
  tags.push_back(tag("fraud/a#prod#1", 3, c1));
  const ModelTags by_hand(model, tags);
  CHECK(by_hand.version_at(c1).error().kind == Error::Kind::usage);
  CHECK(by_hand.version_at(c1).error().message.find("v1.0.0, v1.1.0") != std::string::npos);
  CHECK(by_hand.assignment("prod").error().kind == Error::Kind::usage);
  tags.back().message = "x\n\nversion: v1.1.0\n";
  const ModelTags told(model, tags);
  CHECK(to_string((*told.assignment("prod"))->version) == "v1.1.0");
  CHECK((*told.assignment("prod"))->digest == digest_of("two"));
  CHECK(told.version_at(c2).error().kind == Error::Kind::not_found);
  CHECK(ModelTags(model, {tag("fraud/a#prod#1", 1)}).assignment("prod").error().kind == Error::Kind::not_found);
}

TEST_CASE("denials hold until they are taken back") {
  const auto line = [](const char* what, const char* of) {
    return std::string(what) + to_string(digest_of(of)) + "\n";
  };
  std::vector<GitTag> tags{tag("fraud/a@v1.0.0", 1), tag("fraud/a#prod#1", 2),
                           tag("fraud/a#prod#2", 3, c1, line("denied: ", "bad")), tag("fraud/a#prod#3", 4),
                           tag("fraud/a#staging!#4", 5, c1, line("denied: ", "worse"))};
  CHECK(ModelTags(model, tags).denied("prod") == std::set<Digest>{digest_of("bad")});
  CHECK(ModelTags(model, tags).denied("staging") == std::set<Digest>{digest_of("worse")});
  tags.push_back(tag("fraud/a#prod#5", 6, c1, line("allowed: ", "bad")));
  CHECK(ModelTags(model, tags).denied("prod").empty());
}

TEST_CASE("deprecated when the newest event of all says so") {
  std::vector<GitTag> tags{tag("fraud/a@v1.0.0", 1), tag("fraud/a@deprecated", 2)};
  CHECK(ModelTags(model, tags).deprecated());
  tags.push_back(tag("fraud/a@v1.1.0", 3));
  CHECK_FALSE(ModelTags(model, tags).deprecated());
  CHECK(models_of(tags) == std::vector<ModelName>{model});
}

}  // namespace
}  // namespace mlctl::registry
