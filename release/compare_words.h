// How the parts of a comparison are said, in text and in Markdown alike. Nothing is escaped unless it says so.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "release/compare.h"

namespace mlctl::release::compare_words {

[[nodiscard]] Change change_of(bool before, bool after);
[[nodiscard]] std::string head_of(const ComparedSide& before, const ComparedSide& after);  // "m v1.0.0 -> v1.1.0"
[[nodiscard]] std::string sizes(std::uint64_t before, std::uint64_t after);                // "1 MiB -> 2 MiB (+1 MiB)"
[[nodiscard]] std::string file_words(const FileChange& change);  // "12 MiB -> 13 MiB", "from a.txt", "now executable"
[[nodiscard]] std::string shown(const ValueChange& change);      // escaped, cut: "0.1 -> 0.2"
[[nodiscard]] std::string both(const TensorChange& change);      // escaped
[[nodiscard]] std::string both(const MetricChange& change);      // "0.91 -> 0.93 (+0.02)"; units escaped

// "1 changed, 2 added, 12 the same".
template <typename T>
std::string summary_of(const std::vector<T>& changes, std::uint64_t same) {
  std::string text;
  for (const auto kind : {Change::changed, Change::added, Change::removed, Change::renamed, Change::mode}) {
    const auto count = std::count_if(changes.begin(), changes.end(), [&](const T& one) { return one.change == kind; });
    if (count == 0) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " +
            (kind == Change::mode ? "with another mode" : to_string(kind));
  }
  if (same > 0) text += (text.empty() ? "" : ", ") + std::to_string(same) + " the same";
  return text;
}

}  // namespace mlctl::release::compare_words
