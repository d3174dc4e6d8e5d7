#include "cli/signing.h"

#include <cstdlib>

#include "base/keys.h"

namespace mlctl::cli {

static std::string or_variable(const std::string& given, const char* name) {
  const char* value = given.empty() ? std::getenv(name) : nullptr;
  return value == nullptr ? given : value;
}

Result<std::optional<registry::Signer>> signer_of(Context& context, const std::string& key,
                                                  const std::string& certificate) {
  const auto key_path = or_variable(key, "MLCTL_SIGNING_KEY");
  auto signer = registry::signer_from(key_path, or_variable(certificate, "MLCTL_SIGNING_CERTIFICATE"),
                                      or_variable("", "MLCTL_SIGNING_KEY_PASSPHRASE"), context.clock.wall());
  if (!signer || !*signer) return signer;
  if (const auto warning = key_file_warning(key_path); !warning.empty()) context.note(escape_control(warning));
  return signer;
}

}  // namespace mlctl::cli
