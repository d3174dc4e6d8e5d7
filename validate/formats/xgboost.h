// XGBoost models: JSON and UBJSON files hold the same document, which is checked as it streams by, tree by tree.
// Source: the schema that XGBoost publishes with its model IO, and files written by versions 1.7 to 3.2.
#pragma once
#include <string>

#include "validate/formats/input.h"
#include "validate/rules.h"

namespace mlctl::validate {

// Adds what is wrong; returns what is there ("gbtree, 100 trees, 30 features, binary:logistic").
[[nodiscard]] std::string check_xgboost_json(Input& in, Findings& findings);
[[nodiscard]] std::string check_xgboost_ubj(Input& in, Findings& findings);

}  // namespace mlctl::validate
