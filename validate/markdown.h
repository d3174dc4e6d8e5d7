// Text from outside in Markdown, and Markdown that fits where it is shown.
// Sources: GFM spec 6.9 (what becomes a link by itself); GitHub, "Adding a job summary" (1 MiB a step).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace mlctl::validate {

inline constexpr std::size_t summary_limit = 1U << 20U;  // bytes of a step's summary; more, and GitHub shows none of it

// Stays text in a heading or in a table's cell: no HTML, no link (also not of a bare URL or address), no mention. The
// end of a line becomes a sign. What is longer than 2,000 bytes is cut.
[[nodiscard]] std::string markdown_text(std::string_view raw);

// At most `limit` bytes: whole lines, and one that says that the rest was cut; "" where not even that has room.
[[nodiscard]] std::string cut_markdown(std::string text, std::size_t limit);

}  // namespace mlctl::validate
