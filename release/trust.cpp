#include "release/trust.h"

namespace mlctl::release {

Result<std::optional<registry::Trust>> trust_of(const Project& project, const std::string& environment) {
  auto found = project.trust.find(environment);
  if (found == project.trust.end()) found = project.trust.find("");
  if (found == project.trust.end()) return std::optional<registry::Trust>();
  auto trust = registry::load_trust(found->second, project.root);
  if (!trust) return trust.error();
  return std::optional(std::move(*trust));
}

std::string environment_in(const Project& project, std::string_view reference) {
  const auto mark = reference.find('#');
  if (mark == std::string_view::npos) return "";
  const auto name = std::string(reference.substr(mark + 1));
  return find_environment(project, name) ? name : "";
}

}  // namespace mlctl::release
