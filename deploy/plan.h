// Which files an environment should have: every model's objects, and those of its tenants, as text. Pure; the files of
// 5,000 models take a few seconds.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <variant>
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
  bool way_back = false;  // from another version, to one that served before
};

struct DesiredFile {
  std::string path;  // below the environment's folder
  std::string text;
  std::vector<ObjectKey> keys;        // of its objects
  std::variant<Spec, Tenant> origin;  // an assignment of 0 is a look, which is never applied
  [[nodiscard]] const Spec* spec() const { return std::get_if<Spec>(&origin); }
};
// What the text says, made again: a whole fleet's objects at once would fill the memory.
[[nodiscard]] Result<Objects> objects_of(const DesiredFile& file);

// One model's. Error as of model_objects.
[[nodiscard]] Result<DesiredFile> file_of_spec(Spec spec);

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
