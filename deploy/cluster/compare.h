// Desired objects against live ones without asking the server: what surely has not changed is not sent. Pure.
#pragma once
#include <nlohmann/json_fwd.hpp>

namespace mlctl::deploy {

// Whether everything that is desired is there, with the same values; quantities by their value ("0.5" is "500m"). Lists
// count as the same only item by item: where the server added one, it is asked. False never hides a change.
[[nodiscard]] bool lies_in(const nlohmann::ordered_json& desired, const nlohmann::ordered_json& live);

// Without what the server itself keeps (managedFields, resourceVersion, generation, uid, status, …): two answers for
// one object differ where these do.
[[nodiscard]] nlohmann::ordered_json without_bookkeeping(nlohmann::ordered_json object);

}  // namespace mlctl::deploy
