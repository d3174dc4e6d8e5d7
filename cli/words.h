// Words that several commands print.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/intent.h"
#include "registry/name.h"

namespace mlctl::cli {

[[nodiscard]] std::string size_text(std::uint64_t files, std::uint64_t bytes);  // "3 files, 12.1 MiB"
// Twelve digits for a person's table; whole for machines.
[[nodiscard]] std::string digest_text(const Digest& digest, const Style& style);
// Of an image packaging; a version may have none: "none", null.
[[nodiscard]] std::string image_text(const Digest& image);
[[nodiscard]] nlohmann::ordered_json image_json(const Digest& image);
// "3 minutes ago" for a person; RFC 3339 for machines.
[[nodiscard]] std::string when_text(WallTime when, WallTime now, const Style& style);
[[nodiscard]] std::string when_text(const std::string& rfc3339, WallTime now, const Style& style);

// What there is to say about a tag that was taken; "" when nothing.
[[nodiscard]] std::string taken_note(const registry::Taken& taken, bool wanted_push, bool dry_run);

// The value of --version; nullopt when it is not given.
[[nodiscard]] Result<std::optional<registry::Version>> version_option(const std::optional<std::string>& text);

}  // namespace mlctl::cli
