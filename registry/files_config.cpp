// The sections of model.yaml that the registry owns: name and files.
#include "registry/files.h"
#include "registry/name.h"

namespace mlctl::registry {
namespace {

Status name_rule(std::string_view text) {
  auto name = parse_model_name(text);
  return name ? ok() : Status(name.error());
}

Status pattern_rule(std::string_view text) {
  std::string rest(text);
  while (rest.size() > 1 && rest.back() == '/') rest.pop_back();
  if (rest.rfind("./", 0) == 0) rest.erase(0, 2);
  if (rest == ".") return ok();
  auto legal = check_path(rest);
  if (legal) return ok();
  return Error{Error::Kind::usage, legal.error().message, "paths are relative to the model's folder and stay in it"};
}

}  // namespace

Field name_field() {
  return {.name = "name",
          .type = Field::Type::string,
          .doc = "The model's name, [TENANT/]NAME: lower case, digits and '-', at most 32 characters a part.",
          .required = true,
          .rule = name_rule};
}

Field files_table() {
  const std::string doc = "A file, a folder, or a pattern (* ? **), relative to the model's folder.";
  const Field path{.name = "", .type = Field::Type::string, .doc = doc, .rule = pattern_rule};
  Field named_path = path;
  named_path.name = "path";
  named_path.required = true;
  const Field role{.name = "role",
                   .type = Field::Type::choice,
                   .doc = "What the file is for, where its content does not tell. Weights must be of a known format.",
                   .choices = {"weights", "config", "code", "doc"}};
  const Field object{.name = "", .type = Field::Type::object, .doc = doc, .fields = {named_path, role}};
  const Field item{.name = "", .type = Field::Type::either, .doc = doc, .fields = {path, object}};
  return {.name = "files",
          .type = Field::Type::list,
          .doc = "The model's files; without it, everything beside model.yaml that git does not ignore.",
          .fields = {item}};
}

Result<FileRules> decode_files(const Node& model) {
  FileRules rules;
  const Node* files = model.find("files");
  if (files == nullptr || files->kind == Node::Kind::null) return rules;
  for (const auto& item : files->items) {
    FilePattern pattern;
    pattern.position = item.position;
    if (item.kind == Node::Kind::scalar) pattern.path = item.text;
    if (item.kind == Node::Kind::map) {
      pattern.path = get_string(item, "path").value_or("");
      if (const auto role = get_string(item, "role")) pattern.role = role_named(*role);
    }
    if (auto legal = pattern_rule(pattern.path); !legal) return legal.error().context(to_string(pattern.position));
    rules.patterns.push_back(std::move(pattern));
  }
  return rules;
}

}  // namespace mlctl::registry
