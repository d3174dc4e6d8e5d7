#include "validate/golden.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/document.h"
#include "base/filesystem.h"

namespace mlctl::validate {
namespace {

using nlohmann::json;

constexpr std::size_t most_cases = 10'000;

Error usage(std::string message) {
  return {.kind = Error::Kind::usage, .message = std::move(message), .hint = ""};
}

Result<std::vector<Tensor>> tensors_of(const json& item, const char* key, const std::string& what) {
  const auto found = item.find(key);
  if (found == item.end() || !found->is_array() || found->empty()) return usage(what + ": no " + key);
  std::vector<Tensor> tensors;
  for (const auto& value : *found) {
    auto tensor = tensor_from_json(value, what + ", " + key);
    if (!tensor) return usage(tensor.error().message);
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

}  // namespace

Result<std::vector<GoldenCase>> read_golden(const std::filesystem::path& path) {
  auto text = read_file(path, golden_limit);
  if (!text) return text.error().context("golden cases");
  return parse_golden(*text, path.filename().string());
}

Result<std::vector<GoldenCase>> parse_golden(std::string_view text, const std::string& what) {
  auto document = parse_json(text, what);
  if (!document) return usage(document.error().message);
  if (!document->is_object()) return usage(what + ": not a JSON object");
  if (document->value("schemaVersion", json()) != 1) return usage(what + ": schemaVersion 1 is expected");
  const auto items = document->find("cases");
  if (items == document->end() || !items->is_array() || items->empty()) return usage(what + ": no cases");
  if (items->size() > most_cases) return usage(what + ": more than 10,000 cases");
  std::vector<GoldenCase> cases;
  for (const auto& item : *items) {
    const auto number = "case " + std::to_string(cases.size() + 1);
    if (!item.is_object()) return usage(what + ": " + number + " is not an object");
    const auto name = item.find("name");
    GoldenCase golden;
    golden.name = name != item.end() && name->is_string() ? name->get<std::string>() : number;
    auto inputs = tensors_of(item, "inputs", what + ": " + golden.name);
    if (!inputs) return inputs.error();
    auto outputs = tensors_of(item, "outputs", what + ": " + golden.name);
    if (!outputs) return outputs.error();
    golden.inputs = std::move(*inputs);
    golden.outputs = std::move(*outputs);
    cases.push_back(std::move(golden));
  }
  return cases;
}

}  // namespace mlctl::validate
