#include "release/report_files.h"

#include <algorithm>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/filesystem.h"
#include "release/display.h"
#include "release/page.h"
#include "release/record.h"
#include "validate/markdown.h"

namespace mlctl::release {

std::filesystem::path report_path(const std::filesystem::path& root, const Release& release) {
  return root / ".mlctl" / "reports" / release.model / release.version / "report.html";
}

Status write_report(const std::filesystem::path& root, const Release& release) {
  const auto page = report_path(root, release);
  if (auto written = write_file(page, to_page(release)); !written) return written.error();
  if (auto written = write_file(page.parent_path() / "report.md", to_markdown(release)); !written)
    return written.error();
  const auto json = to_json(release).dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return write_file(page.parent_path() / "report.json", json + "\n");
}

Status append_summary(const std::filesystem::path& file, const Release& release) {
  const File summary(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (summary.fd() < 0) return system_error(errno, "cannot append the summary", file);
  struct stat there{};
  if (::fstat(summary.fd(), &there) != 0) return system_error(errno, "cannot append the summary", file);
  const auto used = std::min(validate::summary_limit, static_cast<std::size_t>(there.st_size));
  const auto text = validate::cut_markdown(to_markdown(release) + "\n", validate::summary_limit - used);
  std::size_t done = 0;
  while (done < text.size()) {
    const auto written = ::write(summary.fd(), text.data() + done, text.size() - done);
    if (written < 0) return system_error(errno, "cannot append the summary", file);
    done += static_cast<std::size_t>(written);
  }
  return ok();
}

}  // namespace mlctl::release
