// Which files an environment should have: every model's objects, and those of its tenants, as text. Pure; the files of
// 5,000 models take a few seconds.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/document.h"
#include "base/result.h"
#include "deploy/config.h"
#include "deploy/objects.h"
#include "registry/name.h"

namespace mlctl::deploy {

// What an environment should run of one model.
struct Candidate {
  registry::ModelName model;
  registry::Version version;
  Digest digest, image;
  std::string commit;
  std::int64_t assignment = 0;  // N; 0: a look at a version that is not assigned
  Node config;                  // merged for the environment, defaults filled in
  std::string name_space;
};

struct DesiredFile {
  std::string path;  // below the environment's folder
  std::string text;
  std::optional<registry::ModelName> model;  // nullopt: of a tenant, and the next four say nothing
  registry::Version version;
  Digest digest;
  std::string commit;
  std::uint64_t assignment = 0;  // N; 0: a look, which is never applied
  std::vector<ObjectKey> objects;
};

struct Surroundings {
  const Environment& environment;
  const std::vector<Tenant>& tenants;
  const std::map<std::string, Runtime>& runtimes;
};

// Error{usage}: an unknown runtime (with the nearest), what decode_serving refuses.
[[nodiscard]] Result<Spec> spec_of(const Candidate& candidate, const Surroundings& around);
// Sorted by path; with the tenants of the candidates. Error{usage}: two models, or two tenants, that would have the
// same object or file.
[[nodiscard]] Result<std::vector<DesiredFile>> plan_files(const std::vector<Candidate>& candidates,
                                                          const Surroundings& around);

}  // namespace mlctl::deploy
