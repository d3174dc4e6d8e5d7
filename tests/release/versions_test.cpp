#include "release/versions.h"

#include <doctest/doctest.h>

#include "release/files.h"
#include "release/reference.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::release {
namespace {

using namespace registry::test;

struct Place {
  TemporaryFolder folder = temporary_folder();
  std::unique_ptr<registry::Store> store;
  Place() {
    auto opened = registry::open_disk_store(folder.path() / "registry");
    REQUIRE(opened);
    store = std::move(*opened);
  }
};

std::string next(Place& place, const std::vector<registry::ModelFile>& files, const std::string& asked = "") {
  const auto packed = registry::pack_digest(files);
  REQUIRE(packed);
  auto chosen = next_to_push(*place.store, name("credit-risk"), packed->digest,
                             asked.empty() ? std::optional<registry::Version>() : std::optional(version(asked)));
  REQUIRE(chosen);
  return to_string(chosen->version) + (chosen->same ? " (the same files)" : "");
}

TEST_CASE("the version of a push that names none") {
  struct Case {
    const char* name;
    std::vector<const char*> there;  // each with content of its own, "= v1.0.0" with the content to be pushed
    const char* asked;
    const char* expected;
  };
  for (const auto& c : std::vector<Case>{
           {"the first", {}, "", "v0.0.1"},
           {"the next patch", {"v1.0.0"}, "", "v1.0.1"},
           {"after the newest by precedence, not by time", {"v2.0.0", "v1.9.9"}, "", "v2.0.1"},
           {"a prerelease is completed", {"v1.3.0-rc.1"}, "", "v1.3.0"},
           {"the newest has these files: no new one", {"v1.0.0", "=v1.0.1"}, "", "v1.0.1 (the same files)"},
           {"an older one has them: they come back as a new one", {"=v1.0.0", "v1.0.1"}, "", "v1.0.2"},
           {"asked for", {"v1.0.0"}, "v3.0.0", "v3.0.0"},
       }) {
    CAPTURE(c.name);
    Place place;
    for (const std::string at : c.there) {
      const bool same = at.front() == '=';
      const auto tag = same ? at.substr(1) : at;
      pushed(*place.store, "credit-risk", tag,
             small_model(same ? "{\"learner\":{}}" : "{\"learner\":{},\"x\":\"" + tag + "\"}"));
    }
    CHECK(next(place, small_model(), c.asked) == c.expected);
  }
}

TEST_CASE("a file of the same size with other content makes a new version") {
  Place place;
  pushed(*place.store, "credit-risk", "v1.0.0", small_model("{\"learner\":{\"a\":1}}"));
  CHECK(next(place, small_model("{\"learner\":{\"a\":2}}")) == "v1.0.1");
}

TEST_CASE("a rehearsed push reports what the push then does, and refuses what it would refuse") {
  Place place;
  const auto rehearsed = rehearse_push(*place.store, name("credit-risk"), small_model(),
                                       *registry::pack_digest(small_model()), version("v1.0.0"));
  REQUIRE(rehearsed);
  CHECK_FALSE(std::filesystem::exists(place.folder.path() / "registry"));
  const auto done = pushed(*place.store, "credit-risk", "v1.0.0", small_model());
  CHECK(rehearsed->manifest == done.manifest);
  CHECK(rehearsed->image == done.image);
  CHECK(rehearsed->bytes == done.bytes);
  CHECK_FALSE(rehearsed->existed);
  CHECK(rehearse_push(*place.store, name("credit-risk"), small_model(), *registry::pack_digest(small_model()),
                      version("v1.0.0"))
            ->existed);

  const auto other = small_model("{\"learner\":{\"a\":1}}");
  const auto refused =
      rehearse_push(*place.store, name("credit-risk"), other, *registry::pack_digest(other), version("v1.0.0"));
  const auto really = registry::push(*place.store, name("credit-risk"), other, version("v1.0.0"), {}, no_progress());
  REQUIRE_FALSE(refused);
  REQUIRE_FALSE(really);
  CHECK(refused.error().kind == Error::Kind::conflict);
  CHECK(refused.error().message == really.error().message);
  CHECK(refused.error().hint == really.error().hint);
}

TEST_CASE("references") {
  const std::string digest = "sha256:" + std::string(64, 'a');
  struct Case {
    std::string text, model, at;  // at: "" refused
  };
  for (const auto& c : std::vector<Case>{
           {"credit-risk@v1.2.3", "credit-risk", "v1.2.3"},
           {"models/credit-risk@v1.2.3", "models/credit-risk", "v1.2.3"},
           {"./odd@folder@v1.0.0+b", "./odd@folder", "v1.0.0+b"},
           {"credit-risk@" + digest, "credit-risk", digest},
           {"fraud/credit-risk#prod", "fraud/credit-risk", "#prod"},
           {"credit-risk@sha256:2bdd473e13a1", "credit-risk", "2bdd473e13a1…"},
           {"credit-risk@2bdd473e13a1", "credit-risk", "2bdd473e13a1…"},
           {"credit-risk", "", ""},
           {"credit-risk@", "", ""},
           {"@v1.0.0", "", ""},
           {"credit-risk#Prod", "", ""},
           {"credit-risk@1.0.0", "", ""},
           {"credit-risk@sha256:abc", "", ""},
       }) {
    CAPTURE(c.text);
    const auto split = split_reference(c.text);
    REQUIRE(static_cast<bool>(split) == !c.at.empty());
    if (!split) {
      CHECK(split.error().kind == Error::Kind::usage);
      continue;
    }
    CHECK(split->model == c.model);
    if (const auto* at = std::get_if<registry::Version>(&split->at)) CHECK(to_string(*at) == c.at);
    if (const auto* at = std::get_if<Digest>(&split->at)) CHECK(to_string(*at) == c.at);
    if (const auto* at = std::get_if<DigestPart>(&split->at)) CHECK(at->hex + "…" == c.at);
    if (const auto* at = std::get_if<std::string>(&split->at)) CHECK("#" + *at == c.at);
  }
}

TEST_CASE("a reference finds its digest") {
  Place place;
  const Project project{.root = place.folder.path()};  // a registry is enough
  const auto first = pushed(*place.store, "fraud/credit-risk", "v1.0.0", small_model());
  const auto found = find_reference(project, *place.store, nullptr, "credit-risk@v1.0.0");
  REQUIRE(found);
  CHECK(to_string(found->model) == "fraud/credit-risk");
  CHECK(found->digest == first.manifest);
  CHECK(find_reference(project, *place.store, nullptr, "fraud/credit-risk@" + to_string(first.manifest))->digest ==
        first.manifest);
  const auto brief = find_reference(project, *place.store, nullptr, "credit-risk@" + first.manifest.brief());
  REQUIRE(brief);
  CHECK(brief->digest == first.manifest);
  CHECK(find_reference(project, *place.store, nullptr, "credit-risk@sha256:0000000").error().kind ==
        Error::Kind::not_found);

  CHECK(find_reference(project, *place.store, nullptr, "credit-risk@v9.0.0").error().kind == Error::Kind::not_found);
  CHECK(find_reference(project, *place.store, nullptr, "nobody@v1.0.0").error().kind == Error::Kind::not_found);
  CHECK(find_reference(project, *place.store, nullptr, "credit-risk#prod").error().kind ==
        Error::Kind::usage);  // no git
  pushed(*place.store, "retail/credit-risk", "v1.0.0", small_model());
  CHECK(find_reference(project, *place.store, nullptr, "credit-risk@v1.0.0").error().kind ==
        Error::Kind::usage);  // which one?
}

}  // namespace
}  // namespace mlctl::release
