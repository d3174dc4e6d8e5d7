// A release as text: the tree that a person watches, the line that CI prints, the Markdown of a run's summary page.
#pragma once
#include <optional>
#include <string>

#include "base/terminal.h"
#include "release/steps.h"

namespace mlctl::release {

struct Running {
  Step step;
  std::string detail;  // how far it is; may be empty
};

// The whole plan, one line a step, environments indented under their name; `running` is marked.
[[nodiscard]] std::string render_tree(const Release& release, const std::optional<Running>& running,
                                      const Style& style);
// The same for drawing over it again: every line is cut to what one row of the terminal holds.
[[nodiscard]] std::string render_live(const Release& release, const std::optional<Running>& running,
                                      const Style& style);
// "✓ gate staging  pass  against v1.0.0  (41 s)"
[[nodiscard]] std::string render_line(const Outcome& outcome, const Style& style);
// The last words: what was decided, and where the report lies.
[[nodiscard]] std::string render_verdict(const Release& release, const std::string& report_path, const Style& style);
// With every report that is new; cut to what a step summary holds.
[[nodiscard]] std::string to_markdown(const Release& release);

}  // namespace mlctl::release
