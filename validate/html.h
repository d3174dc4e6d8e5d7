// A report as one HTML file that stands alone: no script, nothing fetched from anywhere, plots as inline SVG. It reads
// without colour, prints, and follows the reader's light or dark scheme. Everything from outside is escaped.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "validate/report.h"

namespace mlctl::validate {

struct PageStep {
  std::string name;                // "gate"
  std::string environment;         // "prod", or empty
  std::optional<Verdict> verdict;  // nullopt: not reached
  std::string detail;              // one line
  std::optional<Duration> took;
};

struct Page {
  std::string title;     // "fraud/credit-risk v1.2.0"
  std::string subtitle;  // "release", "gate for prod"
  Verdict verdict = Verdict::skipped;
  std::string summary;                                     // one sentence: why
  std::vector<std::pair<std::string, std::string>> facts;  // "digest", "sha256:…"
  std::vector<PageStep> steps;                             // empty: no chain is drawn
  std::vector<Report> reports;
  WallTime made{};
};

[[nodiscard]] std::string to_html(const Page& page);
[[nodiscard]] bool is_page(std::string_view html);  // made by to_html
// The page of one report alone.
[[nodiscard]] Page page_of(const Report& report);

}  // namespace mlctl::validate
