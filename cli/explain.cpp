#include "release/explain.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands.h"
#include "cli/context.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ExplainOptions {
  std::string field;
  std::string model;
  std::string environment;
  std::string schema;
};

struct Explanation {
  std::vector<release::ExplainedField> fields;
  std::vector<release::ExplainedValue> values;
  std::string where;  // "breast-cancer in staging"; empty without values
};

std::string type_text(const Field& field) {
  std::string text = type_name(field);
  if (field.required) text += ", required";
  if (field.fallback.empty() || field.fallback == "{}") return text;
  return text + ", default " + (field.fallback.size() > 40 ? field.fallback.substr(0, 40) + "…" : field.fallback);
}

// The fields that may stand directly below, through lists and alternatives.
std::vector<const Field*> children(const Field& field) {
  std::vector<const Field*> found;
  for (const auto& below : field.fields) {
    if (field.type == Field::Type::object) {
      found.push_back(&below);
    } else {
      const auto more = children(below);
      found.insert(found.end(), more.begin(), more.end());
    }
  }
  return found;
}

std::string field_text(const release::ExplainedField& explained, const Style& style) {
  const Field& field = *explained.field;
  std::string text;
  if (!explained.path.empty()) text += paint(explained.path, Tone::strong, style) + "  in ";
  text += explained.file + (explained.path.empty() ? "" : ": " + type_text(field)) + "\n";
  if (!field.doc.empty()) text += "  " + field.doc + "\n";
  Rows rows;
  for (const auto* child : children(field)) rows.push_back({"  " + child->name, type_text(*child), child->doc});
  if (!rows.empty()) text += "\n" + render_table({"  field", "type", "meaning"}, rows, style);
  return text;
}

std::string explanation_text(const Explanation& explanation, const Style& style) {
  std::string text;
  for (const auto& field : explanation.fields) text += (text.empty() ? "" : "\n") + field_text(field, style);
  if (explanation.where.empty()) return text;
  text += "\n" + paint("Here", Tone::strong, style) + ", for " + explanation.where + "\n";
  if (explanation.values.empty()) return text + "  not set\n";
  Rows rows;
  for (const auto& value : explanation.values) {
    rows.push_back({"  " + value.path, escape_control(value.value), value.level, escape_control(value.position)});
  }
  return text + render_table({"  field", "value", "from", "at"}, rows, style);
}

Json field_json(const release::ExplainedField& explained) {
  const Field& field = *explained.field;
  Json json = {{"field", explained.path}, {"file", explained.file}, {"type", type_name(field)}};
  if (field.required) json["required"] = true;
  if (!field.fallback.empty()) json["default"] = field.fallback;
  json["doc"] = field.doc;
  Json below = Json::array();
  for (const auto* child : children(field)) below.push_back(child->name);
  if (!below.empty()) json["fields"] = below;
  return json;
}

Json explanation_json(const Explanation& explanation) {
  Json json = {{"schemaVersion", 1}, {"fields", Json::array()}};
  for (const auto& field : explanation.fields) json["fields"].push_back(field_json(field));
  if (explanation.where.empty()) return json;
  json["values"] = Json::array();
  for (const auto& value : explanation.values) {
    json["values"].push_back(
        {{"field", value.path}, {"value", value.value}, {"level", value.level}, {"at", value.position}});
  }
  return json;
}

// What the field is in this project: of a model when one is named, else of mlctl.yaml when there is one.
Status find_values(const ExplainOptions& options, const Context& context, Explanation& explanation) {
  auto project = release::load_project(context.project);
  const bool needed = !options.model.empty();
  if (!project && project.error().kind == Error::Kind::not_found && !needed) return ok();
  if (!project) return project.error();
  if (!needed) {
    if (options.field.empty() || explanation.fields.back().file != "mlctl.yaml") return ok();
    explanation.values = release::explain_values(project->document, options.field);
    explanation.where = "this project";
    return ok();
  }
  auto model = release::find_model(*project, options.model);
  if (!model) return model.error();
  const auto merged = release::merged(*project, **model, options.environment);
  if (!merged) return merged.error();
  // A field of mlctl.yaml alone is the same for every model.
  const bool of_project = !explanation.fields.empty() && explanation.fields.front().file == "mlctl.yaml" &&
                          explanation.fields.back().file == "mlctl.yaml";
  explanation.values = release::explain_values(of_project ? project->document : *merged, options.field);
  explanation.where = to_string((*model)->name) + (options.environment.empty() ? "" : " in " + options.environment);
  return ok();
}

int print_schema(const std::string& file, Context& context) {
  const Field& table = file == "model" ? release::model_table() : release::project_table();
  const auto schema = json_schema(table, table.name);
  context.print(schema, [&](const Style&) { return schema.dump(2) + "\n"; });
  return 0;
}

int run_explain(const ExplainOptions& options, Context& context) {
  if (!options.schema.empty()) return print_schema(options.schema, context);
  if (!options.environment.empty() && options.model.empty()) {
    return context.fail({Error::Kind::usage, "--env needs a MODEL", "mlctl explain FIELD MODEL --env ENV"});
  }
  auto fields = release::explain_field(options.field);
  if (!fields) return context.fail(fields.error());
  Explanation explanation{.fields = *fields};
  if (auto found = find_values(options, context, explanation); !found) return context.fail(found.error());
  context.print(explanation_json(explanation),
                [&](const Style& style) { return explanation_text(explanation, style); });
  return 0;
}

}  // namespace

Command explain_command() {
  auto options = std::make_shared<ExplainOptions>();
  return {.name = "explain",
          .group = Group::start,
          .summary = "Say what a field of the two files means, its value here, and the level it came from",
          .description =
              "Levels, later over earlier: built-in, defaults of the project, defaults of the environment, the "
              "model, the model's own\npart for the environment. Maps merge, lists replace.",
          .examples = {{"what a field means", "mlctl explain gate.load.rate"},
                       {"what it is for one model in one environment", "mlctl explain gate credit-risk --env prod"},
                       {"for an editor that completes the files", "mlctl explain --schema model > model.schema.json"}},
          .arguments =
              {{.name = "FIELD", .help = "dotted, as in gate.load; without it, all fields", .target = &options->field},
               {.name = "MODEL", .help = "a name, its unique last part, or a folder", .target = &options->model}},
          .options = {{.name = "env", .value = "ENV", .help = "in this environment", .target = &options->environment},
                      {.name = "schema",
                       .value = "FILE",
                       .help = "print the JSON Schema of a file instead",
                       .target = &options->schema,
                       .choices = {"model", "project"}}},
          .run = [options](Context& context) { return run_explain(*options, context); }};
}

}  // namespace mlctl::cli
