// Names that come from git and from command lines: nothing crashes, and what is accepted is written back as it was.
#include <cstdlib>
#include <string>
#include <string_view>

#include "registry/files.h"
#include "registry/paths.h"
#include "registry/tags.h"

using namespace mlctl::registry;

static void require(bool holds) {
  if (!holds) std::abort();
}

static void check_names(std::string_view text) {
  if (auto event = parse_tag(text)) {
    auto again = parse_tag(tag_name(*event));
    require(again && *again == *event);
  }
  if (auto version = parse_version(text)) {
    require(to_string(*version) == text);
    require(*version_of_registry_tag(registry_tag(*version)) == *version);
    require(next_version(*version, Bump::patch) > *version);
  }
  if (auto model = parse_model_name(text)) require(to_string(*model) == text);
}

static void check_message(std::string_view text) {
  const auto lines = parse_message(text);
  const auto again = parse_message(format_message("title", lines));
  require(again.version == lines.version && again.digest == lines.digest && again.denied == lines.denied &&
          again.allowed == lines.allowed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_names(text);
  check_message(text);
  const auto end = text.find('\n');
  if (end != std::string_view::npos && end < 200) {
    const auto pattern = text.substr(0, end), path = text.substr(end + 1).substr(0, 2000);
    static_cast<void>(matches_pattern(pattern, path));
    static_cast<void>(detect_format(pattern, path));
    const bool tree = static_cast<bool>(check_tree({{std::string(pattern), std::string(path)}, {"a/b", ""}}));
    require(!tree || static_cast<bool>(check_path(pattern)));
  }
  return 0;
}
