// Reading objects that a cluster answered with: whatever is missing or of another type is nothing. Pure.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mlctl::deploy {

// The value of a key; null where there is none, or no object.
[[nodiscard]] const nlohmann::ordered_json& field(const nlohmann::ordered_json& value, const char* key);
[[nodiscard]] std::string text_field(const nlohmann::ordered_json& value, const char* key);  // or ""
[[nodiscard]] std::int64_t number_field(const nlohmann::ordered_json& value, const char* key,
                                        std::int64_t otherwise = 0);
// Finite, else 0: what a person edits into nonsense counts as nothing.
[[nodiscard]] double real_field(const nlohmann::ordered_json& value, const char* key);
// Of status.conditions, by its type; null where there is none.
[[nodiscard]] const nlohmann::ordered_json& condition(const nlohmann::ordered_json& status, const char* type);

}  // namespace mlctl::deploy
