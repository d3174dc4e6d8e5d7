// What the numbers of a run depend on: the machine they were taken on.
#pragma once
#include <map>
#include <string>

namespace mlctl::validate {

// "cpu", "cores", "load" (average of a minute before the run), "mlctl". What cannot be told is left out.
[[nodiscard]] std::map<std::string, std::string> this_machine();

}  // namespace mlctl::validate
