#include "registry/reference.h"

#include <optional>

#include "registry/tags.h"

namespace mlctl::registry {
namespace {

constexpr const char* three_forms = "references look like credit-risk@v1.2.3, credit-risk@sha256:… or credit-risk#prod";

// 7 to 63 hex digits, with or without sha256: before them, as history and release show digests.
std::optional<DigestPart> digest_part(std::string_view at) {
  static constexpr std::string_view prefix = "sha256:";
  if (at.starts_with(prefix)) at.remove_prefix(prefix.size());
  if (at.size() < 7 || at.size() > 63 || at.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  return DigestPart{std::string(at)};
}

}  // namespace

Result<ReferenceText> split_reference(std::string_view text) {
  const auto mark = text.find_last_of("@#");
  const Error wrong{Error::Kind::usage, "not a reference: '" + std::string(text.substr(0, 300)) + "'", three_forms};
  if (mark == std::string_view::npos || mark == 0) return wrong;
  ReferenceText reference{std::string(text.substr(0, mark)), {}};
  const auto at = text.substr(mark + 1);
  if (text[mark] == '#') {
    if (!is_stage_name(at)) return wrong;
    reference.at = std::string(at);
  } else if (const auto part = digest_part(at)) {
    reference.at = *part;
  } else if (at.rfind("sha256:", 0) == 0) {
    auto digest = parse_digest(at);
    if (!digest) return digest.error();
    reference.at = *digest;
  } else {
    auto version = parse_version(at);
    if (!version) return version.error();
    reference.at = std::move(*version);
  }
  return reference;
}

}  // namespace mlctl::registry
