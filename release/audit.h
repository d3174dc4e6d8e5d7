// Why is it there? The chain back from an environment (or a version) to the commit: cluster, assignment, tag, digest,
// evidence.
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/http_cluster.h"
#include "deploy/rollout/state.h"
#include "registry/git.h"
#include "registry/sign.h"
#include "registry/store.h"
#include "registry/tags.h"
#include "release/project.h"
#include "validate/report.h"

namespace mlctl::release {

struct AuditedStatement {
  std::string kind;  // "provenance", "validation", "gate", "gpu", "metadata"; of another tool's the predicate's type
  std::string environment;
  std::optional<validate::Verdict> verdict;
  std::string baseline;
  std::string digest;   // of the statement
  std::string created;  // RFC 3339
  registry::SignatureState signature;
  bool dirty = false;  // of provenance: the files differed from the commit
  bool counts = true;  // by the rule of docs/trust.md
};

struct AuditedPlace {
  std::string environment;
  std::uint64_t n = 0;
  std::string tag, by;
  WallTime when{};
  bool newest = false;             // what the environment should run now
  bool has_folder = true;          // false: the environment is a cluster, and no GitOps folder
  std::string folder;              // "deploy:deploy/prod/models/credit-risk.yaml"; empty: not found there
  std::string in_folder;           // digest that the file on the branch names; empty: not there
  bool differs = false;            // the file is not what the assignment and the configuration give
  std::string unknown;             // why that could not be told
  bool gated = false;              // of the newest: a gate passed that counts there
  std::vector<std::string> unmet;  // of the newest: what its `requires:` asks for and does not find
};

// What a cluster remembers, and how far that is what git says.
struct AuditedCluster {
  std::string environment, context;
  std::string unknown;                          // why that could not be found out; the rest is empty then
  std::optional<deploy::Serves> serves;         // of the model, whatever version; nullopt: nothing
  bool is_audited = false;                      // what serves has the audited digest
  std::optional<deploy::RolloutState> rollout;  // of the audited version, or of another one that is on its way
  std::string drift;                            // how git differs; "" when it does not
};

struct Audit {
  std::string model, version, digest;  // digest empty: not in the registry and not in the tag
  std::string tag, by, commit, subject, author;
  WallTime when{};
  bool recorded = false;  // the tag names the digest
  bool in_registry = false;
  bool trust = false;  // somebody said whose signatures count
  std::vector<registry::VersionSignature> signatures;
  std::vector<AuditedStatement> statements;
  std::vector<AuditedPlace> places;
  std::vector<AuditedCluster> clusters;  // of environments where it is assigned, serves or was tried, or nobody knows
  std::vector<std::string> gaps;         // what the chain lacks; empty: whole
};

using ConnectCluster = std::function<Result<deploy::Connection>(const deploy::Environment& environment)>;

// `text` is MODEL (what the last environment runs), MODEL@V, MODEL@sha256:… or MODEL#ENV. Error{not_found} when there
// is no such version.
[[nodiscard]] Result<Audit> audit(const Project& project, registry::Git& git, registry::Store& store,
                                  const ConnectCluster& connect, const std::string& text, WallTime now);

[[nodiscard]] std::string to_text(const Audit& audit, const Style& style);
[[nodiscard]] nlohmann::ordered_json to_json(const Audit& audit);

}  // namespace mlctl::release
