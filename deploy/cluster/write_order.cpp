#include "deploy/cluster/write_order.h"

namespace mlctl::deploy {

Order order_of(const OwnerPlan& owner, const ObjectChange& change) {
  const auto& key = change.change.object;
  if (change.change.kind == Change::Kind::remove) return Order::removal;
  if (key.kind == "Namespace") return Order::name_space;
  if (key.kind == "ResourceQuota") return Order::quota;
  if (key.kind == "HTTPRoute" || (owner.is_model && key.kind == "Service" && key.name == owner.before.model.name))
    return Order::traffic;
  if (key.kind == "Service") return Order::backend;
  if (key.kind == "Deployment") return Order::pods;
  if (key.kind == "HorizontalPodAutoscaler" || key.kind == "PodDisruptionBudget" || key.kind == "PodMonitor")
    return Order::scaling;
  return Order::account;
}

bool removes_pods(const ObjectChange& change) {
  return change.change.kind == Change::Kind::remove && change.change.object.kind == "Deployment";
}

}  // namespace mlctl::deploy
