#include "registry/oci.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace mlctl::registry::oci {

nlohmann::ordered_json to_json(const Descriptor& descriptor) {
  nlohmann::ordered_json value;
  value["mediaType"] = descriptor.media_type;
  value["digest"] = to_string(descriptor.digest);
  value["size"] = descriptor.size;
  if (!descriptor.annotations.empty()) value["annotations"] = descriptor.annotations;
  if (!descriptor.artifact_type.empty()) value["artifactType"] = descriptor.artifact_type;
  return value;
}

const nlohmann::json* member(const nlohmann::json& value, const char* key) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(key);
  return found == value.end() ? nullptr : &*found;
}

std::optional<std::string> text(const nlohmann::json& value, const char* key) {
  const auto* found = member(value, key);
  if (found == nullptr) return std::nullopt;
  const auto* string = found->get_ptr<const std::string*>();
  return string == nullptr ? std::nullopt : std::optional(*string);
}

std::optional<std::uint64_t> count(const nlohmann::json& value, const char* key) {
  const auto* found = member(value, key);
  if (found == nullptr) return std::nullopt;
  const auto* number = found->get_ptr<const std::uint64_t*>();
  if (number == nullptr || *number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return *number;
}

std::optional<Descriptor> descriptor_of(const nlohmann::json& value) {
  const auto media_type = text(value, "mediaType");
  const auto digest_text = text(value, "digest");
  const auto size = count(value, "size");
  if (!media_type || !digest_text || !size) return std::nullopt;
  auto digest = parse_digest(*digest_text);
  if (!digest) return std::nullopt;
  Descriptor descriptor{*media_type, *digest, *size, text(value, "artifactType").value_or(""), {}};
  if (const auto* annotations = member(value, "annotations"); annotations != nullptr && annotations->is_object())
    for (const auto& [key, annotation] : annotations->items())
      if (annotation.is_string()) descriptor.annotations[key] = annotation.get_ref<const std::string&>();
  return descriptor;
}

}  // namespace mlctl::registry::oci
