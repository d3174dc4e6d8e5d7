// The lists of tensors: the first byte chooses the format. Whatever is listed fits into what was read.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "validate/formats/tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlctl;
  static constexpr std::array formats{registry::Format::safetensors, registry::Format::gguf, registry::Format::onnx};
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  validate::Input in(bytes);
  const auto list = validate::list_tensors(formats[data[0] % formats.size()], in);
  if (list && list->tensors.size() > bytes.size()) std::abort();
  return 0;
}
