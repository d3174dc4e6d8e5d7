// Xids: the NVIDIA driver's error reports in the kernel's log.
#pragma once

#include <string>

#include "evidence.h"

namespace gpu_smoke {

// Pure. `text`: records of /dev/kmsg ("priority,sequence,microseconds,flags;message" lines). Xids after record
// `position` are of the test: sequence numbers, because the log's clock drifts from every clock we can read.
[[nodiscard]] std::vector<Xid> parse_xids(const std::string& text, std::uint64_t position);

// The sequence number of the newest record; 0 when the log cannot be read.
[[nodiscard]] std::uint64_t kernel_log_position(const std::string& path);

// Never blocks. /dev/kmsg needs root or a sysctl; containers rarely have it.
[[nodiscard]] KernelLog read_kernel_log(const std::string& path, std::uint64_t position);

// What an Xid asks for, after NVIDIA's catalogue.
enum class XidClass { ignore, application, reset, restart, fatal, unknown };
[[nodiscard]] XidClass classify_xid(unsigned code);

}  // namespace gpu_smoke
