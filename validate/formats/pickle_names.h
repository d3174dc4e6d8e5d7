// What is known about names that a pickle may import. A list of bad names is always incomplete, so that only what is
// known to be harmless passes; the list of bad ones decides how loudly the rest is refused.
#pragma once
#include <string_view>

namespace mlctl::validate {

enum class Import { harmless, unknown, dangerous };

// `module` and `name` as the pickle has them; Python 2's names of modules are understood as Python 3 reads them.
// Names with dots ("os.system" of another module) and unnatural ones are dangerous, whatever they lead to.
[[nodiscard]] Import classify_import(std::string_view module, std::string_view name);
// Letters, digits, underscores and dots, no digit first: what a module or a class can be called in a pickle that a
// pickler wrote.
[[nodiscard]] bool is_plain_name(std::string_view name);

}  // namespace mlctl::validate
