// Which nodes pods with GPUs may be put on, what is free there, and what is said where that is too little.
#include "deploy/gpu/room.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;

namespace {

const Gpu large{.count = 2, .memory = 24.0 * (1 << 30), .major = 8, .minor = 6};

const std::vector<Toleration> ours{{"nvidia.com/gpu", "Exists", "", "NoSchedule"}};  // as deploy/pod.cpp has it

NodeRoom room(const std::string& name, std::int64_t count, std::int64_t taken = 0) {
  return {.node = {.name = name, .count = count, .labelled = count, .memory = 81'559, .major = 9, .ready = true},
          .report = {},
          .taken = taken};
}

Json pod(const std::string& node, const std::string& phase, const std::string& spec) {
  auto out = Json::parse(R"({"spec":)" + spec + R"(,"status":{"phase":")" + phase + "\"}}");
  if (!node.empty()) out["spec"]["nodeName"] = node;
  return out;
}

Json container(const std::string& gpus) {
  return {{"resources", {{"limits", {{gpu_resource, gpus}}}}}};
}

}  // namespace

TEST_CASE("why a node is none for such pods, as its labels, its taints and its last check say") {
  struct Case {
    const char* what;
    void (*with)(NodeRoom&);
    const char* why;
  };
  for (const auto& c : std::vector<Case>{
           {"all is well", [](NodeRoom&) {}, ""},
           {"enough, and all taken: others may go", [](NodeRoom& room) { room.taken = 8; }, ""},
           {"not ready", [](NodeRoom& room) { room.node.ready = false; }, "it is not ready"},
           {"a taint that pods of GPUs tolerate",
            [](NodeRoom& room) { room.node.taints = {{"nvidia.com/gpu", "present", "NoSchedule"}}; }, ""},
           {"the same, and stronger", [](NodeRoom& room) { room.node.taints = {{"nvidia.com/gpu", "", "NoExecute"}}; },
            "it has the taint nvidia.com/gpu"},
           {"a wish that is none", [](NodeRoom& room) { room.node.taints = {{"spot", "", "PreferNoSchedule"}}; }, ""},
           {"marked unfit", [](NodeRoom& room) { room.node.taints = {{"mlctl.dev/gpu", "unfit", "NoSchedule"}}; },
            "it has the taint mlctl.dev/gpu=unfit"},
           {"found unfit, and not marked",
            [](NodeRoom& room) { room.report = GpuReport{true, "2026-01-02T03:04:05Z"}; },
            "its GPUs were found unfit at 2026-01-02T03:04:05Z"},
           {"found unfit, and marked fit since",
            [](NodeRoom& room) {
              room.report = GpuReport{true, "2026-01-02T03:04:05Z"};
              room.node.mark = "fit";
              room.node.marked = "2026-01-03T03:04:05Z";
            },
            ""},
           {"marked fit, and found unfit since",
            [](NodeRoom& room) {
              room.report = GpuReport{true, "2026-01-02T03:04:05Z"};
              room.node.mark = "fit";
              room.node.marked = "2026-01-01T03:04:05Z";
            },
            "its GPUs were found unfit at 2026-01-02T03:04:05Z"},
           {"found unfit, and marked fit nobody knows when",
            [](NodeRoom& room) {
              room.report = GpuReport{true, "2026-01-02T03:04:05Z"};
              room.node.mark = "fit";
            },
            "its GPUs were found unfit at 2026-01-02T03:04:05Z"},
           {"found fit", [](NodeRoom& room) { room.report = GpuReport{false, "2026-01-02T03:04:05Z"}; }, ""},
           {"no labels", [](NodeRoom& room) { room.node.labelled = 0; },
            "it has no label nvidia.com/gpu.count, by which our pods choose nodes"},
           {"one GPU", [](NodeRoom& room) { room.node.labelled = 1; }, "it has 1 GPU"},
           {"one that works", [](NodeRoom& room) { room.node.count = 1; }, "it has 1 GPU"},
           {"just the memory", [](NodeRoom& room) { room.node.memory = 24 * 1024; }, ""},
           {"a mebibyte less", [](NodeRoom& room) { room.node.memory = 24 * 1024 - 1; }, "its GPUs have 24.0 GiB"},
           {"memory that nobody knows", [](NodeRoom& room) { room.node.memory = 0; },
            "it has no label nvidia.com/gpu.memory"},
           {"older",
            [](NodeRoom& room) {
              room.node.major = 8;
              room.node.minor = 5;
            },
            "its GPUs have compute capability 8.5"},
           {"just as new",
            [](NodeRoom& room) {
              room.node.major = 8;
              room.node.minor = 6;
            },
            ""},
           {"a generation that nobody knows", [](NodeRoom& room) { room.node.major = 0; },
            "it has no label nvidia.com/gpu.compute.major"},
       }) {
    CAPTURE(c.what);
    auto node = room("a", 8);
    c.with(node);
    CHECK(why_not(node, {large, 1, ours}) == c.why);
  }
  auto bare = room("a", 1);
  bare.node.memory = bare.node.major = 0;
  CHECK(why_not(bare, {{.count = 1}, 1}).empty());
}

TEST_CASE("a pod holds what its containers and sidecars have together, or one of its init containers has") {
  struct Case {
    const char* what;
    Json pod;
    std::int64_t taken;
  };
  auto going = pod("a", "Running", Json{{"containers", Json::array({container("2")})}}.dump());
  going["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z";
  const Json sidecar = {{"restartPolicy", "Always"}, {"resources", {{"requests", {{gpu_resource, "1"}}}}}};
  for (const auto& c : std::vector<Case>{
           {"two containers",
            pod("a", "Running", Json{{"containers", Json::array({container("2"), container("1")})}}.dump()), 3},
           {"an init container that has more",
            pod("a", "Pending",
                Json{{"initContainers", Json::array({container("4")})}, {"containers", Json::array({container("2")})}}
                    .dump()),
            4},
           {"a sidecar",
            pod("a", "Running",
                Json{{"initContainers", Json::array({sidecar})}, {"containers", Json::array({container("2")})}}.dump()),
            3},
           {"an init container behind a sidecar",
            pod("a", "Running",
                Json{{"initContainers", Json::array({sidecar, container("4")})},
                     {"containers", Json::array({container("2")})}}
                    .dump()),
            5},
           {"over", pod("a", "Succeeded", Json{{"containers", Json::array({container("2")})}}.dump()), 0},
           {"failed", pod("a", "Failed", Json{{"containers", Json::array({container("2")})}}.dump()), 0},
           {"not put anywhere yet", pod("", "Pending", Json{{"containers", Json::array({container("2")})}}.dump()), 0},
           {"being ended", going, 0},
           {"nonsense",
            pod("a", "Running",
                R"({"containers":[{"resources":7},null,{"resources":{"limits":{)"
                R"("nvidia.com/gpu":"-9"}}},{"resources":{"limits":{"nvidia.com/gpu":"1e9"}}}]})"),
            0},
           {"more than there can be",
            pod("a", "Running",
                Json{{"containers", Json::array({container("9223372036854775807"), container("9223372036854775807")})}}
                    .dump()),
            1'000'000},
       }) {
    CAPTURE(c.what);
    auto taken = gpus_taken({c.pod});
    CHECK(taken["a"] == c.taken);
  }
}

TEST_CASE("pods find places, the largest first, where the least is left over") {
  const Gpu one{.count = 1}, four{.count = 4};
  auto poor = room("poor", 2);
  poor.node.memory = 16'384;
  struct Case {
    const char* what;
    std::vector<NodeRoom> nodes;
    std::vector<GpuNeed> needs;
    std::vector<std::int64_t> placed;
  };
  for (const auto& c : std::vector<Case>{
           {"room for all", {room("a", 8, 6)}, {{one, 2}}, {2}},
           {"for some of them", {room("a", 8, 7), room("b", 1)}, {{one, 3}}, {2}},
           {"a pod is on one node", {room("a", 2), room("b", 2)}, {{four, 1}}, {0}},
           {"small ones leave the large node to large ones",
            {room("a", 8), room("b", 4, 2)},
            {{one, 2}, {four, 2}},
            {2, 2}},
           {"what does not fit wholly takes nothing from others", {room("a", 8)}, {{four, 3}, {one, 8}}, {2, 8}},
           {"who fits on few nodes comes before who fits on all",
            {poor, room("a", 1)},
            {{one, 1}, {{.count = 1, .memory = 40.0 * (1 << 30)}, 1}},
            {1, 1}},
           {"two models share what is there", {room("a", 3)}, {{one, 2}, {one, 2}}, {2, 1}},
           {"more taken than there is", {room("a", 2, 5)}, {{one, 1}}, {0}},
           {"no nodes", {}, {{one, 1}}, {0}},
       }) {
    CAPTURE(c.what);
    auto nodes = c.nodes;
    CHECK(find_places(nodes, c.needs) == c.placed);
  }
}

TEST_CASE("a shortage says what is wanted, and of every node why it is not there") {
  auto small = room("b", 4);
  small.node.memory = 16'384;
  CHECK(
      shortage({room("a", 8, 7), small}, {large, 3, ours}, 1) ==
      "3 new pods want 2 GPUs each, of 24.0 GiB at least, of compute capability 8.6 at least, and there is room for 1\n"
      "a: 1 of 8 GPUs free\n"
      "b: its GPUs have 16.0 GiB");
  CHECK(shortage({}, {{.count = 1}, 1}, 0) == "1 new pod wants 1 GPU, and there is no room: no node has GPUs");
  std::vector<NodeRoom> many;
  for (int i = 0; i < 12; ++i) many.push_back(room("n" + std::to_string(i), 1, 1));
  CHECK(shortage(many, {{.count = 1}, 1}, 0).ends_with("\n… and 2 more nodes"));
}

TEST_CASE("a toleration is for a taint's key, value and effect, or for any") {
  struct Case {
    const char* what;
    Toleration toleration;
    bool tolerated;
  };
  const Taint taint{"team", "vision", "NoSchedule"};
  for (const auto& c : std::vector<Case>{
           {"just this", {"team", "Equal", "vision", "NoSchedule"}, true},
           {"Equal is what no operator means", {"team", "", "vision", "NoSchedule"}, true},
           {"any effect", {"team", "Equal", "vision", ""}, true},
           {"any value", {"team", "Exists", "", "NoSchedule"}, true},
           {"everything", {"", "Exists", "", ""}, true},
           {"another value", {"team", "Equal", "audio", "NoSchedule"}, false},
           {"another effect", {"team", "Equal", "vision", "NoExecute"}, false},
           {"another key", {"teams", "Exists", "", ""}, false},
       }) {
    CAPTURE(c.what);
    CHECK(tolerates({c.toleration}, taint) == c.tolerated);
  }
  CHECK(!tolerates({}, taint));
  const auto read = tolerations_of(Json::parse(R"({"tolerations": [{"key": "a", "operator": "Exists"}, 7]})"));
  REQUIRE(read.size() == 2);
  CHECK(read[0].key == "a");
  CHECK(tolerations_of(Json()).empty());
}
