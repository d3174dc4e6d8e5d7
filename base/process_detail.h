// The parts of process.cpp: starting, and what /proc and the records say. For nobody else.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/filesystem.h"
#include "base/process.h"
#include "base/result.h"

namespace mlctl::process_detail {

// A forked child that waits, before its program begins, for release_child(); it dies with this process.
struct Forked {
  int pid = -1;
  File go;       // eventfd(2)
  File failure;  // end of file: the program has begun; else what failed
  File output;   // stdout and stderr, non-blocking
};
[[nodiscard]] Result<Forked> fork_child(const ProcessSpec& spec);
// Lets the child go on; Error{unavailable} when its program cannot be started (the child has exited then).
[[nodiscard]] Status release_child(const Forked& child, const ProcessSpec& spec);

// Of /proc/PID/stat (proc(5)).
struct ProcessStat {
  char state = '?';
  int session = 0;
  std::uint64_t start = 0;  // clock ticks since boot: with the pid, an identity
};
[[nodiscard]] std::optional<ProcessStat> read_stat(int pid);

// SIGKILL to every process of the session that began at `not_before` or later, until none is left (two seconds at
// most); returns how many there were.
int kill_session(int session, std::uint64_t not_before = 0);

[[nodiscard]] Status write_record(const std::filesystem::path& record, int pid);

}  // namespace mlctl::process_detail
