#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "validate/protocol.h"

namespace mlctl::validate {
namespace {

using nlohmann::json;

struct Datatype {
  const char* name;
  enum class Kind { boolean, integer, real, text } kind;
  double low, high;
};

constexpr double exact = 9007199254740992.0;  // 2^53: beyond, a double no longer holds every whole number
constexpr Datatype datatypes[] = {
    {"BOOL", Datatype::Kind::boolean, 0, 1},
    {"UINT8", Datatype::Kind::integer, 0, 255},
    {"UINT16", Datatype::Kind::integer, 0, 65535},
    {"UINT32", Datatype::Kind::integer, 0, 4294967295.0},
    {"UINT64", Datatype::Kind::integer, 0, exact},
    {"INT8", Datatype::Kind::integer, -128, 127},
    {"INT16", Datatype::Kind::integer, -32768, 32767},
    {"INT32", Datatype::Kind::integer, -2147483648.0, 2147483647.0},
    {"INT64", Datatype::Kind::integer, -exact, exact},
    {"FP32", Datatype::Kind::real, 0, 0},
    {"FP64", Datatype::Kind::real, 0, 0},
    {"BYTES", Datatype::Kind::text, 0, 0},
};

Error corrupt(std::string message) {
  return {.kind = Error::Kind::corrupt, .message = std::move(message), .hint = ""};
}

Result<std::uint64_t> product(const std::vector<std::int64_t>& shape, const std::string& what) {
  std::uint64_t size = 1;
  for (const auto dimension : shape) {
    if (dimension < 0) return corrupt(what + ": a negative size in the shape");
    if (dimension != 0 && size > (1ULL << 40U) / static_cast<std::uint64_t>(dimension)) {
      return corrupt(what + ": the shape's product is too large");
    }
    size *= static_cast<std::uint64_t>(dimension);
  }
  return size;
}

const Datatype* find_datatype(const std::string& name) {
  for (const auto& type : datatypes) {
    if (name == type.name) return &type;
  }
  return nullptr;
}

Status holds(const Datatype& type, double number) {
  if (!std::isfinite(number)) return corrupt("a number that is not finite");
  if (type.kind != Datatype::Kind::real && (number != std::floor(number) || number < type.low || number > type.high)) {
    return corrupt(std::string("a number that is no ") + type.name);
  }
  return ok();
}

Result<double> number_of(const json& item, const Datatype& type, const std::string& what) {
  if (item.is_null()) return corrupt(what + ": null where a number is expected (how a server writes NaN)");
  if (item.is_boolean() && type.kind == Datatype::Kind::boolean) return item.get<bool>() ? 1.0 : 0.0;
  if (!item.is_number()) return corrupt(what + ": not a number: " + std::string(item.type_name()));
  const auto number = item.get<double>();
  if (auto status = holds(type, number); !status) return status.error().context(what);
  return number;
}

// Flattens nested lists; depth is bounded by the parser.
Status collect(const json& data, const Datatype& type, const std::string& what, Tensor& into) {
  for (const auto& item : data) {
    if (item.is_array()) {
      if (auto status = collect(item, type, what, into); !status) return status;
    } else if (type.kind == Datatype::Kind::text) {
      if (!item.is_string()) return corrupt(what + ": not a string in a BYTES tensor");
      into.texts.push_back(item.get<std::string>());
    } else {
      auto number = number_of(item, type, what);
      if (!number) return number.error();
      into.numbers.push_back(*number);
    }
  }
  return ok();
}

}  // namespace

Status holds_number(const std::string& datatype, double number) {
  const auto* type = find_datatype(datatype);
  if (type == nullptr) return corrupt("the datatype " + datatype.substr(0, 20) + " is not known");
  if (type->kind == Datatype::Kind::text) return corrupt("the datatype " + datatype + " holds no numbers");
  return holds(*type, number);
}

Result<Tensor> tensor_from_json(const json& value, const std::string& what) {
  if (!value.is_object()) return corrupt(what + ": not an object");
  const auto name = value.find("name");
  if (name == value.end() || !name->is_string()) return corrupt(what + ": a tensor without a name");
  Tensor tensor{.name = name->get<std::string>(), .datatype = "", .shape = {}, .numbers = {}, .texts = {}};
  const auto where = what + ": tensor " + tensor.name.substr(0, 100);

  const auto datatype = value.find("datatype");
  if (datatype == value.end() || !datatype->is_string()) return corrupt(where + ": no datatype");
  tensor.datatype = datatype->get<std::string>();
  const Datatype* type = find_datatype(tensor.datatype);
  if (type == nullptr) return corrupt(where + ": datatype " + tensor.datatype.substr(0, 20) + " is not known");

  const auto shape = value.find("shape");
  if (shape == value.end() || !shape->is_array() || shape->size() > 16) return corrupt(where + ": no shape");
  for (const auto& dimension : *shape) {
    if (!dimension.is_number_integer()) return corrupt(where + ": a shape that is not of whole numbers");
    tensor.shape.push_back(dimension.get<std::int64_t>());
  }
  auto size = product(tensor.shape, where);
  if (!size) return size.error();

  const auto data = value.find("data");
  if (data == value.end() || !data->is_array()) return corrupt(where + ": no data");
  if (auto status = collect(*data, *type, where, tensor); !status) return status.error();
  const auto got = tensor.numbers.size() + tensor.texts.size();
  if (got != *size) {
    return corrupt(where + ": the shape wants " + std::to_string(*size) + " values, there are " + std::to_string(got));
  }
  return tensor;
}

}  // namespace mlctl::validate
