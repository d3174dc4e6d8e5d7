// What a signature in a DSSE envelope is made over. Pure. Source: DSSE v1.0.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mlctl::registry {

// The pre-authentication encoding: "DSSEv1 SP len SP type SP len SP body".
[[nodiscard]] std::string pae(std::string_view type, std::string_view body);
// What OpenSSF Model Signing before 1.0 signed instead, by mistake: another prefix, and the body as Python's bytes
// literal. Only good for what was signed then.
[[nodiscard]] std::string pae_before_1_0(std::string_view type, std::string_view body);

// Base64, standard or URL-safe, as readers of envelopes have to take.
[[nodiscard]] std::optional<std::string> from_any_base64(std::string text);

}  // namespace mlctl::registry
