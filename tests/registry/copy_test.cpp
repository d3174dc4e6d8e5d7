#include "registry/copy.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "registry/bundle.h"
#include "registry/evidence.h"
#include "registry/oci.h"
#include "registry/query.h"
#include "tests/registry/folder_fixture.h"
#include "tests/registry/model_fixture.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using test::get;
using test::name;
using test::put;

std::unique_ptr<Store> disk(const fs::path& path) {
  auto store = open_disk_store(path);
  REQUIRE(store);
  return std::move(*store);
}

CopySet set_of(Store& store, const std::string& model, const std::string& version) {
  auto publication = store.find(name(model), test::version(version));
  REQUIRE(publication);
  REQUIRE(*publication);
  auto set = copy_set(store, name(model), **publication);
  REQUIRE_MESSAGE(set, (set ? "" : set.error().message));
  return std::move(*set);
}

// Two versions of two models, with a statement, and a signature of that statement.
struct World {
  TemporaryFolder folder = test::temporary_folder();
  std::unique_ptr<Store> from = disk(folder.path() / "from");
  PushReport one = test::pushed(*from, "fraud/a", "v1.0.0", test::small_model());
  PushReport two = test::pushed(*from, "b", "v2.0.0+x", test::small_model("{\"learner\":{\"b\":1}}"));
  Digest statement = [this] {
    auto made = attach(*from, name("fraud/a"), one.manifest, EvidenceKind::gate,
                       make_statement(name("fraud/a"), one.manifest, test_result, test_result_predicate({"PASSED"})),
                       "2026-01-01T00:00:00Z");
    REQUIRE(made);
    return *made;
  }();
  Descriptor signature = sign(statement);

  // A referrer of a referrer.
  [[nodiscard]] Descriptor sign(const Digest& subject) const {
    nlohmann::ordered_json manifest{{"schemaVersion", 2}, {"mediaType", oci::manifest_type}};
    const std::string bundle = "the signature";
    for (const std::string_view bytes : {std::string_view("{}"), std::string_view(bundle)})
      REQUIRE(from->put_blob(name("fraud/a"), bytes));
    manifest["artifactType"] = "application/x-signature";
    manifest["config"] = oci::to_json({oci::empty_type, digest_of("{}"), 2, "", {}});
    manifest["layers"] = {oci::to_json({"application/x-signature", digest_of(bundle), bundle.size(), "", {}})};
    manifest["subject"] = oci::to_json({oci::manifest_type, subject, 1, "", {}});
    const auto text = manifest.dump();
    const Descriptor made{oci::manifest_type, digest_of(text), text.size(), "application/x-signature", {{"a", "b"}}};
    REQUIRE(from->put_referrer(name("fraud/a"), subject, made, text));
    return made;
  }
  std::vector<CopySet> sets() { return {set_of(*from, "fraud/a", "v1.0.0"), set_of(*from, "b", "v2.0.0+x")}; }
};

void check_whole(World& world, Store& to) {
  for (const auto& [model, digest] : {std::pair{"fraud/a", world.one.manifest}, {"b", world.two.manifest}}) {
    auto report = verify(to, name(model), digest);
    REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    for (const auto& problem : report->problems) MESSAGE(problem);
    CHECK(report->problems.empty());
  }
  auto found = to.find(name("b"), test::version("v2.0.0+x"));
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->model.digest == world.two.manifest);
  CHECK((*found)->files == 4);
  CHECK((*found)->created == (*world.from->find(name("b"), test::version("v2.0.0+x")))->created);
  auto statements = evidence(to, name("fraud/a"), world.one.manifest);
  REQUIRE(statements);
  REQUIRE(statements->size() == 1);
  CHECK(statements->front().digest == world.statement);
  CHECK(statements->front().created == "2026-01-01T00:00:00Z");
  auto signatures = to.referrers(name("fraud/a"), world.statement);
  REQUIRE(signatures);
  REQUIRE(signatures->size() == 1);
  CHECK(signatures->front().digest == world.signature.digest);
  CHECK(signatures->front().annotations.at("a") == "b");
  CHECK(to.read_manifest(name("fraud/a"), world.signature.digest));
}

TEST_CASE("a copy has everything, and the second sends nothing") {
  World world;
  auto to = disk(world.folder.path() / "to");
  const auto sets = world.sets();
  auto rehearsed = rehearse_copy(*to, sets);
  REQUIRE(rehearsed);
  CHECK_FALSE(fs::exists(world.folder.path() / "to"));
  auto report = copy_versions(*world.from, *to, sets, no_progress());
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  CHECK(report->versions == 2);
  CHECK(report->existed == 0);
  CHECK(report->referrers == 2);
  CHECK(report->sent == report->blobs);
  CHECK(rehearsed->sent == report->sent);
  CHECK(rehearsed->bytes_sent == report->bytes_sent);
  check_whole(world, *to);
  const auto index = get(world.folder.path() / "to/models/fraud/a/index.json");

  auto again = copy_versions(*world.from, *to, sets, no_progress());
  REQUIRE(again);
  CHECK(again->existed == 2);
  CHECK(again->sent == 0);
  CHECK(again->bytes_sent == 0);
  CHECK(get(world.folder.path() / "to/models/fraud/a/index.json") == index);
}

TEST_CASE("a copy goes on where an earlier one stopped") {
  World world;
  const auto sets = world.sets();
  auto to = disk(world.folder.path() / "to");
  REQUIRE(copy_versions(*world.from, *to, sets, no_progress()));
  // As if it had been killed before the index was written, and before one of the blobs.
  const auto folder = world.folder.path() / "to/models/fraud/a";
  put(folder / "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
  fs::remove(folder / "blobs/sha256" / sets[0].blobs.back().digest.hex());
  auto again = copy_versions(*world.from, *to, sets, no_progress());
  REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
  CHECK(again->sent == 1);
  check_whole(world, *to);
}

TEST_CASE("a version with other content is refused before anything is sent") {
  World world;
  auto to = disk(world.folder.path() / "to");
  test::pushed(*to, "b", "v2.0.0+x", test::small_model("{\"learner\":{\"other\":1}}"));
  auto report = copy_versions(*world.from, *to, world.sets(), no_progress());
  REQUIRE_FALSE(report);
  CHECK(report.error().kind == Error::Kind::conflict);
  CHECK(report.error().message.find(to_string(world.two.manifest)) != std::string::npos);
  CHECK_FALSE(fs::exists(world.folder.path() / "to/models/fraud"));
  CHECK(rehearse_copy(*to, world.sets()).error().kind == Error::Kind::conflict);
}

TEST_CASE("bytes that went bad are not copied") {
  for (const std::string_view kind : {"other bytes", "fewer bytes", "more bytes"}) {
    CAPTURE(kind);
    World world;
    const auto sets = world.sets();
    const auto layer = sets[0].blobs[1];
    const auto path = world.folder.path() / "from/models/fraud/a/blobs/sha256" / layer.digest.hex();
    auto bytes = get(path);
    if (kind == "other bytes") bytes[600] = static_cast<char>(bytes[600] ^ 1);
    if (kind == "fewer bytes") bytes.pop_back();
    if (kind == "more bytes") bytes += 'x';
    put(path, bytes);
    auto to = disk(world.folder.path() / "to");
    auto report = copy_versions(*world.from, *to, sets, no_progress());
    REQUIRE_FALSE(report);
    CHECK(report.error().kind == Error::Kind::corrupt);
    CHECK_FALSE(fs::exists(world.folder.path() / "to/models/fraud/a/blobs/sha256" / layer.digest.hex()));
    CHECK(to->publications(name("fraud/a"))->empty());
    auto bundle = write_bundle(*world.from, sets, world.folder.path() / "b.tar", no_progress());
    REQUIRE_FALSE(bundle);
    CHECK(bundle.error().kind == Error::Kind::corrupt);
    for (const auto& entry : fs::directory_iterator(world.folder.path())) CHECK(entry.is_directory());
  }
}

TEST_CASE("a bundle is a registry in one file, the same bytes each time") {
  World world;
  const auto file = world.folder.path() / "out" / "b.tar";
  auto report = write_bundle(*world.from, world.sets(), file, no_progress());
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  CHECK(report->versions == 2);
  CHECK(report->sent == report->blobs);
  auto sets = world.sets();
  std::swap(sets[0], sets[1]);
  REQUIRE(write_bundle(*world.from, sets, world.folder.path() / "c.tar", no_progress()));
  CHECK(get(file) == get(world.folder.path() / "c.tar"));

  auto bundle = open_bundle(file);
  REQUIRE_MESSAGE(bundle, (bundle ? "" : bundle.error().message));
  check_whole(world, **bundle);
  CHECK((*bundle)->models()->size() == 2);
  CHECK((*bundle)->put_blob(name("b"), "x").error().kind == Error::Kind::usage);

  // And back: the same as a copy without the file between.
  auto to = disk(world.folder.path() / "to");
  REQUIRE(copy_versions(**bundle, *to, {set_of(**bundle, "fraud/a", "v1.0.0"), set_of(**bundle, "b", "v2.0.0+x")},
                        no_progress()));
  check_whole(world, *to);
  auto direct = disk(world.folder.path() / "direct");
  REQUIRE(copy_versions(*world.from, *direct, world.sets(), no_progress()));
  CHECK(get(world.folder.path() / "to/models/fraud/a/index.json") ==
        get(world.folder.path() / "direct/models/fraud/a/index.json"));
}

TEST_CASE("a file that is there is replaced only when nothing is lost by it") {
  World world;
  const auto sets = world.sets();
  const auto file = world.folder.path() / "b.tar";
  const auto write = [&](const std::vector<CopySet>& some) {
    return write_bundle(*world.from, some, file, no_progress());
  };
  put(file, "");
  REQUIRE(write({sets[0]}));
  const auto one = get(file);
  REQUIRE_MESSAGE(write(sets), "it has what the file had");
  const auto both = get(file);
  const auto refused = write({sets[0]});
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::conflict);
  CHECK(refused.error().message.find("which would be lost") != std::string::npos);
  CHECK(get(file) == both);
  CHECK(one != both);
  put(file, "somebody's notes");
  const auto notes = write(sets);
  REQUIRE(!notes);
  CHECK(notes.error().message.find("is no bundle") != std::string::npos);
  CHECK(get(file) == "somebody's notes");
  fs::remove(file);
  fs::create_directory(file);
  CHECK(!write(sets));
}

TEST_CASE("a bundle that another tar packed is read too") {
  World world;
  REQUIRE(write_bundle(*world.from, world.sets(), world.folder.path() / "b.tar", no_progress()));
  const auto folder = world.folder.path();
  const auto script = "cd '" + folder.string() + "' && mkdir x && tar xf b.tar -C x && tar cf g.tar -C x . && " +
                      "tar --format=pax -cf p.tar -C x .";
  REQUIRE(std::system(script.c_str()) == 0);
  for (const auto* packed : {"g.tar", "p.tar"}) {
    CAPTURE(packed);
    auto bundle = open_bundle(folder / packed);
    REQUIRE_MESSAGE(bundle, (bundle ? "" : bundle.error().message));
    check_whole(world, **bundle);
  }
}

TEST_CASE("what is no bundle is refused") {
  World world;
  const auto file = world.folder.path() / "b.tar";
  REQUIRE(write_bundle(*world.from, world.sets(), file, no_progress()));
  const auto whole = get(file);
  const auto refused = [&](const std::string& bytes) {
    put(file, bytes);
    auto opened = open_bundle(file);
    return !opened && opened.error().kind == Error::Kind::corrupt;
  };
  CHECK(refused(""));
  CHECK(refused("not a tar"));
  CHECK(refused(std::string(1024, '\0')));
  for (std::size_t size = 0; size < whole.size() - 1024; size += 509) {
    CAPTURE(size);
    CHECK(refused(whole.substr(0, size)));
  }
  auto bad_size = whole;
  bad_size.replace(124, 11, "77777777777");
  CHECK(refused(bad_size));
  CHECK(open_bundle(world.folder.path() / "absent.tar").error().kind == Error::Kind::not_found);

  // A blob whose bytes changed on the way.
  auto other = whole;
  other[other.find("{\"schemaVersion\"")] = '[';
  put(file, other);
  auto opened = open_bundle(file);
  REQUIRE(opened);
  bool found = false;
  for (const auto& [model, digest] : {std::pair{"fraud/a", world.one.manifest}, {"b", world.two.manifest}}) {
    auto report = verify(**opened, name(model), digest);
    found = found || !report || !report->problems.empty();
  }
  auto statements = (*opened)->read_manifest(name("fraud/a"), world.signature.digest);
  CHECK((found || !statements));
}

}  // namespace
}  // namespace mlctl::registry
