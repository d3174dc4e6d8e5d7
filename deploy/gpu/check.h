// Runs gpu-smoke on the GPU nodes of a cluster, one Job each, all at once, and brings what it said.
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/gpu/job.h"
#include "deploy/gpu/nodes.h"

namespace mlctl::deploy {

struct GpuCheckSeams {
  Cluster& cluster;
  Discovery& discovery;
  Clock& clock;
  Progress& progress;
};

struct GpuNodeAnswer {
  GpuNode node;
  std::string log;      // of gpu-smoke, as it came: hostile
  int exit_code = -1;   // its own; -1: there is none
  std::string problem;  // why there is no answer; ""
};

// Error{not_found}: no node has GPUs, or has that name.
[[nodiscard]] Result<std::vector<GpuNode>> find_gpu_nodes(Cluster& cluster, const std::vector<std::string>& only);

// In the order of the nodes. A Job that is there from before and over is removed first; one that still runs is
// somebody else's check. What cannot be scheduled within `patience` is given up, and so is a Job of which nothing is
// heard long after its deadline: its node may be gone. All Jobs are gone afterwards, also after Ctrl-C
// (Error{interrupted}); what could not be removed is noted. Error{credentials}: Jobs, pods or logs are not ours to see.
struct GpuPatience {
  Duration unscheduled = std::chrono::seconds(60);
  Duration image = std::chrono::minutes(3);  // until a kubelet has pulled it
};
[[nodiscard]] Result<std::vector<GpuNodeAnswer>> check_gpus(const GpuCheckSeams& seams,
                                                            const std::vector<GpuNode>& nodes,
                                                            const GpuJobRequest& request,
                                                            const GpuPatience& patience = {});

// Marks each as fit or not. Error: of the first that could not be; {conflict}: somebody changes a node all the time.
[[nodiscard]] Status mark_nodes(Cluster& cluster, const std::vector<GpuMark>& marks);

}  // namespace mlctl::deploy
