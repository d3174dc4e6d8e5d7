// metadata.managedFields is more than half of what a list holds, and read by nobody who only compares values. Pure.
#pragma once
#include <string>
#include <string_view>

namespace mlctl::deploy {

// The JSON text with null for the value of every key `managedFields`, so that no parser has to build what it is not
// asked for. What stands in these values is not looked at; a text that is no JSON otherwise stays none.
[[nodiscard]] std::string without_owners(std::string_view json);

}  // namespace mlctl::deploy
