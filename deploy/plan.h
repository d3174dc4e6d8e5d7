// What an environment should have: every model's objects, and those of its tenants, as the text of files or as what a
// cluster is sent. Pure; the files of 5,000 models take a few seconds.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
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

using Body = std::shared_ptr<const nlohmann::ordered_json>;

// A whole fleet's texts and objects at once would fill the memory: one is kept, the other can be made again.
enum class Form { text, bodies };

struct DesiredFile {
  std::string path;                   // below the environment's folder
  std::string text;                   // where this form was asked for, else ""
  std::vector<Body> bodies;           // where this form was asked for, else none
  std::vector<ObjectKey> keys;        // of its objects
  std::variant<Spec, Tenant> origin;  // an assignment of 0 is a look, which is never applied
  [[nodiscard]] const Spec* spec() const { return std::get_if<Spec>(&origin); }
};
// What the text says.
[[nodiscard]] Result<Objects> objects_of(const DesiredFile& file);
// As a cluster is sent them: with the label of the model's ApplySet.
[[nodiscard]] Result<std::vector<Body>> bodies_of(const DesiredFile& file);

// One model's. Error as of model_objects.
[[nodiscard]] Result<DesiredFile> file_of_spec(Spec spec, Form form = Form::text);

struct Surroundings {
  const Environment& environment;
  const std::vector<Tenant>& tenants;
  const std::map<std::string, Runtime>& runtimes;
  Form form = Form::text;
};

// Error{usage}: an unknown runtime (with the nearest), what decode_serving refuses.
[[nodiscard]] Result<Spec> spec_of(const Candidate& candidate, const Surroundings& around);
// What plan_files would refuse of this one by itself.
[[nodiscard]] Status check_candidate(const Candidate& candidate, const Surroundings& around);
// Sorted by path; with the tenants of the candidates. Error{usage}: two models, or two tenants, that would have the
// same object or file.
[[nodiscard]] Result<std::vector<DesiredFile>> plan_files(const std::vector<Candidate>& candidates,
                                                          const Surroundings& around);

}  // namespace mlctl::deploy
