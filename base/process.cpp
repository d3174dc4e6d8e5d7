#include "base/process.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <poll.h>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/process_detail.h"
#include "base/terminal.h"

namespace mlctl {
namespace detail = process_detail;
namespace {

// The first and the last half of a stream, however long it gets.
class KeptOutput {
 public:
  explicit KeptOutput(std::size_t limit) : half_(std::max<std::size_t>(limit / 2, 1)) {}

  void add(std::string_view bytes) {
    const auto to_head = std::min(bytes.size(), half_ - head_.size());
    head_.append(bytes.substr(0, to_head));
    bytes.remove_prefix(to_head);
    after_head_ += bytes.size();
    if (bytes.size() > half_) bytes.remove_prefix(bytes.size() - half_);
    tail_.append(bytes);
    if (tail_.size() > 2 * half_) tail_.erase(0, tail_.size() - half_);
  }

  [[nodiscard]] std::string text() const {
    const auto shown = std::min(tail_.size(), half_);
    const auto left_out = after_head_ - shown;
    const std::string mark = left_out == 0 ? "" : "\n… " + std::to_string(left_out) + " bytes left out …\n";
    return head_ + mark + tail_.substr(tail_.size() - shown);
  }

 private:
  std::size_t half_;
  std::string head_;
  std::string tail_;
  std::uint64_t after_head_ = 0;
};

// Reads a child's output as it comes, so that a full pipe never blocks the child.
class Drain {
 public:
  Drain(File pipe, std::size_t limit) : pipe_(std::move(pipe)), stop_(::eventfd(0, EFD_CLOEXEC)), kept_(limit) {
    // Signals belong to the threads that wait for them.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ~Drain() { stop(); }
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

  // Ends the thread; takes what is in the pipe still.
  void stop() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    if (::write(stop_.fd(), &one, sizeof one) > 0) thread_.join();
    take(most_at_once);
  }

  [[nodiscard]] std::string text() {
    take(most_at_once);
    const std::lock_guard lock(mutex_);
    return kept_.text();
  }

 private:
  static constexpr std::size_t most_at_once = 1U << 20U;

  void run() {
    std::array<pollfd, 2> watched{{{pipe_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    for (;;) {
      if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
      if (watched[1].revents != 0) return;
      if (watched[0].revents != 0 && !take(1)) watched[0].fd = -1;
    }
  }

  // Reads until `most` bytes are reached or the pipe is empty; false at its end.
  bool take(std::size_t most) {
    const std::lock_guard lock(mutex_);
    std::array<char, 64 * 1024> buffer;
    for (std::size_t taken = 0; taken < most;) {
      const auto got = ::read(pipe_.fd(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return got < 0 && errno == EAGAIN;
      kept_.add({buffer.data(), static_cast<std::size_t>(got)});
      taken += static_cast<std::size_t>(got);
    }
    return true;
  }

  File pipe_;
  File stop_;
  std::mutex mutex_;
  KeptOutput kept_;
  std::thread thread_;
};

// Without reaping: the pid stays ours, so that signals to its group can hit nobody else.
std::optional<int> exit_code_of(int pid) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return -1;
  if (info.si_pid == 0) return std::nullopt;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

// Until the child has ended (true), `deadline`, or, if `heed_interrupt`, Ctrl-C.
bool wait_for_end(int pid, SteadyTime deadline, bool heed_interrupt) {
  static constexpr Duration unheard = std::chrono::milliseconds(5);  // a kernel without pidfd_open(2)
  const File watch(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  for (;;) {
    if (exit_code_of(pid)) return true;
    if (heed_interrupt && interrupted()) return false;
    const Duration left = deadline - system_clock().steady();
    if (left <= Duration::zero()) return false;
    const Duration longest = watch.fd() < 0 ? unheard : std::chrono::minutes(1);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::min(left, longest));
    std::array<pollfd, 2> watched{{{watch.fd(), POLLIN, 0}, {heed_interrupt ? interrupt_fd() : -1, POLLIN, 0}}};
    ::poll(watched.data(), watched.size(), static_cast<int>(wait.count()));
  }
}

void reap(int pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

struct ChildProcess::State {
  int pid;
  std::filesystem::path record;
  Drain drain;
  std::optional<int> exit_code;
  bool ended = false;
};

ChildProcess::ChildProcess(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    if (state_) end();
    state_ = std::move(other.state_);
  }
  return *this;
}
ChildProcess::~ChildProcess() {
  if (state_) end();
}

Result<ChildProcess> ChildProcess::start(const ProcessSpec& spec, const std::filesystem::path& record) {
  auto child = detail::fork_child(spec);
  if (!child) return child.error();
  Status begun = record.empty() ? ok() : detail::write_record(record, child->pid);
  if (begun) begun = detail::release_child(*child, spec);
  if (!begun) {
    ::kill(child->pid, SIGKILL);
    reap(child->pid);
    if (!record.empty()) static_cast<void>(static_cast<bool>(remove_tree(record)));
    return begun.error();
  }
  return ChildProcess(std::unique_ptr<State>(
      new State{child->pid, record, {std::move(child->output), spec.output_limit}, std::nullopt}));
}

int ChildProcess::pid() const {
  return state_->pid;
}

std::optional<int> ChildProcess::poll() {
  if (!state_->exit_code) state_->exit_code = exit_code_of(state_->pid);
  return state_->exit_code;
}

std::string ChildProcess::output() const {
  return state_->drain.text();
}

void ChildProcess::end(std::chrono::milliseconds grace) {
  if (state_->ended) return;
  state_->ended = true;
  const int pid = state_->pid;
  if (!exit_code_of(pid)) {
    ::kill(-pid, SIGTERM);
    wait_for_end(pid, system_clock().steady() + grace, false);
  }
  ::kill(-pid, SIGKILL);
  detail::kill_session(pid);
  wait_for_end(pid, system_clock().steady() + std::chrono::seconds(2), false);
  static_cast<void>(poll());
  if (state_->exit_code) reap(pid);
  state_->drain.stop();
  if (!state_->record.empty()) static_cast<void>(static_cast<bool>(remove_tree(state_->record)));
}

// The last lines of what a program printed, for an error message.
static std::string last_words(const std::string& output) {
  const auto end = output.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const std::string text = output.substr(0, end + 1);
  auto begin = text.rfind('\n');
  for (int line = 0; line < 2 && begin != std::string::npos && begin > 0; ++line) begin = text.rfind('\n', begin - 1);
  begin = begin == std::string::npos ? 0 : begin + 1;
  begin = std::max(begin, text.size() - std::min<std::size_t>(text.size(), 500));
  return "\n" + escape_control(text.substr(begin), true);
}

Result<ProcessResult> run_process(const ProcessSpec& spec, std::chrono::milliseconds limit) {
  auto child = ChildProcess::start(spec);
  if (!child) return child.error();
  const bool ended = wait_for_end(child->pid(), system_clock().steady() + limit, true);
  child->end();
  if (!ended && interrupted()) return interrupted_error();
  if (!ended)
    return Error{Error::Kind::timeout,
                 "'" + escape_control(spec.command.front()) + "' did not end within " + human_duration(limit) +
                     last_words(child->output()),
                 ""};
  return ProcessResult{*child->poll(), child->output()};
}

}  // namespace mlctl
