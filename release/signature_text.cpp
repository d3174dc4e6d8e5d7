#include "release/signature_text.h"

#include <nlohmann/json.hpp>

namespace mlctl::release {

using registry::Trusted;

std::string signature_text(const registry::SignatureState& state, bool asked) {
  if (state.trusted == Trusted::unsigned_) return to_string(state.trusted);
  const bool unchecked = !asked && state.trusted == Trusted::untrusted;
  std::string text = unchecked ? "signed" : to_string(state.trusted);
  if (!state.by.empty()) text += ", by " + state.by;
  if (unchecked) return text + ", not checked";
  return state.why.empty() ? text : text + ": " + state.why;
}

nlohmann::ordered_json to_json(const registry::SignatureState& state, bool asked) {
  const bool unchecked = !asked && state.trusted == Trusted::untrusted;
  return {{"state", unchecked ? "unchecked" : to_string(state.trusted)},
          {"by", state.by},
          {"why", unchecked ? "nobody said whose signatures count" : state.why}};
}

}  // namespace mlctl::release
