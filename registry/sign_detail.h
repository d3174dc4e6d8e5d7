// What signing statements and signing versions share.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/sign.h"

namespace mlctl::registry {

enum class BundleForm { sigstore, oms };  // how certificates are written
[[nodiscard]] Result<std::string> sign_as(const Signer& signer, std::string_view statement, BundleForm form);
// Whether the bundle holds this very statement, signed with this key and, where it has one, this certificate.
[[nodiscard]] bool is_by(std::string_view bundle, const Signer& signer, std::string_view statement);

}  // namespace mlctl::registry
