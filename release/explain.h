// What a field means, what it is here, and which level said so.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "release/project.h"

namespace mlctl::release {

struct ExplainedField {
  std::string path;  // "gate.load.rate"
  std::string file;  // "model.yaml" or "mlctl.yaml"
  const Field* field = nullptr;
};
// The field in each of the two files that has it, model.yaml first; an empty path means the files themselves.
// Error{not_found} names the nearest.
[[nodiscard]] Result<std::vector<ExplainedField>> explain_field(std::string_view path);

struct ExplainedValue {
  std::string path;
  std::string value;  // a scalar as written, a list as JSON in one line; "null" where a level took it away
  std::string level;  // "built-in", "project defaults", …
  std::string position;
};
// Every value at or below `path` of a tree whose levels are named, in its order. Items of a list of maps:
// "steps[0].for".
[[nodiscard]] std::vector<ExplainedValue> explain_values(const Node& tree, std::string_view path);

}  // namespace mlctl::release
