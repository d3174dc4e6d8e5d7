// What a model server speaks: how a question is written and what counts as an answer. Answers are hostile: anything but
// a complete, finite, well-shaped answer is an Error that says what was wrong. One file per protocol.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/http.h"
#include "base/result.h"

namespace mlctl::validate {

struct Tensor {
  std::string name;
  std::string datatype;             // BOOL, UINT8-64, INT8-64, FP32, FP64, BYTES
  std::vector<std::int64_t> shape;  // row-major
  std::vector<double> numbers;      // of every datatype but BYTES; whole numbers up to 2^53
  std::vector<std::string> texts;   // of BYTES
};

struct TensorSpec {  // of a server's metadata; -1 in the shape: any size
  std::string name, datatype;
  std::vector<std::int64_t> shape;
};

class Protocol {
 public:
  virtual ~Protocol() = default;
  [[nodiscard]] virtual HttpRequest metadata_request(const std::string& base_url, const std::string& model) const = 0;
  // The model's inputs; empty when the server does not tell.
  [[nodiscard]] virtual Result<std::vector<TensorSpec>> parse_metadata(const HttpResponse& response) const = 0;
  [[nodiscard]] virtual HttpRequest infer_request(const std::string& base_url, const std::string& model,
                                                  const std::vector<Tensor>& inputs) const = 0;
  // Error{denied} for an answer that says no (a status other than 200, or 200 with an error inside), Error{corrupt} for
  // one that is not an answer.
  [[nodiscard]] virtual Result<std::vector<Tensor>> parse_answer(const HttpResponse& response) const = 0;
};
// nullptr when there is none of that name. "oip-v2": the Open Inference Protocol over HTTP with JSON bodies.
[[nodiscard]] const Protocol* find_protocol(std::string_view name);
[[nodiscard]] const std::vector<std::string>& protocol_names();

// A tensor as the Open Inference Protocol writes it, `data` flat or nested: also the shape of golden cases. Refuses
// unknown datatypes, sizes that are not the shape's product, null, numbers that are not finite or not of the datatype.
[[nodiscard]] Result<Tensor> tensor_from_json(const nlohmann::json& json, const std::string& what);

// Error{corrupt} that says why a tensor of this datatype cannot hold the number: it is not finite, a fraction, or
// beyond the datatype; one of BYTES, or of a datatype that is not known, holds none.
[[nodiscard]] Status holds_number(const std::string& datatype, double number);

}  // namespace mlctl::validate
