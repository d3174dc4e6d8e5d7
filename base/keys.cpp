#include "base/keys.h"

namespace mlctl {

struct PublicKey::State {
  std::string pem, hint;
};
struct PrivateKey::State {
  PublicKey key;
};

static Error not_yet() {
  return {Error::Kind::usage, "signing is not there yet", ""};
}

const std::string& PublicKey::pem() const {
  return state_->pem;
}
const std::string& PublicKey::hint() const {
  return state_->hint;
}
const char* PublicKey::kind() const {
  return "";
}
bool PublicKey::verify(std::string_view /*message*/, std::string_view /*signature*/) const {
  return state_ == nullptr;
}
const PublicKey& PrivateKey::public_key() const {
  return state_->key;
}
Result<std::string> PrivateKey::sign(std::string_view /*message*/) const {
  return state_ == nullptr ? Error{} : not_yet();
}
Result<PrivateKey> load_private_key(const std::filesystem::path& /*path*/, const std::string& /*passphrase*/) {
  return not_yet();
}
std::string key_file_warning(const std::filesystem::path& /*path*/) {
  return "";
}
Result<PublicKey> parse_public_key(std::string_view /*pem*/) {
  return not_yet();
}
Result<PublicKey> parse_public_key_der(std::string_view /*der*/) {
  return not_yet();
}

}  // namespace mlctl
