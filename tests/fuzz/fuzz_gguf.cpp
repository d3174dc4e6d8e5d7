#include "tests/fuzz/fuzz_format.h"
#include "validate/formats/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlctl::validate;
  return fuzz::same_in_pieces(data, size, check_gguf);
}
