// `mlctl verify`: is a version what its digest says, and did everything hold that was asked for? Bytes, manifests,
// links and evidence always; signatures by the trust that the command line or mlctl.yaml names; an environment's
// `requires:` where one is named. Nothing is asked of a network but the registry itself.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/evidence.h"
#include "registry/sign.h"
#include "registry/store.h"
#include "release/project.h"
#include "release/reference.h"
#include "release/signature_text.h"
#include "release/version_view.h"

namespace mlctl::release {

struct VerifyRequest {
  std::optional<registry::Trust> trust;  // of the command line; it replaces mlctl.yaml's
  std::string environment;               // whose `requires:` and trust count; "": nobody's
  WallTime now{};
};

struct PolicyAnswer {
  std::string requirement;  // "signature", "gate", "gpu"
  std::string unmet;        // why not; "": met
};

struct Verified {
  registry::ModelName model;
  Digest digest;
  std::string shown;  // "credit-risk v1.2.0"
  registry::VerifyReport report;
  std::vector<std::string> notes;  // about the tags
  std::string trust;               // who said whose signatures count: "the command line", "mlctl.yaml"; "": nobody
  std::vector<registry::VersionSignature> signatures;
  std::vector<registry::Evidence> evidence;
  std::string environment;
  std::vector<PolicyAnswer> policy;
};
[[nodiscard]] bool is_whole(const Verified& verified);   // bytes, links, evidence
[[nodiscard]] bool is_signed(const Verified& verified);  // a valid signature of the manifest is there
// Everything that was asked for was verified.
[[nodiscard]] bool holds(const Verified& verified);

// Error{usage}: a trust that cannot be read, an environment that requires a signature where nobody said whose counts.
[[nodiscard]] Result<Verified> verify_all(const Project& project, registry::Store& store,
                                          const std::vector<registry::GitTag>* tags, const Found& found,
                                          const VerifyRequest& request);
[[nodiscard]] std::string to_text(const Verified& verified, const Style& style);
[[nodiscard]] nlohmann::ordered_json to_json(const Verified& verified);

}  // namespace mlctl::release
