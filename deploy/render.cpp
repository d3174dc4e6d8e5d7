#include "deploy/render.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/config.h"
#include "base/document.h"
#include "base/units.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view header = "# Rendered by mlctl from ";
constexpr std::string_view header_end = "; edits are overwritten.";

std::string annotation(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return "";
  const auto annotations = metadata->find("annotations");
  if (annotations == metadata->end() || !annotations->is_object()) return "";
  const auto found = annotations->find(key);
  return found != annotations->end() && found->is_string() ? found->get<std::string>() : "";
}

std::string origin(const Json& object) {
  if (const auto tenant = annotation(object, tenant_annotation); !tenant.empty()) return "tenant " + tenant;
  return annotation(object, model_annotation) + " " + annotation(object, version_annotation) + " " +
         annotation(object, digest_annotation);
}

// A line of "---" begins a document wherever it stands: inside a block scalar it would be indented.
bool is_separator(std::string_view line) {
  return line.starts_with("---") && (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

bool is_blank(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos || line[first] == '#';
}

Error corrupt(const std::string& message) {
  return {Error::Kind::corrupt, message, "mend or delete the file on its branch"};
}

// One document, with as many line breaks before it as make its positions those of the file.
Status add_document(const std::string& text, const std::string& file, std::set<ObjectKey>& keys, Objects& objects) {
  auto node = parse_yaml(text, file);
  if (!node) return corrupt(node.error().message);
  objects.push_back(to_json(*node));
  const auto key = key_of(objects.back());
  if (key.api_version.empty() || key.kind.empty() || key.name.empty())
    return corrupt(to_string(node->position) + ": not a Kubernetes object: no apiVersion, kind and metadata.name");
  if (!keys.insert(key).second) return corrupt(to_string(node->position) + ": " + to_string(key) + " is there twice");
  return ok();
}

}  // namespace

std::string file_of(const std::string& name_space, const registry::ModelName& model) {
  return name_space + "/" + model.name + ".yaml";
}

std::string file_of(const Tenant& tenant) {
  return tenant.name_space + "/_namespace.yaml";
}

std::string to_file(const Objects& objects) {
  if (objects.empty()) return "";
  std::string out = std::string(header) + origin(objects.front()) + std::string(header_end) + "\n";
  for (const auto& object : objects) out += "---\n" + to_yaml(object);
  return out;
}

Result<Objects> parse_file(std::string_view text, const std::string& file) {
  if (text.size() > file_limit) return corrupt(file + ": larger than " + std::to_string(file_limit) + " bytes");
  Objects objects;
  std::set<ObjectKey> keys;
  std::string document;
  bool empty = true;
  std::size_t begin = 0, lines = 0, first_line = 0;
  while (begin <= text.size()) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto line = text.substr(begin, end - begin);
    const bool last = end == text.size();
    const bool separator = is_separator(line);
    if (!separator) {
      document.append(line).push_back('\n');
      empty = empty && is_blank(line);
    }
    if ((separator || last) && !empty) {
      if (objects.size() == file_documents)
        return corrupt(file + ": more than " + std::to_string(file_documents) + " documents");
      auto added = add_document(std::string(first_line, '\n') + document, file, keys, objects);
      if (!added) return added.error();
    }
    ++lines;
    if (separator) {
      document.clear();
      empty = true;
      first_line = lines;
    }
    begin = end + 1;
  }
  return objects;
}

std::optional<std::string> author_of(std::string_view text) {
  const auto line = text.substr(0, std::min<std::size_t>(text.find('\n'), 400));
  if (!line.starts_with(header) || !line.ends_with(header_end)) return std::nullopt;
  const auto inner = line.substr(header.size(), line.size() - header.size() - header_end.size());
  if (inner.starts_with("tenant ")) return std::string(inner);
  return std::string(inner.substr(0, inner.find(' ')));
}

std::uint64_t assignment_of(const Objects& objects) {
  std::uint64_t highest = 0;
  for (const auto& object : objects) {
    const auto n = parse_integer(annotation(object, assignment_annotation));
    if (n && *n > 0) highest = std::max(highest, static_cast<std::uint64_t>(*n));
  }
  return highest;
}

}  // namespace mlctl::deploy
