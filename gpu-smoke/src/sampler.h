// Watches one GPU through NVML while something runs on it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "probes.h"

namespace gpu_smoke {

// Samples until `work` returns, at least once before and once after it. Without an index only runs the work.
[[nodiscard]] Samples sample_during(Nvml& nvml, std::optional<unsigned> index, const std::function<void()>& work,
                                    std::chrono::milliseconds period = std::chrono::milliseconds(100));

// Adds one sample; the spreads' `mean` is a running one.
void add_sample(Samples& samples, const Sample& sample);

}  // namespace gpu_smoke
