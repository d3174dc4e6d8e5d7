#include "trace.h"

#include <cstdio>
#include <memory>

#include "archive.h"
#include "report.h"

namespace gpu_smoke {
namespace {

constexpr std::size_t kMaxBytes = 64U << 20U;
constexpr int kMaxExtends = 4;

// "/gpus/0/healthAfter": each part is made when missing.
bool set_at(Json& root, const std::string& pointer, const Json& value) {
  Json* place = &root;
  for (std::size_t at = 0; at < pointer.size();) {
    if (pointer[at] != '/') return false;
    const std::size_t end = std::min(pointer.find('/', at + 1), pointer.size());
    place = place->at_or_make(pointer.substr(at + 1, end - at - 1));
    if (place == nullptr) return false;
    at = end;
  }
  *place = value;
  return true;
}

std::optional<Json> load_json(const std::string& path, std::string& error, int depth) {
  if (depth > kMaxExtends) {
    error = path + ": too many files extend each other";
    return std::nullopt;
  }
  const auto text = read_file(path);
  if (!text) {
    error = path + " cannot be read";
    return std::nullopt;
  }
  auto json = parse_json(*text, error);
  if (!json) {
    error = path + ": " + error;
    return std::nullopt;
  }
  const Json* extends = json->find("extends");
  if (extends == nullptr) return json;
  const std::size_t slash = path.rfind('/');
  const bool absolute = !extends->string.empty() && extends->string[0] == '/';
  const std::string folder = absolute || slash == std::string::npos ? "" : path.substr(0, slash + 1);
  auto base = load_json(folder + extends->string, error, depth + 1);
  const Json* changes = json->find("set");
  if (!base || changes == nullptr) return base;
  for (const auto& [pointer, value] : changes->fields) {
    if (set_at(*base, pointer, value)) continue;
    error = path + ": no such place: " + pointer;
    return std::nullopt;
  }
  return base;
}

void load_gpu(const Json& json, Evidence& evidence, std::string& problem) {
  JsonLoader loader(json, problem);
  const auto is_there = [&json](const char* name) {
    const Json* found = json.find(name);
    return found != nullptr && found->kind != Json::Kind::null;
  };
  if (is_there("nvmlIndex")) {
    NvmlGpu gpu;
    loader("name", gpu.name);
    loader("uuid", gpu.uuid);
    loader("pciBusId", gpu.pci_bus_id);
    loader("healthBefore", gpu.before);
    loader("healthAfter", gpu.after);
    nvml_fields(loader, gpu);
    evidence.nvml.gpus.push_back(std::move(gpu));
  }
  if (is_there("computeCapability")) {
    CudaGpu gpu;
    std::string capability;
    loader("name", gpu.name);
    loader("pciBusId", gpu.pci_bus_id);
    loader("computeCapability", capability);
    if (std::sscanf(capability.c_str(), "%3d.%3d", &gpu.major, &gpu.minor) != 2) problem = "computeCapability";
    loader("smCount", gpu.sm_count);
    loader("memoryTotalBytes", gpu.memory_bytes);
    loader("gemm", gpu.gemm);
    cuda_fields(loader, gpu);
    evidence.cuda.gpus.push_back(std::move(gpu));
  }
}

std::optional<Evidence> from_json(const Json& json, std::string& error) {
  Evidence evidence;
  JsonLoader loader(json, error);
  std::string level;
  loader("level", level);
  if (!parse_level(level, evidence.level)) error = "level is none of quick, standard, long";
  if (const Json* status = json.find("status")) {
    JsonLoader inner(*status, error);
    status_fields(inner, evidence);
  }
  if (const Json* driver = json.find("driver")) {
    JsonLoader inner(*driver, error);
    inner("driverVersion", evidence.nvml.driver_version);
    inner("nvmlVersion", evidence.nvml.nvml_version);
  }
  loader("timeoutSeconds", evidence.timeout_s);
  loader("kernelLog", evidence.kernel_log);
  loader("history", evidence.history);
  loader("peers", evidence.cuda.peers);
  if (const Json* gpus = json.find("gpus")) {
    for (const auto& gpu : gpus->items) load_gpu(gpu, evidence, error);
  }
  // GPUs that CUDA_VISIBLE_DEVICES hid are counted, and not listed.
  unsigned by_nvml = 0;
  const Json* counted = json.find("nvmlGpuCount");
  if (counted != nullptr && counted->kind != Json::Kind::null) loader("nvmlGpuCount", by_nvml);
  while (evidence.visible_devices_set && evidence.nvml.gpus.size() < by_nvml) evidence.nvml.gpus.emplace_back();
  if (!error.empty()) return std::nullopt;
  return evidence;
}

}  // namespace

std::optional<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return std::nullopt;
  std::string text;
  char buffer[65536];
  std::size_t got = 0;
  while ((got = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0) {
    text.append(buffer, got);
    if (text.size() > kMaxBytes) return std::nullopt;
  }
  if (std::ferror(file.get()) != 0) return std::nullopt;
  return text;
}

std::optional<Evidence> load_trace(const std::string& path, std::string& error) {
  error.clear();
  const auto json = load_json(path, error, 0);
  if (!json) return std::nullopt;
  auto evidence = from_json(*json, error);
  if (!evidence) error = path + ": " + error;
  return evidence;
}

std::optional<Evidence> parse_trace(const std::string& text, std::string& error) {
  error.clear();
  const auto json = parse_json(text, error);
  if (!json) return std::nullopt;
  return from_json(*json, error);
}

}  // namespace gpu_smoke
