#include "near_gpu.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>

namespace gpu_smoke {
namespace {

// The CPUs of "3" or "0-15"; false where it is neither.
bool add_range(const std::string& text, std::vector<int>& cpus) {
  int first = 0;
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, first);
  if (error != std::errc() || first < 0) return false;
  int last = first;
  if (at != end) {
    if (*at != '-') return false;
    const auto rest = std::from_chars(at + 1, end, last);
    if (rest.ec != std::errc() || rest.ptr != end) return false;
  }
  if (last < first || last >= CPU_SETSIZE) return false;
  for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  return true;
}

}  // namespace

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> cpus;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    if (!add_range(text.substr(begin, comma - begin), cpus)) return {};
    begin = comma + 1;
  }
  return cpus;
}

NearGpu::NearGpu(const std::string& pci_bus_id, const std::string& devices) {
  std::string id = pci_bus_id;  // CUDA writes it in capitals
  for (char& c : id) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::string list;
  std::getline(std::ifstream(devices + "/" + id + "/local_cpulist"), list);
  cpu_set_t near;
  CPU_ZERO(&near);
  for (const int cpu : parse_cpu_list(list)) CPU_SET(cpu, &near);
  if (sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
  cpu_set_t both;  // some may be kept from us
  CPU_AND(&both, &near, &before_);
  moved_ = CPU_COUNT(&both) > 0 && sched_setaffinity(0, sizeof(both), &both) == 0;
}

NearGpu::~NearGpu() {
  if (moved_) sched_setaffinity(0, sizeof(before_), &before_);
}

}  // namespace gpu_smoke
