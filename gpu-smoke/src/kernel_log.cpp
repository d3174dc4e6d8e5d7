#include "kernel_log.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <sstream>
#include <unistd.h>

#include "probes.h"

namespace gpu_smoke {
namespace {

constexpr unsigned kReset[] = {46, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158};
constexpr unsigned kRestart[] = {79, 160};
constexpr unsigned kFatal[] = {48, 54, 57, 58, 61, 74, 90, 144, 145, 146, 147, 148, 149, 150};
constexpr unsigned kApplication[] = {8, 13, 31, 32, 68, 69, 94};
constexpr unsigned kIgnore[] = {43, 63, 92, 93, 121, 137, 154};  // 154 repeats the recovery action, which has a check

template <std::size_t N>
bool holds(const unsigned (&codes)[N], unsigned code) {
  return std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

// "NVRM: Xid (PCI:0000:c1:00): 79, pid=…": nothing when the line is none.
bool parse_line(const std::string& line, Xid& xid) {
  static constexpr char kMark[] = "NVRM: Xid (PCI:";
  const std::size_t at = line.find(kMark);
  if (at == std::string::npos) return false;
  const std::size_t bus = at + sizeof(kMark) - 1;
  const std::size_t end = line.find("): ", bus);
  if (end == std::string::npos) return false;
  xid.pci_bus_id = normal_bus_id(line.substr(bus, end - bus));
  xid.code = static_cast<unsigned>(std::strtoul(line.c_str() + end + 3, nullptr, 10));
  return !xid.pci_bus_id.empty() && xid.code != 0;
}

std::uint64_t sequence_of(const std::string& line) {
  const std::size_t comma = line.find(',');
  return comma == std::string::npos ? 0 : std::strtoull(line.c_str() + comma + 1, nullptr, 10);
}

// Empty when it was read; otherwise why not.
std::string read_records(const std::string& path, std::string& text) {
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return path + ": " + std::strerror(errno);
  std::string error;
  char record[8192];
  for (;;) {  // one record a read, EAGAIN at the end, EPIPE where records were overwritten
    const ssize_t got = read(file, record, sizeof(record));
    if (got > 0) {
      text.append(record, static_cast<std::size_t>(got));
      continue;
    }
    if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (got < 0 && errno != EAGAIN) error = path + ": " + std::strerror(errno);
    break;
  }
  close(file);
  return error;
}

}  // namespace

XidClass classify_xid(unsigned code) {
  if (holds(kReset, code)) return XidClass::reset;
  if (holds(kRestart, code)) return XidClass::restart;
  if (holds(kFatal, code)) return XidClass::fatal;
  if (holds(kApplication, code)) return XidClass::application;
  return holds(kIgnore, code) ? XidClass::ignore : XidClass::unknown;
}

std::vector<Xid> parse_xids(const std::string& text, std::uint64_t position) {
  std::vector<Xid> xids;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("NVRM: loading NVIDIA UNIX") != std::string::npos) {
      for (auto& earlier : xids) earlier.before_reload = true;
    }
    Xid xid;
    if (!parse_line(line, xid)) continue;
    xid.during_test = sequence_of(line) > position;
    xids.push_back(std::move(xid));
  }
  return xids;
}

std::uint64_t kernel_log_position(const std::string& path) {
  std::string text;
  if (!read_records(path, text).empty()) return 0;
  std::uint64_t position = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != ' ') position = std::max(position, sequence_of(line));  // ' ': continued
  }
  return position;
}

KernelLog read_kernel_log(const std::string& path, std::uint64_t position) {
  KernelLog log;
  std::string text;
  log.error = read_records(path, text);
  log.readable = log.error.empty();
  if (log.readable) log.xids = parse_xids(text, position);
  return log;
}

}  // namespace gpu_smoke
