// The key that the environment or the command line names for signing.
#pragma once
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/context.h"
#include "registry/sign.h"

namespace mlctl::cli {

// What the options leave empty is taken from MLCTL_SIGNING_KEY and MLCTL_SIGNING_CERTIFICATE; the passphrase only from
// MLCTL_SIGNING_KEY_PASSPHRASE. nullopt: no key is named. Says so when others may read the key's file.
[[nodiscard]] Result<std::optional<registry::Signer>> signer_of(Context& context, const std::string& key = {},
                                                                const std::string& certificate = {});

}  // namespace mlctl::cli
