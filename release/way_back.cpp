#include "release/way_back.h"

#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "deploy/cluster/revisions.h"

namespace mlctl::release {
namespace {

// The newest that is kept of just this version: by its digest, not only by its name.
Result<std::optional<deploy::KeptRevision>> find_kept(const WayBack& way, const std::string& name_space,
                                                      const deploy::Connection& there) {
  auto all = deploy::read_kept(*there.cluster, *there.discovery, way.model, name_space);
  if (!all) return all.error();
  for (auto& one : *all)
    if (way.to->digest && one.serves.digest == to_string(*way.to->digest) &&
        one.serves.version == to_string(way.to->version) && one.serves.commit == way.to->commit)
      return std::optional(std::move(one));
  return std::optional<deploy::KeptRevision>();
}

Result<Fleet> as_applied(const WayBack& way, const std::string& name_space, deploy::KeptRevision kept) {
  deploy::Spec spec{.model = way.model,
                    .version = way.to->version,
                    .digest = *way.to->digest,
                    .image = {},
                    .commit = way.to->commit,
                    .assignment = static_cast<std::int64_t>(way.n),
                    .serving = {},
                    .rollout = {},
                    .runtime = {},
                    .environment = *way.environment,
                    .name_space = name_space,
                    .way_back = true};
  spec.kept =
      std::make_shared<const deploy::AsApplied>(deploy::AsApplied{kept.serves.revision, std::move(kept.objects)});
  auto file = deploy::file_of_spec(std::move(spec));
  if (!file) return file.error();
  Fleet fleet{.environment = way.environment, .desired = {way.environment->name, {{way.model, way.n, name_space}}, {}}};
  fleet.desired.files.push_back(std::move(*file));
  fleet.notes.push_back("as revision " + escape_control(kept.serves.revision) + " was applied" +
                        (kept.serves.since.empty() ? "" : " on " + escape_control(kept.serves.since)) +
                        ", which the cluster keeps: nothing is rendered");
  return fleet;
}

Result<Fleet> rendered(const Project& project, registry::Git* git, registry::Store& store, const WayBack& way) {
  return find_fleet(project, git, store,
                    {way.environment->name,
                     {to_string(way.model) + "@" + to_string(way.to->version)},
                     {},
                     static_cast<std::int64_t>(way.n)});
}

}  // namespace

Result<FleetBack> fleet_back(const Project& project, registry::Git* git, registry::Store& store, const WayBack& way,
                             const deploy::Connection& there) {
  const auto name_space = namespace_of(project, way.model);
  if (!way.to) {
    FleetBack nothing;
    nothing.fleet.environment = way.environment;
    nothing.fleet.desired = {way.environment->name, {{way.model, way.n, name_space}}, {}};
    return nothing;
  }
  auto kept = way.render ? Result(std::optional<deploy::KeptRevision>()) : find_kept(way, name_space, there);
  if (kept && *kept) {
    auto fleet = as_applied(way, name_space, std::move(**kept));
    if (!fleet) return fleet.error();
    return FleetBack{std::move(*fleet), true};
  }
  auto fleet = rendered(project, git, store, way);
  if (!fleet) return fleet.error();
  fleet->notes.push_back(to_string(way.to->version) + " is rendered anew: " +
                         (way.render ? "that is asked for"
                          : kept     ? "the cluster keeps no revision of it"
                                     : escape_control(kept.error().message)));
  return FleetBack{std::move(*fleet), false};
}

}  // namespace mlctl::release
