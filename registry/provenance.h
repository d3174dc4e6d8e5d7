// Where a version comes from: an SLSA provenance v1 predicate. Its buildType is described in docs/trust.md.
// Pure; nothing secret goes in: logins are cut out of URLs.
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace mlctl::registry {

inline constexpr std::string_view slsa_provenance = "https://slsa.dev/provenance/v1";

// Who made it. Of GitHub Actions the workflow and the run, of GitLab the pipeline's file and the job; on any other
// machine `local_builder`, which claims nothing.
struct Builder {
  std::string id;
  std::string invocation;  // URL of the run; "" where there is none
};
inline constexpr std::string_view local_builder = "https://mlctl.dev/builder/local/v1";
[[nodiscard]] Builder builder_of(const std::function<std::string(const char*)>& variable);

// Something that went into it.
struct Resource {
  std::string name, uri;  // one of them may be ""
  std::optional<Digest> digest;
};

struct Provenance {
  std::string repository, commit;
  bool dirty = false;  // the files differed from the commit
  std::string version;
  std::vector<Resource> inputs;
  Builder builder{std::string(local_builder), ""};
  std::string started, finished;  // RFC 3339; may be ""
};
[[nodiscard]] nlohmann::ordered_json provenance_predicate(const Provenance& provenance);

// Two predicates about the same sources and the same builder: a second run says nothing new but its time.
[[nodiscard]] bool same_build(const nlohmann::json& one, const nlohmann::json& other);

struct BuildSource {
  std::string commit;
  bool dirty = false;
  bool operator==(const BuildSource&) const = default;
};
// Read back from a whole statement; nullopt: it names no commit.
[[nodiscard]] std::optional<BuildSource> source_in(const nlohmann::json& statement);

// The models that people's metadata (JSON) names as what this one was made from: `baseModel` or `base_model`, a name
// or URL ("…@sha256:HEX" pins it), an object {name, uri, digest}, or a list of these.
[[nodiscard]] std::vector<Resource> base_models(const nlohmann::json& metadata);

// A URL without user names, passwords and queries; `git@host:path` stays.
[[nodiscard]] std::string without_login(std::string_view url);

}  // namespace mlctl::registry
