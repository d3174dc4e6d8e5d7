#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/config.h"
#include "base/document.h"

// Any bytes give a tree or an error; a tree survives being written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tree = mlctl::parse_yaml({reinterpret_cast<const char*>(data), size}, "f");
  if (!tree) return 0;
  const auto value = mlctl::to_json(*tree);
  const auto again = mlctl::parse_yaml(mlctl::to_yaml(value), "g");
  if (!again || mlctl::to_json(*again) != value) std::abort();
  return 0;
}
