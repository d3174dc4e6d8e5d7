// Compact JSON text of a value: what dump() gives with the replacing error handler, byte for byte and several times as
// fast. Without spaces, UTF-8 as it is, what is no UTF-8 as U+FFFD.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mlctl {

[[nodiscard]] std::string to_json_text(const nlohmann::ordered_json& value);

}  // namespace mlctl
