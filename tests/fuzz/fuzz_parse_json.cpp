#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/document.h"

// Any bytes give a value or an error; a value survives being written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = mlctl::parse_json({reinterpret_cast<const char*>(data), size}, "f");
  if (!value) return 0;
  const auto again = mlctl::parse_json(value->dump(), "g");
  if (!again || *again != *value) std::abort();
  return 0;
}
