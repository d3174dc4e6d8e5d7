// The report of a release: one HTML page, Markdown for a run's summary, JSON for machines, in a folder of its own.
#pragma once
#include <filesystem>
#include <string>

#include "base/result.h"
#include "release/steps.h"

namespace mlctl::release {

// `.mlctl/reports/MODEL/VERSION/report.html`; report.md and report.json lie beside it.
[[nodiscard]] std::filesystem::path report_path(const std::filesystem::path& root, const Release& release);
// All three; an older report of the same version is replaced.
[[nodiscard]] Status write_report(const std::filesystem::path& root, const Release& release);
// Appends the Markdown to the file that a CI job shows (GITHUB_STEP_SUMMARY), cut to what room others have left there.
[[nodiscard]] Status append_summary(const std::filesystem::path& file, const Release& release);

}  // namespace mlctl::release
