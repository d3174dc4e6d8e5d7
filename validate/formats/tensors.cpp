#include "validate/formats/tensors.h"

#include <algorithm>

#include "validate/formats/gguf.h"
#include "validate/formats/onnx_list.h"
#include "validate/formats/safetensors.h"

namespace mlctl::validate {
namespace {

std::vector<std::string> shape_of(const std::vector<std::uint64_t>& extents) {
  std::vector<std::string> shape;
  for (const auto extent : extents) shape.push_back(std::to_string(extent));
  return shape;
}

std::optional<std::string> list_safetensors(Input& in, TensorList& list) {
  SafetensorsHeader header;
  if (auto problem = read_safetensors(in, header)) return problem;
  list.metadata = std::move(header.metadata);
  for (auto& tensor : header.tensors)
    list.tensors.push_back({std::move(tensor.name), std::move(tensor.type), shape_of(tensor.shape)});
  return std::nullopt;
}

std::optional<std::string> list_gguf(Input& in, TensorList& list) {
  Gguf file;
  if (auto problem = read_gguf(in, file)) return problem;
  list.metadata = std::move(file.metadata);
  for (auto& tensor : file.tensors)
    list.tensors.push_back({std::move(tensor.name), gguf_type(tensor.type), shape_of(tensor.shape)});
  return std::nullopt;
}

}  // namespace

bool has_tensors(registry::Format format) {
  return format == registry::Format::safetensors || format == registry::Format::gguf ||
         format == registry::Format::onnx;
}

std::string to_string(const TensorLine& tensor) {
  std::string text = tensor.type + " [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) text += (i == 0 ? "" : ", ") + tensor.shape[i];
  return text + "]";
}

Result<TensorList> list_tensors(registry::Format format, Input& in) {
  TensorList list;
  const auto problem = format == registry::Format::safetensors ? list_safetensors(in, list)
                       : format == registry::Format::gguf      ? list_gguf(in, list)
                                                               : list_onnx(in, list);
  if (in.trouble()) return *in.trouble();
  if (problem) return Error{Error::Kind::corrupt, *problem, "`mlctl validate` says more"};
  if (list.tensors.size() > tensors_limit)
    return Error{Error::Kind::usage, "more than " + std::to_string(tensors_limit) + " tensors", ""};
  std::sort(list.tensors.begin(), list.tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return list;
}

}  // namespace mlctl::validate
