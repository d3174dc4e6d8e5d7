#include "registry/store_root.h"

#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "base/document.h"
#include "base/terminal.h"
#include "registry/oci.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t format_version = 1;
constexpr std::uint64_t marker_limit = 64U << 10U;
constexpr const char* marker_name = "mlctl-registry.json";
constexpr std::string_view marker_text = "{\"kind\":\"mlctl-registry\",\"formatVersion\":1}\n";

Result<bool> look_at_root(const fs::path& root) {
  const std::string name = escape_control(root.string());
  auto marker = read_file(root / marker_name, marker_limit);
  if (marker) {
    auto value = parse_json(*marker, name + "/" + marker_name);
    const auto version = value ? oci::count(*value, "formatVersion") : std::nullopt;
    if (!version)
      return Error{Error::Kind::corrupt, name + "/" + marker_name + ": not the mark of a registry",
                   "restore the file, or name another folder as `registry:` in mlctl.yaml"};
    if (*version > format_version)
      return Error{Error::Kind::usage,
                   name + ": a registry of format " + std::to_string(*version) + "; this mlctl knows up to " +
                       std::to_string(format_version),
                   "use a newer mlctl"};
    return true;
  }
  if (marker.error().kind != Error::Kind::not_found) return marker.error();
  std::error_code code;
  for (fs::directory_iterator entry(root, code), end; !code && entry != end; entry.increment(code))
    if (!is_temporary(entry->path()))
      return Error{Error::Kind::usage, name + ": not a registry, and not an empty folder",
                   "name another folder as `registry:` in mlctl.yaml"};
  if (!code || code == std::errc::no_such_file_or_directory) return false;
  if (code == std::errc::not_a_directory)
    return Error{Error::Kind::usage, name + ": not a folder", "name a folder as `registry:` in mlctl.yaml"};
  return system_error(code.value(), "cannot read folder", root);
}

}  // namespace

bool is_temporary(const fs::path& path) {
  return path.filename().string().rfind(".mlctl-", 0) == 0;
}

// Another process may put its mark there between our look for the mark and our look around: what is refused is looked
// at once more.
Result<bool> check_root(const fs::path& root) {
  auto seen = look_at_root(root);
  return seen || seen.error().kind != Error::Kind::usage ? seen : look_at_root(root);
}

Status mark_root(const fs::path& root, Disk& disk) {
  auto there = check_root(root);
  if (!there) return there.error();
  return *there ? ok() : write_file(root / marker_name, marker_text, 0644, disk);
}

}  // namespace mlctl::registry
