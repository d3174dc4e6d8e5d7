// mlctl history: what happened to a model, by git's tags.
#include "release/history.h"

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/words.h"
#include "cli/workplace.h"
#include "release/reference.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const release::History& history) {
  Json events = Json::array();
  for (const auto& line : history.lines) {
    const auto& event = line.event;
    Json one = {{"when", rfc3339(event.time)},
                {"event", registry::to_string(event.what.kind)},
                {"version", line.version},
                {"stage", event.what.stage},
                {"by", event.tagger},
                {"email", event.email},
                {"commit", event.commit},
                {"digest", line.digest},
                {"tag", event.tag}};
    if (event.what.counter) one["n"] = *event.what.counter;
    if (event.lines.denied) one["denied"] = to_string(*event.lines.denied);
    if (event.lines.allowed) one["allowed"] = to_string(*event.lines.allowed);
    events.push_back(one);
  }
  return {
      {"schemaVersion", 1}, {"model", to_string(history.model)}, {"events", events}, {"warnings", history.warnings}};
}

std::string to_text(const release::History& history, const Style& style, WallTime now) {
  Rows rows;
  for (const auto& line : history.lines) {
    const auto& event = line.event;
    const auto digest = parse_digest(line.digest);
    std::string shown = digest ? digest_text(*digest, style) : "unrecorded";
    if (event.what.kind != registry::TagEvent::Kind::registration &&
        event.what.kind != registry::TagEvent::Kind::assignment)
      shown = "-";
    if (event.lines.denied) shown += " denied " + event.lines.denied->brief();
    rows.push_back({when_text(event.time, now, style), registry::to_string(event.what.kind),
                    line.version.empty() ? "-" : line.version, event.what.stage.empty() ? "-" : event.what.stage,
                    event.what.counter ? std::to_string(*event.what.counter) : "-", escape_control(event.tagger),
                    event.commit.substr(0, 12), shown});
  }
  return render_table({"when", "event", "version", "stage", "n", "by", "commit", "digest"}, rows, style);
}

int run_history(const std::string& text, Context& context) {
  auto place = open_with_git(context);
  if (!place) return context.fail(place.error());
  auto tags = release::all_tags(*place->git);
  if (!tags) return context.fail(tags.error());
  auto model = release::find_name(place->project, registry::models_of(*tags), text);
  if (!model) return context.fail(model.error());
  const auto history = release::history_of(registry::ModelTags(*model, *tags));
  context.print(to_json(history), [&](const Style& style) { return to_text(history, style, context.clock.wall()); });
  for (const auto& warning : history.warnings) context.note("warning: " + warning);
  if (history.lines.empty())
    context.note(to_string(*model) + " has no tags yet: `mlctl register " + to_string(*model) + "`");
  return 0;
}

}  // namespace

Command history_command() {
  auto model = std::make_shared<std::string>();
  return {.name = "history",
          .group = Group::models,
          .summary = "Show who registered and assigned what, and when, newest first",
          .examples = {{"a model's history", "mlctl history credit-risk"}},
          .arguments = {{.name = "MODEL",
                         .help = "a name, its unique last part, or a folder with a model.yaml",
                         .target = model.get(),
                         .required = true,
                         .path = true}},
          .run = [model](Context& context) { return run_history(*model, context); }};
}

}  // namespace mlctl::cli
