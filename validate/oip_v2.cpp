// The Open Inference Protocol, version 2, over HTTP with JSON bodies (KServe's specification; Triton, MLServer,
// OpenVINO and others speak it). Data are written flat: nested ones fail on some servers.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/document.h"
#include "validate/protocol.h"

namespace mlctl::validate {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::chrono::seconds answer_limit{10};
constexpr std::size_t quoted = 200;  // bytes of a server's own words in an error

Error denied(std::string message) {
  return {.kind = Error::Kind::denied, .message = std::move(message), .hint = ""};
}
Error corrupt(std::string message) {
  return {.kind = Error::Kind::corrupt, .message = std::move(message), .hint = ""};
}

ordered_json data_of(const Tensor& tensor) {
  if (tensor.datatype == "BYTES") return tensor.texts;
  ordered_json data = ordered_json::array();
  const bool real = tensor.datatype == "FP32" || tensor.datatype == "FP64";
  for (const double number : tensor.numbers) {
    if (real)
      data.push_back(number);
    else if (tensor.datatype == "BOOL")
      data.push_back(number != 0);
    else
      data.push_back(static_cast<std::int64_t>(number));
  }
  return data;
}

Result<json> document_of(const HttpResponse& response) {
  auto document = parse_json(response.body, "the server's answer");
  if (response.status != 200) {
    auto words = response.body.substr(0, quoted);
    if (document && document->is_object() && document->contains("error") && (*document)["error"].is_string()) {
      words = (*document)["error"].get<std::string>().substr(0, quoted);
    }
    return denied("HTTP " + std::to_string(response.status) + ": " + words);
  }
  if (!document) return corrupt(document.error().message);
  if (!document->is_object()) return corrupt("the server's answer is not a JSON object");
  const auto error = document->find("error");
  if (error != document->end()) return denied("HTTP 200 with an error inside: " + error->dump().substr(0, quoted));
  return document;
}

class OpenInference : public Protocol {
 public:
  [[nodiscard]] HttpRequest metadata_request(const std::string& base_url, const std::string& model) const override {
    HttpRequest request;
    request.url = base_url + "/v2/models/" + model;
    request.limit = answer_limit;
    return request;
  }

  [[nodiscard]] Result<std::vector<TensorSpec>> parse_metadata(const HttpResponse& response) const override {
    auto document = document_of(response);
    if (!document) return document.error();
    std::vector<TensorSpec> inputs;
    const auto found = document->find("inputs");
    if (found == document->end() || !found->is_array()) return inputs;
    for (const auto& item : *found) {
      if (!item.is_object() || !item.contains("name") || !item["name"].is_string() || !item.contains("datatype") ||
          !item["datatype"].is_string() || !item.contains("shape") || !item["shape"].is_array()) {
        return corrupt("the model's metadata has an input without name, datatype or shape");
      }
      TensorSpec spec{.name = item["name"], .datatype = item["datatype"], .shape = {}};
      for (const auto& dimension : item["shape"]) {
        if (!dimension.is_number_integer()) return corrupt("the model's metadata has a shape that is not of numbers");
        spec.shape.push_back(dimension.get<std::int64_t>());
      }
      inputs.push_back(std::move(spec));
    }
    return inputs;
  }

  [[nodiscard]] HttpRequest infer_request(const std::string& base_url, const std::string& model,
                                          const std::vector<Tensor>& inputs) const override {
    ordered_json body;
    body["inputs"] = ordered_json::array();
    for (const auto& tensor : inputs) {
      body["inputs"].push_back(
          {{"name", tensor.name}, {"shape", tensor.shape}, {"datatype", tensor.datatype}, {"data", data_of(tensor)}});
    }
    HttpRequest request;
    request.method = "POST";
    request.url = base_url + "/v2/models/" + model + "/infer";
    request.headers = {{"Content-Type", "application/json"}};
    request.body = body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    request.limit = answer_limit;
    return request;
  }

  [[nodiscard]] Result<std::vector<Tensor>> parse_answer(const HttpResponse& response) const override {
    auto document = document_of(response);
    if (!document) return document.error();
    const auto outputs = document->find("outputs");
    if (outputs == document->end() || !outputs->is_array() || outputs->empty()) {
      return corrupt("the server's answer has no outputs");
    }
    std::vector<Tensor> tensors;
    for (const auto& output : *outputs) {
      auto tensor = tensor_from_json(output, "the server's answer");
      if (!tensor) return tensor.error();
      tensors.push_back(std::move(*tensor));
    }
    return tensors;
  }
};

}  // namespace

const Protocol* find_protocol(std::string_view name) {
  static const OpenInference open_inference;
  return name == "oip-v2" ? &open_inference : nullptr;
}

const std::vector<std::string>& protocol_names() {
  static const std::vector<std::string> names = {"oip-v2"};
  return names;
}

}  // namespace mlctl::validate
