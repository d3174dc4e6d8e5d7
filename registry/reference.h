// What people write to mean one state of a model: MODEL@v1.2.3, MODEL@sha256:… (whole, or at least its first seven
// digits), MODEL#ENV. Only the writing is judged here; what it leads to is release/reference.h's.
#pragma once
#include <string>
#include <string_view>
#include <variant>

#include "base/digest.h"
#include "base/result.h"
#include "registry/name.h"

namespace mlctl::registry {

struct DigestPart {
  std::string hex;  // the first digits, as the tool itself shows digests
};
struct ReferenceText {
  std::string model;                                          // as written
  std::variant<Version, Digest, DigestPart, std::string> at;  // the string is a stage
};
// Split at the last @ or #. Error{usage} shows the three forms.
[[nodiscard]] Result<ReferenceText> split_reference(std::string_view text);

}  // namespace mlctl::registry
