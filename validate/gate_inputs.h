// What a gate asks under load, and whom: from the golden cases or the hold-out set.
#pragma once
#include <filesystem>
#include <vector>

#include "base/result.h"
#include "validate/gate_config.h"
#include "validate/golden.h"
#include "validate/holdout.h"
#include "validate/protocol.h"

namespace mlctl::validate {

// `data`: the folder of the gate's data. Its columns fill the one input that `spec` says. Error as of Holdout::open.
[[nodiscard]] Result<Holdout> open_gate_holdout(const AccuracyConfig& config, const std::filesystem::path& data,
                                                const TensorSpec& spec);

// Of each request the tensors, 256 different ones at most.
[[nodiscard]] std::vector<std::vector<Tensor>> golden_inputs(const std::vector<GoldenCase>& cases);
// The first rows, one a request; none where there are no rows.
[[nodiscard]] Result<std::vector<std::vector<Tensor>>> holdout_inputs(Holdout& holdout, const TensorSpec& spec);

}  // namespace mlctl::validate
