// Taking back what was said: a version (deregister), a model (deprecate).
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "registry/intent.h"
#include "registry/intent_detail.h"

namespace mlctl::registry {

using namespace intent;

namespace {

Status may_withdraw(const ModelTags& tags, const Version* version, bool force) {
  if (force) return ok();
  const auto stages = stages_running(tags, version);
  if (stages.empty()) return ok();
  std::string names;
  for (const auto& stage : stages) names += (names.empty() ? "" : ", ") + stage;
  const auto model = to_string(tags.model());
  return Error{Error::Kind::denied,
               (version != nullptr ? model + "@" + to_string(*version) : model) + " is assigned to " + names,
               "`mlctl unassign " + model + " " + stages.front() + "` first" +
                   (version != nullptr ? ", or assign another version" : "") + "; --force does it all the same"};
}

// Creates the event's tag, again and again while others are faster. `look` decides by the tags of the moment: what is
// said already, or what to write.
struct Step {
  std::optional<Taken> said;
  TagEvent event;
  ObjectId commit;
  std::string message;
};
template <typename Look>
Result<Taken> withdraw(Git& git, const ModelName& model, bool push, const Look& look) {
  auto remote = pushes(git, push);
  if (!remote) return remote.error();
  Refusals refusals;
  for (int tries = 0; tries < tries_limit; ++tries) {
    if (interrupted()) return interrupted_error();
    auto all = current_tags(git, *remote);
    if (!all) return all.error();
    const ModelTags tags(model, *all);
    Result<Step> step = look(tags);
    if (!step) return step.error();
    if (step->said) {
      if (*remote)
        if (auto pushed = push_existing(git, *all, step->said->tag); !pushed) return pushed.error();
      step->said->pushed = *remote;
      return *step->said;
    }
    auto made = take(git, tags, step->event, step->commit, step->message, std::nullopt, *remote, refusals);
    if (!made) return made.error();
    if (*made) return **made;
  }
  return gave_up(to_string(model));
}

Taken said_by(const ModelEvent& event) {
  return {event.tag, event.what.counter.value_or(0), true, false};
}

}  // namespace

std::vector<std::string> stages_running(const ModelTags& tags, const Version* version) {
  std::vector<std::string> names;
  for (const auto& stage : tags.stages()) {
    auto assigned = tags.assignment(stage);
    if (!assigned || (*assigned && (version == nullptr || (*assigned)->version == *version))) names.push_back(stage);
  }
  return names;
}

Result<Taken> deregister(Git& git, const DeregisterRequest& request) {
  const auto what = to_string(request.model) + "@" + to_string(request.version);
  return withdraw(git, request.model, request.push, [&](const ModelTags& tags) -> Result<Step> {
    if (const auto* done = tags.withdrawal(request.version)) return Step{said_by(*done), {}, {}, {}};
    const auto there = tags.find(request.version);
    if (!there)
      return Error{Error::Kind::not_found, "no version " + what + " is registered in git",
                   "see `mlctl history " + to_string(request.model) + "`, or fetch: `git fetch --tags`"};
    if (auto may = may_withdraw(tags, &request.version, request.force); !may) return may.error();
    return Step{std::nullopt,
                {TagEvent::Kind::deregistration, request.model, request.version, "", std::nullopt},
                there->commit,
                format_message("Deregister " + to_string(request.model) + " " + to_string(request.version),
                               {request.version, there->digest, std::nullopt, std::nullopt})};
  });
}

Result<Taken> deprecate(Git& git, const DeprecateRequest& request) {
  return withdraw(git, request.model, request.push, [&](const ModelTags& tags) -> Result<Step> {
    if (const auto* done = tags.deprecation()) return Step{said_by(*done), {}, {}, {}};
    if (tags.history().empty())
      return Error{Error::Kind::not_found, "git knows no model " + to_string(request.model),
                   "see `mlctl list`, or fetch: `git fetch --tags`"};
    if (auto may = may_withdraw(tags, nullptr, request.force); !may) return may.error();
    return Step{std::nullopt,
                {TagEvent::Kind::deprecation, request.model, std::nullopt, "", std::nullopt},
                tags.history().back().commit,
                format_message("Deprecate " + to_string(request.model), {})};
  });
}

}  // namespace mlctl::registry
