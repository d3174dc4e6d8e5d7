#include "history.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <unistd.h>

#include "archive.h"
#include "metrics.h"
#include "trace.h"

namespace gpu_smoke {
namespace {

constexpr std::size_t kKeep = 50;

// A UUID names the file; anything else in it could lead out of the folder.
bool is_plain(const std::string& uuid) {
  return !uuid.empty() && std::all_of(uuid.begin(), uuid.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

bool load_file(const std::string& path, std::vector<PastRun>& runs, std::string& error) {
  const auto text = read_file(path);
  if (!text) {
    error = path + " cannot be read";
    return false;
  }
  const auto json = parse_json(*text, error);
  if (json) {
    std::vector<PastRun> loaded;
    JsonLoader loader(*json, error);
    loader("runs", loaded);
    runs.insert(runs.end(), loaded.begin(), loaded.end());
  }
  if (!error.empty()) error = path + ": " + error;
  return error.empty();
}

bool write_whole(const std::string& path, const std::string& text, std::string& error) {
  const std::string beside = path + ".new";
  std::FILE* file = std::fopen(beside.c_str(), "wb");
  bool good = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = good && std::fflush(file) == 0 && fsync(fileno(file)) == 0;
  if (file != nullptr) good = std::fclose(file) == 0 && good;
  good = good && std::rename(beside.c_str(), path.c_str()) == 0;
  if (!good) error = path + " cannot be written";
  return good;
}

bool is_fit(const GpuReport& gpu) {
  return std::all_of(gpu.checks.begin(), gpu.checks.end(), [](const Check& check) {
    return check.verdict == Verdict::pass || check.verdict == Verdict::skipped;
  });
}

}  // namespace

bool load_history(const std::string& folder, std::vector<PastRun>& runs, std::string& error) {
  std::error_code failed;
  if (!std::filesystem::exists(folder, failed)) return true;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() == ".json") paths.push_back(at->path().string());
  }
  if (failed) {
    error = folder + ": " + failed.message();
    return false;
  }
  std::sort(paths.begin(), paths.end());
  return std::all_of(paths.begin(), paths.end(), [&](const auto& path) { return load_file(path, runs, error); });
}

bool add_to_history(const std::string& folder, const Report& report, const Run& run, std::string& error) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  for (const auto& gpu : report.gpus) {
    if (!gpu.cuda || !gpu.nvml || !is_plain(gpu.nvml->uuid) || !is_fit(gpu)) continue;
    PastRun now{gpu.nvml->uuid, run.started_at, {}, {}};
    for (const auto& metric : metrics_of(*gpu.cuda)) {
      now.names.push_back(metric.name);
      now.values.push_back(metric.value);
    }
    if (now.names.empty()) continue;
    std::vector<PastRun> runs;
    for (const auto& earlier : report.evidence.history) {
      if (earlier.uuid == now.uuid) runs.push_back(earlier);
    }
    runs.push_back(std::move(now));
    if (runs.size() > kKeep) runs.erase(runs.begin(), runs.end() - static_cast<std::ptrdiff_t>(kKeep));
    JsonWriter json;
    json.open('{').key("schemaVersion").value(1);
    JsonSaver saver(json);
    saver("runs", runs);
    json.close('}');
    if (!write_whole(folder + "/" + gpu.nvml->uuid + ".json", json.text() + "\n", error)) return false;
  }
  return true;
}

}  // namespace gpu_smoke
