// What perform.cpp asks of one owner or object by itself. Internal to deploy/cluster/.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "deploy/cluster/plan.h"
#include "deploy/cluster/wait.h"

namespace mlctl::deploy {

// What must be there before what. Traffic comes after everything that it needs, removals come last.
enum class Order { name_space, quota, account, backend, pods, scaling, traffic, removal };
[[nodiscard]] Order order_of(const OwnerPlan& owner, const ObjectChange& change);

// Whether pods that served go, and others have their traffic.
[[nodiscard]] bool goes_over(const OwnerPlan& owner);

// The Deployment to wait for; nullopt: there is none, or it need not be waited for. `all`: first versions are too.
[[nodiscard]] std::optional<Awaited> awaited(const OwnerPlan& owner, bool all);

// The old revision serves; what was applied all the same is known, and everything that may be there. A route that its
// gateway does not follow is looked at again by the next apply.
[[nodiscard]] ModelState half_done(const OwnerPlan& owner, const std::vector<const ObjectChange*>& made,
                                   bool unfollowed);

// Somebody else has the model by now, as its state says; an empty state: nobody knows who.
[[nodiscard]] Error taken_over(const OwnerPlan& owner, const ModelState& state);
[[nodiscard]] std::string path_of_state(const OwnerPlan& owner);
// The state that was asked for. Errors as of error_of() and parse_state().
[[nodiscard]] Result<ModelState> state_from(const Cluster& cluster, const ApiRequest& request,
                                            const Result<ApiAnswer>& answer);
// Whether the state that was written is what is there, by one request: a connection may break between a write and its
// answer, and the write is sent again.
[[nodiscard]] bool stands(Cluster& cluster, const ApiRequest& write);

}  // namespace mlctl::deploy
