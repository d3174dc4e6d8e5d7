// Which processes are ours: by pid and start time, by session, and by the records that a killed run left behind.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <dirent.h>
#include <sstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "base/process_detail.h"
#include "base/units.h"

namespace mlctl {
namespace process_detail {
namespace {

// A file of /proc; its size is said to be 0, which read_file does not mind.
std::string read_proc(const std::string& path) {
  auto text = read_file(path, 64 * 1024);
  return text ? *text : std::string();
}

std::vector<int> all_pids() {
  std::vector<int> pids;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return pids;
  while (const dirent* entry = ::readdir(folder))
    if (const auto pid = parse_integer(static_cast<const char*>(entry->d_name)); pid && *pid > 0)
      pids.push_back(static_cast<int>(*pid));
  ::closedir(folder);
  return pids;
}

struct Record {
  int child = 0;
  std::uint64_t child_start = 0;
  int parent = 0;
  std::uint64_t parent_start = 0;
  std::string machine;
};

// Pids mean something only within one boot and one pid namespace.
std::string this_machine() {
  std::string boot = read_proc("/proc/sys/kernel/random/boot_id");
  boot.erase(boot.find_last_not_of(" \n") + 1);
  std::error_code code;
  return boot + "/" + std::filesystem::read_symlink("/proc/self/ns/pid", code).string();
}

constexpr std::string_view record_title = "mlctl-child 1";

std::optional<Record> parse_record(const std::string& text) {
  std::istringstream in(text);
  std::string title;
  Record record;
  if (!std::getline(in, title) || title != record_title) return std::nullopt;
  if (!(in >> record.child >> record.child_start >> record.parent >> record.parent_start >> record.machine))
    return std::nullopt;
  if (record.child <= 1 || record.parent <= 0) return std::nullopt;
  return record;
}

bool lives(int pid, std::uint64_t start) {
  const auto stat = read_stat(pid);
  return stat && stat->start == start && stat->state != 'Z' && stat->state != 'X';
}

int end_recorded(const Record& record) {
  // The kernel gives no pid away again while it names a session: another process under it means that ours is gone.
  const auto leader = read_stat(record.child);
  if (leader && leader->start != record.child_start) return 0;
  return kill_session(record.child, record.child_start) > 0 ? 1 : 0;
}

}  // namespace

std::optional<ProcessStat> read_stat(int pid) {
  const std::string text = read_proc("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = text.rfind(')');  // the name may hold blanks and brackets itself
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream in(text.substr(name_end + 1));
  ProcessStat stat;
  int parent = 0;
  int group = 0;
  if (!(in >> stat.state >> parent >> group >> stat.session)) return std::nullopt;
  std::string skipped;
  for (int field = 7; field < 22; ++field) in >> skipped;
  if (!(in >> stat.start)) return std::nullopt;
  return stat;
}

int kill_session(int session, std::uint64_t not_before) {
  static constexpr auto patience = std::chrono::seconds(2);
  const auto begun = std::chrono::steady_clock::now();
  std::vector<int> killed;
  if (session <= 1) return 0;
  for (;;) {
    bool left = false;
    for (const int pid : all_pids()) {
      const auto stat = read_stat(pid);
      if (!stat || stat->session != session || stat->start < not_before) continue;
      if (stat->state == 'Z' || stat->state == 'X') continue;
      left = true;
      if (::kill(pid, SIGKILL) == 0 && std::find(killed.begin(), killed.end(), pid) == killed.end())
        killed.push_back(pid);
    }
    if (!left || std::chrono::steady_clock::now() - begun > patience) return static_cast<int>(killed.size());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Status write_record(const std::filesystem::path& record, int pid) {
  const auto child = read_stat(pid);
  const auto parent = read_stat(::getpid());
  if (!child || !parent)
    return Error{Error::Kind::unavailable, "cannot read the start time of a process from /proc", ""};
  std::ostringstream out;
  out << record_title << "\n"
      << pid << " " << child->start << "\n"
      << ::getpid() << " " << parent->start << "\n"
      << this_machine() << "\n";
  return write_file(record, out.str(), 0600);
}

}  // namespace process_detail

Result<int> end_leftovers(const std::filesystem::path& folder) {
  namespace detail = process_detail;
  std::error_code code;
  std::filesystem::directory_iterator entries(folder, code);
  if (code == std::errc::no_such_file_or_directory) return 0;
  if (code) return system_error(code.value(), "cannot read folder", folder);
  const std::string machine = detail::this_machine();
  const std::string boot = machine.substr(0, machine.find('/'));
  int ended = 0;
  for (const auto end = std::filesystem::directory_iterator(); entries != end; entries.increment(code)) {
    if (code) return system_error(code.value(), "cannot read folder", folder);
    auto text = read_file(entries->path(), 4096);
    const auto record = text ? detail::parse_record(*text) : std::nullopt;
    if (!record) continue;
    const bool same_boot = record->machine.substr(0, record->machine.find('/')) == boot;
    if (same_boot && record->machine != machine) continue;  // another container's business
    if (same_boot && detail::lives(record->parent, record->parent_start)) continue;
    if (same_boot) ended += detail::end_recorded(*record);
    if (auto removed = remove_tree(entries->path()); !removed) return removed.error();
  }
  return ended;
}

}  // namespace mlctl
