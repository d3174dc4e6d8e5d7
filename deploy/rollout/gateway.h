// What clients saw: the gateway's own count of the answers that each arm's Service gave. A pod does not count a request
// that ended it, or that never reached it; the gateway does, as 502, 503 or 504 (rollout.md, rule 16). All but
// read_gateway() is pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "deploy/config.h"
#include "deploy/rollout/look.h"
#include "deploy/rollout/state.h"

namespace mlctl::deploy {

// Gateways whose counters are known by name. Source: what Traefik 3.7 exposes with addServicesLabels.
[[nodiscard]] std::vector<std::string> gateway_names();
[[nodiscard]] const GatewayMetrics* find_gateway(const std::string& name);

// Sums over all replicas of the gateway, by arm and code.
[[nodiscard]] std::string gateway_query(const GatewayMetrics& gateway, const std::string& name_space,
                                        const std::string& stable_service, const std::string& canary_service);
// Its answer: requests, and as events the 502, 503 and 504 among them. An arm without series has had none. Errors as of
// parse_vector(); Error{corrupt}: what no counter can be.
[[nodiscard]] Result<BlockCounts> parse_gateway(std::string_view body, const GatewayMetrics& gateway);
[[nodiscard]] Result<BlockCounts> read_gateway(const RolloutSeams& seams, const RolloutLive& live,
                                               const RolloutState& rollout);

// Adds what the gateway counts now. Why the canary is worse, or "": one such failure is enough where stable has none;
// where stable has them too (the gateway's own, or of all its versions), or has no traffic any more, the share of the
// canary must be shown to be too large, at 1 %.
[[nodiscard]] std::string take_gateway(RolloutState& state, const BlockCounts& now);

}  // namespace mlctl::deploy
