#include "registry/sign.h"

namespace mlctl::registry {

static Error not_yet() {
  return {Error::Kind::usage, "signing is not there yet", ""};
}

const char* to_string(Trusted trusted) {
  switch (trusted) {
    case Trusted::unsigned_:
      return "unsigned";
    case Trusted::valid:
      return "valid";
    case Trusted::untrusted:
      return "untrusted";
    case Trusted::invalid:
      return "invalid";
  }
  return "invalid";
}

Result<std::optional<Signer>> signer_from(const std::string& key_path, const std::string& /*chain_path*/,
                                          const std::string& /*passphrase*/) {
  if (key_path.empty()) return std::optional<Signer>();
  return not_yet();
}

Result<std::string> sign_statement(const Signer& /*signer*/, std::string_view /*statement*/) {
  return not_yet();
}

Result<OpenedBundle> open_bundle(std::string_view /*bundle*/, const Trust& /*trust*/, WallTime /*now*/) {
  return not_yet();
}

Result<Signed> sign_version(Store& /*store*/, const ModelName& /*model*/, const Digest& /*digest*/,
                            const Signer& /*signer*/, const std::string& /*created*/) {
  return not_yet();
}

Result<std::vector<VersionSignature>> signatures(Store& /*store*/, const ModelName& /*model*/, const Digest& /*digest*/,
                                                 const Trust& /*trust*/, WallTime /*now*/) {
  return std::vector<VersionSignature>();
}

}  // namespace mlctl::registry
