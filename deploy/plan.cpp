#include "deploy/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/parallel.h"
#include "base/units.h"
#include "deploy/cluster/state.h"
#include "deploy/render.h"

namespace mlctl::deploy {
namespace {

std::vector<Body> as_bodies(Objects objects, const Spec* spec) {
  std::vector<Body> out;
  for (auto& object : objects) {
    if (spec != nullptr) object["metadata"]["labels"][part_of_label] = applyset_id(spec->model, spec->name_space);
    out.push_back(std::make_shared<const nlohmann::ordered_json>(std::move(object)));
  }
  return out;
}

DesiredFile file_from(std::string path, Objects objects, std::variant<Spec, Tenant> origin, Form form) {
  DesiredFile file{.path = std::move(path), .text = {}, .bodies = {}, .keys = {}, .origin = std::move(origin)};
  for (const auto& object : objects) file.keys.push_back(key_of(object));
  if (form == Form::text)
    file.text = to_file(objects);
  else
    file.bodies = as_bodies(std::move(objects), file.spec());
  return file;
}

Result<const Runtime*> find_runtime(const std::string& name, const Candidate& candidate, const Surroundings& around) {
  if (const auto found = around.runtimes.find(name); found != around.runtimes.end()) return &found->second;
  std::vector<std::string> known;
  for (const auto& [key, runtime] : around.runtimes) known.push_back(key);
  const auto near = nearest(name, known);
  return Error{
      Error::Kind::usage, to_string(candidate.model) + ": mlctl.yaml has no runtime '" + name + "'",
      near.empty() ? "add `runtimes: {" + name + ": {image: NAME@sha256:…}}` to it" : "did you mean " + near + "?"};
}

Error shared(const std::string& what, const std::string& one, const std::string& other) {
  return {Error::Kind::usage, one + " and " + other + " would both be " + what,
          "give one of them another name, or its tenant another `namespace:`"};
}

// Remembers who has what; two of one name are refused.
class Claims {
 public:
  Status claim(const DesiredFile& file, const std::string& who) {
    if (const auto [found, fresh] = files_.emplace(file.path, who); !fresh)
      return shared(file.path, found->second, who);
    for (const auto& key : file.keys)
      if (const auto [found, fresh] = objects_.emplace(key, who); !fresh)
        return shared(to_string(key), found->second, who);
    return ok();
  }

 private:
  std::map<std::string, std::string> files_;
  std::map<ObjectKey, std::string> objects_;
};

Result<DesiredFile> file_of_candidate(const Candidate& candidate, const Surroundings& around) {
  auto spec = spec_of(candidate, around);
  if (!spec) return spec.error();
  return file_of_spec(std::move(*spec), around.form);
}

Status add_tenants(const std::set<std::string>& names, const Surroundings& around, Claims& claims,
                   std::vector<DesiredFile>& files) {
  for (const auto& tenant : around.tenants) {
    if (names.count(tenant.name) == 0) continue;
    auto file = file_from(file_of(tenant), tenant_objects(tenant), tenant, around.form);
    if (auto claimed = claims.claim(file, "tenant " + tenant.name); !claimed) return claimed;
    files.push_back(std::move(file));
  }
  return ok();
}

}  // namespace

Result<Spec> spec_of(const Candidate& candidate, const Surroundings& around) {
  if (candidate.image == Digest())
    return Error{Error::Kind::usage,
                 to_string(candidate.model) + " " + to_string(candidate.version) +
                     ": no image stands beside it that a cluster could mount",
                 "push its files without --layers, as another version"};
  auto serving = decode_serving(candidate.config);
  const auto version = to_string(candidate.model) + " " + to_string(candidate.version);
  if (!serving) return serving.error().context(version);
  auto rollout = decode_rollout(candidate.config);
  if (!rollout) return rollout.error().context(version);
  auto runtime = find_runtime(serving->runtime, candidate, around);
  if (!runtime) return runtime.error();
  return Spec{.model = candidate.model,
              .version = candidate.version,
              .digest = candidate.digest,
              .image = candidate.image,
              .commit = candidate.commit,
              .assignment = candidate.assignment,
              .serving = std::move(*serving),
              .rollout = std::move(*rollout),
              .runtime = **runtime,
              .environment = around.environment,
              .name_space = candidate.name_space,
              .way_back = candidate.way_back};
}

Result<DesiredFile> file_of_spec(Spec spec, Form form) {
  auto objects = model_objects(spec);
  if (!objects) return objects.error();
  auto path = file_of(spec.name_space, spec.model);
  return file_from(std::move(path), std::move(*objects), std::move(spec), form);
}

Result<Objects> objects_of(const DesiredFile& file) {
  if (const Spec* spec = file.spec()) return model_objects(*spec);
  return tenant_objects(std::get<Tenant>(file.origin));
}

Result<std::vector<Body>> bodies_of(const DesiredFile& file) {
  if (!file.bodies.empty()) return file.bodies;
  auto objects = objects_of(file);
  if (!objects) return objects.error();
  return as_bodies(std::move(*objects), file.spec());
}

Status check_candidate(const Candidate& candidate, const Surroundings& around) {
  auto file = file_of_candidate(candidate, around);
  return file ? ok() : Status(file.error());
}

Result<std::vector<DesiredFile>> plan_files(const std::vector<Candidate>& candidates, const Surroundings& around) {
  std::vector<DesiredFile> files;
  std::set<std::string> tenants;
  Claims claims;
  std::vector<std::optional<Result<DesiredFile>>> rendered(candidates.size());
  const auto done = in_parallel(candidates.size(), processors(), [&](std::size_t i) {
    rendered[i] = file_of_candidate(candidates[i], around);
    return ok();
  });
  if (!done) return done.error();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    auto& file = *rendered[i];
    if (!file) return file.error();
    const auto& model = candidates[i].model;
    if (auto claimed = claims.claim(*file, to_string(model)); !claimed) return claimed.error();
    files.push_back(std::move(*file));
    if (!model.tenant.empty()) tenants.insert(model.tenant);
  }
  if (auto added = add_tenants(tenants, around, claims, files); !added) return added.error();
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

}  // namespace mlctl::deploy
