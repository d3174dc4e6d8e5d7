// The tables of the two files, put together from those of the houses.
#include "deploy/config.h"
#include "deploy/rules.h"
#include "registry/files.h"
#include "registry/trust_config.h"
#include "release/project.h"
#include "validate/gate_config.h"

namespace mlctl::release {
namespace {

using Type = Field::Type;

Status api_version(std::string_view text) {
  if (text == "mlctl/v1") return ok();
  return Error{Error::Kind::usage, "this mlctl reads apiVersion mlctl/v1 only", ""};
}

Field named(Field field, const char* name, const char* doc = "") {
  field.name = name;
  if (*doc != '\0') field.doc = doc;
  return field;
}

Field text_map(const char* name, const char* doc) {
  return {.name = name, .type = Type::map, .doc = doc, .fields = {{.type = Type::string}}};
}

// What a Model and every level of defaults may say.
std::vector<Field> model_sections() {
  Field serving = deploy::serving_table();
  serving.fields.push_back(named(validate::local_table(), "local"));
  return {text_map("labels", "Labels of the model: for -l, and on every object in a cluster."), registry::files_table(),
          serving, named(validate::gate_table(), "gate"), deploy::rollout_table()};
}

Field defaults_table(const char* doc) {
  return partial({.name = "defaults", .type = Type::object, .doc = doc, .fields = model_sections()});
}

Field make_model_table() {
  Field table{.name = "model.yaml", .type = Type::object, .doc = "One model, beside its files."};
  table.fields.push_back({.name = "apiVersion", .doc = "mlctl/v1.", .required = true, .rule = api_version});
  table.fields.push_back(
      {.name = "kind", .type = Type::choice, .doc = "Model.", .required = true, .choices = {"Model"}});
  table.fields.push_back(registry::name_field());
  for (auto& section : model_sections()) table.fields.push_back(std::move(section));
  table.fields.push_back({.name = "environments",
                          .type = Type::map,
                          .doc = "What is different in an environment: any part of a Model, by the environment's name.",
                          .fields = {partial({.type = Type::object, .fields = model_sections()})}});
  return table;
}

Field make_project_table() {
  Field environment = deploy::environment_table();
  environment.fields.push_back(defaults_table("Any part of a Model, for this environment."));
  environment.fields.push_back(registry::trust_table());
  Field table{.name = "mlctl.yaml", .type = Type::object, .doc = "The project, at the root of the repository."};
  table.fields = {
      {.name = "apiVersion", .doc = "mlctl/v1.", .required = true, .rule = api_version},
      {.name = "kind", .type = Type::choice, .doc = "Project.", .required = true, .choices = {"Project"}},
      {.name = "registry",
       .doc = "Where versions are kept: a folder, relative to this file, or oci://HOST/PATH.",
       .fallback = ".mlctl/registry"},
      {.name = "models",
       .doc = "Where the models' files are: a pattern with * and ? within a part.",
       .fallback = "models/*/model.yaml"},
      {.name = "namespace",
       .doc = "Namespace of models without a tenant.",
       .fallback = "default",
       .rule = deploy::namespace_name},
      {.name = "tenants",
       .type = Type::list,
       .doc = "Teams, each with a namespace; without it model names have one part.",
       .fields = {deploy::tenant_table()}},
      {.name = "runtimes",
       .type = Type::map,
       .doc = "How a runtime is served in a cluster.",
       .fields = {deploy::runtime_table()}},
      registry::trust_table(),
      defaults_table("Any part of a Model, for all."),
      {.name = "environments",
       .type = Type::list,
       .doc = "Where models run, in the order of a release.",
       .fields = {environment}},
  };
  return table;
}

}  // namespace

const Field& model_table() {
  static const Field table = make_model_table();
  return table;
}

const Field& project_table() {
  static const Field table = make_project_table();
  return table;
}

}  // namespace mlctl::release
