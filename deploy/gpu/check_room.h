// Asks a cluster whether the new pods of a plan will find the GPUs that their models want.
#pragma once
#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/plan.h"
#include "deploy/gpu/room.h"

namespace mlctl::deploy {

// Refuses (denied) each model of which a new pod would find none; then nothing of it changes, and no rollout of it
// begins or ends. Where nodes are added on demand that is a note, and so is what RBAC does not let us see. A canary
// needs room for all of its pods beside all of stable's. The way back is not held up, and nothing is asked unless new
// pods want GPUs. Error: the cluster did not answer.
[[nodiscard]] Status refuse_without_gpus(Cluster& cluster, Discovery& discovery, ClusterPlan& plan,
                                         const GpuReportOf& report_of);

}  // namespace mlctl::deploy
