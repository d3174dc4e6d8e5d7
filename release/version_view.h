// What is known about one version, or about all: for `show`, `list` and `verify`. From the registry; with git, also
// where it is assigned.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "registry/git.h"
#include "registry/modelcar.h"
#include "registry/query.h"
#include "registry/sign.h"
#include "registry/store.h"
#include "release/metadata.h"
#include "release/project.h"
#include "release/reference.h"

namespace mlctl::release {

struct StatementLine {
  std::string kind;         // "provenance", "gate", …; of another tool's the type of its predicate
  std::string result;       // "PASSED", "FAILED"; of provenance the commit; may be empty
  std::string environment;  // of gates
  std::string created;      // RFC 3339
  Digest digest;
  std::string predicate;  // its type
  registry::SignatureState signature;
};
struct StageLine {
  std::string stage;
  std::uint64_t n = 0;
};

struct Withdrawn {
  std::string by;
  WallTime when{};
  std::string tag;
};

struct VersionView {
  registry::ModelName model;
  registry::ModelDescription description;
  std::vector<registry::VersionInfo> versions;  // that lead to the digest
  std::vector<StatementLine> evidence;
  Said said;
  std::vector<registry::VersionSignature> signatures;
  std::vector<registry::ModelcarInfo> modelcars;
  std::vector<StageLine> stages;                        // that run it now
  std::optional<Withdrawn> deprecated;                  // the model
  std::map<registry::Version, Withdrawn> deregistered;  // of `versions`
};
// `tags` of the repository; nullptr: no stages are known. Signatures are measured by `trust`.
[[nodiscard]] Result<VersionView> view_version(registry::Store& store, const std::vector<registry::GitTag>* tags,
                                               const registry::ModelName& model, const Digest& digest,
                                               const registry::Trust& trust, WallTime now);

struct VersionLine {
  registry::VersionInfo info;
  std::vector<StageLine> stages;
  bool deregistered = false;
};
// Newest first; empty when the registry has none.
[[nodiscard]] Result<std::vector<VersionLine>> view_versions(registry::Store& store,
                                                             const std::vector<registry::GitTag>* tags,
                                                             const registry::ModelName& model);

struct ModelLine {
  registry::ModelName model;
  std::size_t versions = 0;
  std::optional<registry::VersionInfo> newest;
  std::vector<std::pair<StageLine, registry::Version>> stages;  // what runs where, by git
  bool deprecated = false;
};
[[nodiscard]] Result<std::vector<ModelLine>> view_models(registry::Store& store,
                                                         const std::vector<registry::GitTag>* tags,
                                                         const std::vector<registry::ModelName>& models);

// registry::verify, and what git's tags record about these versions. Notes are no problems.
struct Verification {
  registry::VerifyReport report;  // problems of the tags included
  std::vector<std::string> notes;
};
[[nodiscard]] Result<Verification> verify_version(registry::Store& store, const std::vector<registry::GitTag>* tags,
                                                  const Found& found);

// Adds what origin says: a tag of the model that is another object there, only there or only here, is a problem.
// Error{usage}: no remote; others: origin could not be asked.
[[nodiscard]] Status verify_at_origin(registry::Git& git, const registry::ModelName& model,
                                      std::vector<std::string>& problems);

}  // namespace mlctl::release
