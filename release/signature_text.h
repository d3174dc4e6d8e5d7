// What a signature's state says to people and machines, wherever it is listed.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "registry/sign.h"

namespace mlctl::release {

// "valid, by alice@example.com", "untrusted, by key 1234: …". `asked`: somebody said whose signatures count; where
// nobody did, one that may be good is "signed, by key 1234, not checked".
[[nodiscard]] std::string signature_text(const registry::SignatureState& state, bool asked);
// {"state", "by", "why"}; the state is "unchecked" where nobody said whose signatures count.
[[nodiscard]] nlohmann::ordered_json to_json(const registry::SignatureState& state, bool asked);

}  // namespace mlctl::release
