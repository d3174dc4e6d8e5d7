// The report of a release as one HTML page: the steps, then every report with its plots.
#pragma once
#include <string>

#include "release/steps.h"

namespace mlctl::release {

[[nodiscard]] std::string to_page(const Release& release);

}  // namespace mlctl::release
