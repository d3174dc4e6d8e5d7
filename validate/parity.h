// Golden cases: does this version answer what it answered where it was made?
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "validate/gate_config.h"
#include "validate/golden.h"
#include "validate/protocol.h"
#include "validate/report.h"

namespace mlctl::validate {

// One question to a server, and its answer; Error as Protocol::parse_answer and HttpClient::send.
using Ask = std::function<Result<std::vector<Tensor>>(const std::vector<Tensor>& inputs)>;

// What differs between an answer and the golden outputs, or "" ; widens `worst` to the largest absolute difference.
// Names, datatypes, shapes and texts must be equal, numbers within the tolerance; outputs may come in another order.
[[nodiscard]] std::string difference(const std::vector<Tensor>& golden, const std::vector<Tensor>& answer,
                                     const ParityConfig& config, double& worst);

// The check "parity". Error{interrupted} only.
[[nodiscard]] Result<Check> check_parity(const ParityConfig& config, const std::vector<GoldenCase>& cases,
                                         const Ask& ask);

}  // namespace mlctl::validate
