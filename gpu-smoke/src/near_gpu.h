// The CPUs on a GPU's own socket: over another socket's link a transfer measures that link.
#pragma once

#include <sched.h>
#include <string>
#include <vector>

namespace gpu_smoke {

// Pure. As the kernel lists CPUs: "0-15,64-79"; empty where it is not that, or names CPUs that a set cannot hold.
[[nodiscard]] std::vector<int> parse_cpu_list(const std::string& text);

// While it lives this thread runs on the CPUs beside a GPU, and so does its new memory. Nothing happens where they are
// not known, or not ours to use. Source: Linux, Documentation/ABI/testing/sysfs-bus-pci, local_cpulist.
class NearGpu {
 public:
  explicit NearGpu(const std::string& pci_bus_id, const std::string& devices = "/sys/bus/pci/devices");
  NearGpu(const NearGpu&) = delete;
  NearGpu& operator=(const NearGpu&) = delete;
  ~NearGpu();
  [[nodiscard]] bool moved() const { return moved_; }

 private:
  cpu_set_t before_{};
  bool moved_ = false;
};

}  // namespace gpu_smoke
