// low_traffic: replay: where people ask too little to judge a version, the driver asks pods of both versions itself,
// with recorded requests (golden cases): the same requests at the same time in the same number. They go straight to the
// pods, through the API server, never through route or Service, so the pods' own counters count them. They are judged
// beside the traffic of people and not mixed with it: the two have other error rates, and each version has another
// mixture of them (docs/decisions/0011).
#pragma once
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/rollout/look.h"

namespace mlctl::deploy {

// The recorded requests as they are kept with a revision: bodies of inference requests.
inline constexpr std::size_t most_replay_bodies = 64;
inline constexpr std::size_t most_replay_bytes = 256U << 10U;  // all together
// Of more, some are taken in equal distances. Error{usage}: there are none, or not one fits.
[[nodiscard]] Result<std::vector<std::string>> bounded_bodies(const std::vector<std::string>& bodies);

// What is to be sent until the next look: `rounds` rounds, in each of which every pod gets the same request once.
struct ReplayBatch {
  std::vector<std::string> pods;  // the versions alternate as long as both have some
  std::size_t rounds = 0;
  Duration window{};  // the rounds are spread over it
  [[nodiscard]] bool empty() const { return pods.empty() || rounds == 0; }
};
// After a decision, before it is written down. As many requests as people's traffic falls short of the configured rate,
// alike to each pod of the canary and to as many of stable's (two at least): only to pods that the open block counts.
[[nodiscard]] ReplayBatch begin_replay(RolloutState& state);
// Sends it, within its window and the patience with one last answer, and takes down what became of it: what was
// answered counts, 4xx and 5xx too; what the API server could not deliver does not. Stops at an interruption.
void send_replay(const RolloutSeams& seams, const RolloutLive& live, const ReplayBatch& batch, RolloutState& state);
// What a pod answered to one of them: it counts, 4xx and 5xx too.
void take_answer(RolloutState& state, const std::string& pod, int status);
// Another process died with a batch on its way: what the open block counts is nobody's, and it is left out.
void close_replay(RolloutState& state);

// A block in the parts that are judged one after the other: people's, then what was replayed. Errors are counted apart;
// everything else counts with the pods that were asked, where both versions had the same mixture.
[[nodiscard]] std::vector<JudgeBlock> parted(JudgeBlock whole, const ArmCounters& replayed);

// Why nothing can be concluded from replaying, "": nothing is wrong with it. The pods do not count what they answer, or
// refuse the requests.
[[nodiscard]] std::string replay_problem(const RolloutState& state);
// "; replayed: 1180 of 1240 requests at the canary", in this step; "" where none was.
[[nodiscard]] std::string by_replay(const RolloutState& state);
// "3 of 3 judged steps passed with replayed requests, …", for the end; "" where none did.
[[nodiscard]] std::string replayed_steps(const RolloutState& state);

// What the canary may expect of a step, for a forecast: requests a second of both versions, and the canary's share.
struct ExpectedTraffic {
  double rate = 0, share = 0;
};
[[nodiscard]] ExpectedTraffic expected_traffic(const RolloutPlan& plan, std::size_t step, double people);

}  // namespace mlctl::deploy
