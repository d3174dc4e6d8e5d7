// OCI documents as data: media types, annotations, descriptors to and from JSON.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/store.h"

namespace mlctl::registry::oci {

inline constexpr const char* manifest_type = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* index_type = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* empty_type = "application/vnd.oci.empty.v1+json";
inline constexpr const char* image_config_type = "application/vnd.oci.image.config.v1+json";
inline constexpr const char* image_layer_type = "application/vnd.oci.image.layer.v1.tar";
inline constexpr const char* model_type = "application/vnd.cncf.model.manifest.v1+json";
inline constexpr const char* model_config_type = "application/vnd.cncf.model.config.v1+json";
// What ModelPack was before it had its name.
inline constexpr const char* model_type_before = "application/vnd.cnai.model.manifest.v1+json";
inline constexpr const char* model_config_type_before = "application/vnd.cnai.model.config.v1+json";
inline constexpr const char* file_path_before = "org.cnai.model.filepath";
inline constexpr const char* file_metadata_before = "org.cnai.model.file.metadata+json";
inline constexpr const char* statement_type = "application/vnd.in-toto+json";

inline constexpr const char* ref_name = "org.opencontainers.image.ref.name";
inline constexpr const char* created = "org.opencontainers.image.created";
inline constexpr const char* title_annotation = "org.opencontainers.image.title";
inline constexpr const char* file_path = "org.cncf.model.filepath";
inline constexpr const char* file_metadata = "org.cncf.model.file.metadata+json";
inline constexpr const char* files_annotation = "dev.mlctl.files";        // JSON: the files of a layer
inline constexpr const char* model_annotation = "dev.mlctl.model";        // on an image: the model's digest
inline constexpr const char* modelcar_annotation = "dev.mlctl.modelcar";  // on a modelcar: its base's digest
inline constexpr const char* name_annotation = "dev.mlctl.name";          // bundles only: whose entry it is
inline constexpr const char* subject_annotation = "dev.mlctl.subject";    // index only: what a referrer is about
inline constexpr const char* count_annotation = "dev.mlctl.count";        // index only: how many files
inline constexpr const char* bytes_annotation = "dev.mlctl.bytes";        // index only: bytes of the files
inline constexpr const char* evidence_annotation = "dev.mlctl.evidence";  // kind of evidence
inline constexpr const char* predicate_annotation = "in-toto.io/predicate-type";
inline constexpr const char* bundle_content = "dev.sigstore.bundle.content";  // "dsse-envelope"
inline constexpr const char* bundle_predicate = "dev.sigstore.bundle.predicateType";

[[nodiscard]] nlohmann::ordered_json to_json(const Descriptor& descriptor);
// nullopt: not a descriptor. Unknown keys are none of our business.
[[nodiscard]] std::optional<Descriptor> descriptor_of(const nlohmann::json& value);

// Readers that never throw: nullptr or nullopt for what is absent or of another type.
[[nodiscard]] const nlohmann::json* member(const nlohmann::json& value, const char* key);
[[nodiscard]] std::optional<std::string> text(const nlohmann::json& value, const char* key);
[[nodiscard]] std::optional<std::uint64_t> count(const nlohmann::json& value, const char* key);

}  // namespace mlctl::registry::oci
