#include "release/provide.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace mlctl::release {

TEST_CASE("new_versions: what becomes a new revision, and nothing of a model that is left as it is") {
  using Rollout = deploy::OwnerPlan::Rollout;
  deploy::Spec spec, kept;
  kept.kept = std::make_shared<const deploy::AsApplied>();
  deploy::OwnerPlan made{.name = "m", .is_model = true, .spec = &spec};
  made.after.stable = deploy::Serves{.revision = "new"};
  made.changes.push_back({{deploy::Change::Kind::create, {}, {}, {}}, nullptr, "", ""});
  struct Case {
    const char* what;
    void (*with)(deploy::OwnerPlan&);
    bool is_new;
  };
  for (const auto& c : std::vector<Case>{
           {"a first version", [](deploy::OwnerPlan&) {}, true},
           {"another one", [](deploy::OwnerPlan& o) { o.before.stable = deploy::Serves{.revision = "old"}; }, true},
           {"the same one", [](deploy::OwnerPlan& o) { o.before.stable = deploy::Serves{.revision = "new"}; }, false},
           {"a rollout that begins, whose changes come later",
            [](deploy::OwnerPlan& o) {
              o.before.stable = deploy::Serves{.revision = "old"};
              o.rollout = Rollout::begins;
              o.changes.clear();
            },
            true},
           {"a rollout that is refused: there are no GPUs for it",
            [](deploy::OwnerPlan& o) {
              o.before.stable = deploy::Serves{.revision = "old"};
              o.rollout = Rollout::begins;
              o.changes.clear();
              o.refused = Error{Error::Kind::denied, "no room", ""};
            },
            false},
           {"a removal", [](deploy::OwnerPlan& o) { o.spec = nullptr; }, false},
       }) {
    CAPTURE(c.what);
    deploy::ClusterPlan plan{.owners = {made}};
    c.with(plan.owners.front());
    CHECK(new_versions(plan).size() == (c.is_new ? 1 : 0));
  }
  deploy::ClusterPlan plan{.owners = {made}};
  plan.owners.front().spec = &kept;  // it was copied when it served
  CHECK(new_versions(plan).empty());
}

}  // namespace mlctl::release
