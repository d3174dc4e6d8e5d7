#include "release/replay.h"

#include <algorithm>

#include "release/files.h"
#include "validate/golden.h"

namespace mlctl::release {
namespace {

Error no_cases(const deploy::Spec& spec, const std::string& why) {
  return {Error::Kind::usage, to_string(spec.model) + " " + to_string(spec.version) + ": low_traffic: replay " + why,
          "commit golden cases beside model.yaml, name them in `gate: {parity: {cases: golden.json}}` and register "
          "that; or use `low_traffic: pause` or `time`"};
}

}  // namespace

Result<std::vector<std::string>> replay_bodies(const Project& project, const registry::Git* git,
                                               const deploy::Spec& spec) {
  std::vector<std::string> bodies;
  if (!spec.serving.canary || spec.rollout.low_traffic != deploy::LowTraffic::replay) return bodies;
  if (git == nullptr || spec.commit.empty()) return no_cases(spec, "needs the commit of the version's tag");
  auto now = find_model(project, to_string(spec.model));
  if (!now) return now.error();
  auto model = model_at(project, *git, **now, spec.commit);
  if (!model) return model.error();
  auto config = merged(project, *model, spec.environment.name);
  if (!config) return config.error();
  const auto path = get_string(*config, "gate.parity.cases");
  if (!path) return no_cases(spec, "needs golden cases, and its model.yaml names none");
  auto entries = git->list_tree(spec.commit, folder_in_git(project, *git, *model));
  if (!entries) return entries.error();
  const auto found = std::find_if(entries->begin(), entries->end(), [&](const auto& e) { return e.path == *path; });
  if (found == entries->end())
    return no_cases(spec, "needs " + *path + ", which is not in commit " + spec.commit.substr(0, 12));
  auto text = git->read_blob(found->id, validate::golden_limit);
  if (!text) return text.error().context(*path);
  auto cases = validate::parse_golden(*text, *path);
  if (!cases) return cases.error().context(to_string(spec.model));
  for (const auto& one : *cases)
    bodies.push_back(validate::find_protocol("oip-v2")->infer_request("", spec.model.name, one.inputs).body);
  return bodies;
}

}  // namespace mlctl::release
