// In which order the objects of a plan are written. Pure; internal to deploy/cluster/.
#pragma once
#include "deploy/cluster/plan.h"

namespace mlctl::deploy {

// What must be there before what. Traffic comes after everything that it needs, removals come last.
enum class Order { name_space, quota, account, backend, pods, scaling, traffic, removal };
[[nodiscard]] Order order_of(const OwnerPlan& owner, const ObjectChange& change);

[[nodiscard]] bool removes_pods(const ObjectChange& change);

}  // namespace mlctl::deploy
