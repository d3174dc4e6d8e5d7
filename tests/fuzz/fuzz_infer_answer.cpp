#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "validate/protocol.h"

// Whatever a server answers is an answer or an error; an answer holds finite numbers, as many as its shape says, and
// survives being written as a request.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlctl::validate;
  const auto& protocol = *find_protocol("oip-v2");
  const mlctl::HttpResponse response{
      .status = 200, .headers = {}, .body = std::string(reinterpret_cast<const char*>(data), size)};
  static_cast<void>(static_cast<bool>(protocol.parse_metadata(response)));
  const auto answer = protocol.parse_answer(response);
  if (!answer) return 0;
  for (const auto& tensor : *answer) {
    std::int64_t product = 1;
    for (const auto dimension : tensor.shape) product *= dimension;
    if (product != static_cast<std::int64_t>(tensor.numbers.size() + tensor.texts.size())) std::abort();
    for (const double number : tensor.numbers) {
      if (!std::isfinite(number)) std::abort();
    }
  }
  const auto request = nlohmann::json::parse(protocol.infer_request("http://h", "m", *answer).body);
  for (std::size_t i = 0; i < answer->size(); ++i) {
    const auto again = tensor_from_json(request["inputs"][i], "again");
    if (!again || again->numbers != (*answer)[i].numbers || again->texts != (*answer)[i].texts) std::abort();
  }
  return 0;
}
