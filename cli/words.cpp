#include "cli/words.h"

#include <nlohmann/json.hpp>

namespace mlctl::cli {

std::string size_text(std::uint64_t files, std::uint64_t bytes) {
  return count_text(files, "file") + ", " + human_bytes(bytes);
}

std::string digest_text(const Digest& digest, const Style& style) {
  return style.terminal ? digest.brief() : to_string(digest);
}

std::string image_text(const Digest& image) {
  return image == Digest() ? "none: its layers cannot be mounted" : to_string(image);
}

nlohmann::ordered_json image_json(const Digest& image) {
  return image == Digest() ? nlohmann::ordered_json() : nlohmann::ordered_json(to_string(image));
}

std::string when_text(WallTime when, WallTime now, const Style& style) {
  return style.terminal ? ago(when, now) : rfc3339(when);
}

std::string when_text(const std::string& text, WallTime now, const Style& style) {
  if (text.empty()) return "-";  // a registry behind a network keeps no times
  const auto when = parse_rfc3339(text);
  return when ? when_text(*when, now, style) : escape_control(text);
}

std::string taken_note(const registry::Taken& taken, bool wanted_push, bool dry_run) {
  if (taken.existed) return "it is so already: nothing to do";
  if (dry_run) return "dry run: no tag was made";
  if (taken.pushed) return "";
  return wanted_push ? "there is no remote: the tag is only here"
                     : "not pushed: the tag is only here, and its number is not reserved";
}

Result<std::optional<registry::Version>> version_option(const std::optional<std::string>& text) {
  if (!text) return std::optional<registry::Version>();
  auto version = registry::parse_version(*text);
  if (!version) return version.error().context("--version");
  return std::optional(std::move(*version));
}

}  // namespace mlctl::cli
