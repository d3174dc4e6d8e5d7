// Objects as the text of a file in a GitOps folder, and back: NAMESPACE/MODEL.yaml holds all objects of one model and
// NAMESPACE/_namespace.yaml those of a tenant (docs/decisions/0002), one YAML document each, in a fixed order, the same
// to the byte for the same objects. parse_file(to_file(objects)) gives the objects back.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/document.h"
#include "base/result.h"
#include "deploy/objects.h"
#include "registry/name.h"

namespace mlctl::deploy {

[[nodiscard]] std::string file_of(const std::string& name_space, const registry::ModelName& model);
[[nodiscard]] std::string file_of(const Tenant& tenant);

// One line that says where the file comes from, then the documents, each behind "---". The line is made of the first
// object's annotations.
[[nodiscard]] std::string to_file(const Objects& objects);

inline constexpr std::uint64_t file_limit = document_limit;  // bytes
inline constexpr std::size_t file_documents = 100;
// Error{corrupt} with file, line and column: not YAML, a document that is not an object, two of one name, too large.
[[nodiscard]] Result<Objects> parse_file(std::string_view text, const std::string& file);

// Who wrote a file, from its first line alone: "fraud/credit-risk", "tenant fraud"; nullopt when not mlctl.
[[nodiscard]] std::optional<std::string> author_of(std::string_view text);
// The highest assignment N that the objects carry; 0 when none does.
[[nodiscard]] std::uint64_t assignment_of(const Objects& objects);

}  // namespace mlctl::deploy
