#include "deploy/cluster/wait_tree.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace mlctl;
using namespace mlctl::deploy;
using Kind = PodTrouble::Kind;
using std::chrono::seconds;

namespace {

WaitBranch branch(const std::string& name, PodTrouble trouble = {Kind::starting, "its containers are being started"}) {
  const auto kind = trouble.kind;
  return {.what = {{"apps/v1", "Deployment", "fraud", name + "-0123456789"}, "fraud/" + name, "", {}},
          .reason = "0 of 1 replicas ready",
          .pods = {{{name + "-0123456789-x7k2p"}, std::move(trouble)}},
          .worst = kind,
          .lasted = seconds(35)};
}

WaitBranch scorer() {
  auto one = branch("scorer", {Kind::unschedulable,
                               "0/3 nodes are available: 2 Insufficient nvidia.com/gpu, 1 node(s) "
                               "were unschedulable."});
  one.pods[0].names.emplace_back("scorer-0123456789-zzzzz");
  one.pods.push_back(
      {{"scorer-0123456789-aaaaa"}, {Kind::not_ready, "running, and its readiness probe has not passed yet"}});
  one.what.serving = "v1.0.0";
  one.what.goes_over = {"Service fraud/scorer", "HTTPRoute fraud/scorer"};
  return one;
}

Style style(std::size_t width, bool unicode = true) {
  return {.unicode = unicode, .width = width};
}

}  // namespace

TEST_CASE("the tree says who waits for whom, the worst first") {
  auto crash = branch("churn", {Kind::crash, "it ended with exit code 1", 3});
  crash.what.goes_over = {"Service fraud/churn"};
  auto quota = branch("risk");
  quota.pods.clear();
  quota.made = {Kind::quota, "exceeded quota: mlctl"};
  quota.worst = Kind::quota;
  CHECK(render_waiting({scorer(), quota, crash}, style(110), 20) ==
        R"(  fraud/churn
  ├─ Deployment fraud/churn-0123456789  0 of 1 replicas ready
  │  └─ pod churn-0123456789-x7k2p  crash for 35 s of 45 s: it ended with exit code 1, started again 3 times
  └─ Service fraud/churn waits for it
  fraud/scorer
  ├─ Deployment fraud/scorer-0123456789  0 of 1 replicas ready
  │  ├─ 2 pods  unschedulable for 35 s of 10 min: nvidia.com/gpu is short on 2 of 3 nodes; 1 of 3 nodes were…
  │  └─ pod scorer-0123456789-aaaaa  not ready: running, and its readiness probe has not passed yet
  └─ v1.0.0 serves until it is ready; then Service fraud/scorer and HTTPRoute fraud/scorer go over
  fraud/risk
  └─ Deployment fraud/risk-0123456789  0 of 1 replicas ready
     └─ its ReplicaSet  quota for 35 s of 5 min: exceeded quota: mlctl
)");
}

TEST_CASE("a narrow terminal without UTF-8 cuts the lines") {
  CHECK(render_waiting({scorer()}, style(40, false), 20) ==
        R"(  fraud/scorer
  |- Deployment fraud/scorer-0123456...
  |  |- 2 pods  unschedulable for 35...
  |  `- pod scorer-0123456789-aaaaa ...
  `- v1.0.0 serves until it is ready...
)");
}

TEST_CASE("more models than there are lines are counted") {
  std::vector<WaitBranch> many;
  for (int i = 0; i < 1000; ++i) many.push_back(branch("m" + std::to_string(i)));
  many.push_back(scorer());
  CHECK(render_waiting(many, style(80), 9) ==
        R"(  fraud/scorer
  ├─ Deployment fraud/scorer-0123456789  0 of 1 replicas ready
  │  ├─ 2 pods  unschedulable for 35 s of 10 min: nvidia.com/gpu is short on 2…
  │  └─ pod scorer-0123456789-aaaaa  not ready: running, and its readiness pro…
  └─ v1.0.0 serves until it is ready; then Service fraud/scorer and HTTPRoute …
  fraud/m0
  └─ Deployment fraud/m0-0123456789  0 of 1 replicas ready
     └─ pod m0-0123456789-x7k2p  starting for 35 s: its containers are being s…
  999 more not ready, first fraud/m1: starting
)");
  CHECK(render_waiting(many, style(80), 2) == "  1001 not ready, first fraud/scorer: unschedulable\n");
  CHECK(render_waiting(many, style(80), 0).empty());
}

TEST_CASE("one Deployment with many kinds of trouble stays short, and what a cluster says is escaped") {
  auto one = branch("a");
  for (int i = 0; i < 9; ++i) one.pods.push_back({{"p\x1b"}, {Kind::image, "\x1b[2J" + std::to_string(i)}});
  const auto text = render_waiting({one}, style(80), 20);
  CHECK(std::count(text.begin(), text.end(), '\n') == 7);
  CHECK(text.find("and 6 kinds of trouble more") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(failed_branch(one).find('\x1b') == std::string::npos);
}
