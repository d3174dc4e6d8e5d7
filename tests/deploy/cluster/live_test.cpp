// What is read of a cluster: without the book of field owners, and ahead of time.
#include "deploy/cluster/live.h"

#include <atomic>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "deploy/cluster/owners_cut.h"
#include "tests/deploy/cluster/memory_cluster.h"

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

void put(test::MemoryCluster& cluster, const std::string& name_space) {
  cluster.objects["/api/v1/namespaces/" + name_space + "/services/a"] = {
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata", {{"name", "a"}, {"namespace", name_space}, {"labels", {{managed_label, "mlctl"}}}}}};
}

// A server that never answers, until nobody waits any more.
struct SilentCluster : Cluster {
  [[nodiscard]] const std::string& context() const override { return name; }
  std::vector<Result<ApiAnswer>> send(const std::vector<ApiRequest>& requests,
                                      const std::function<void(std::size_t)>&) override {
    while (!given_up) std::this_thread::yield();
    return {requests.size(), Error{Error::Kind::interrupted, "interrupted", ""}};
  }
  void give_up() override { given_up = true; }
  std::string name = "silent";
  std::atomic<bool> given_up = false;
};

}  // namespace

TEST_CASE("the value of every key managedFields is cut out of a text, and nothing else") {
  struct Case {
    const char* what;
    const char* text;
    const char* cut;
  };
  for (const Case& c : {
           Case{"none", R"({"metadata":{"name":"a"}})", R"({"metadata":{"name":"a"}})"},
           Case{"one, with brackets and quotes in its strings",
                R"({"managedFields":[{"f:a":{"k:{\"x\":[1}":["]"]}},"\\"],"b":1})", R"({"managedFields":null,"b":1})"},
           Case{"two, with space between", "[{\"managedFields\" :\n [1]}, {\"managedFields\": []}]",
                "[{\"managedFields\" :\n null}, {\"managedFields\": null}]"},
           Case{"in a string", R"({"a":"{\"managedFields\":[1]}"})", R"({"a":"{\"managedFields\":[1]}"})"},
           Case{"as a value", R"({"a":"managedFields","b":["managedFields",[1]]})",
                R"({"a":"managedFields","b":["managedFields",[1]]})"},
           Case{"of another type", R"({"managedFields":{"a":[1]}})", R"({"managedFields":{"a":[1]}})"},
           Case{"a longer key", R"({"xmanagedFields":[1],"managedFieldsx":[2]})",
                R"({"xmanagedFields":[1],"managedFieldsx":[2]})"},
           Case{"nothing", "", ""},
       }) {
    CAPTURE(c.what);
    CHECK(without_owners(c.text) == c.cut);
  }
}

TEST_CASE("a text that is no JSON stays none when it is cut") {
  for (const char* text :
       {"{\"managedFields\"", "{\"managedFields\":", "{\"managedFields\":[", "{\"managedFields\":[\"",
        "{\"managedFields\":[1}", "\"", "{\"a\\\"", "{\"managedFields\":[[1]"}) {
    CAPTURE(text);
    CHECK(Json::parse(without_owners(text), nullptr, false).is_discarded());
  }
}

TEST_CASE("what was read ahead is what is there; other namespaces are read again") {
  for (const std::string asked : {"fraud", "ads"}) {
    CAPTURE(asked);
    test::MemoryCluster cluster;
    put(cluster, "fraud");
    put(cluster, "ads");
    ManualClock clock;
    Discovery discovery(cluster, clock, {}, "test");
    LiveAhead ahead(cluster, discovery, {"fraud"});
    const auto live = ahead.take({asked});
    REQUIRE(live);
    REQUIRE(live->objects.size() == 1);
    CHECK(live->objects.begin()->first.name_space == asked);
  }
}

TEST_CASE("nobody waits for a cluster that is not needed any more") {
  SilentCluster cluster;
  ManualClock clock;
  Discovery discovery(cluster, clock, {}, "test");
  {
    const LiveAhead ahead(cluster, discovery, {"fraud"});
  }
  CHECK(cluster.given_up);
}
