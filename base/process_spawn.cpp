// fork and exec. Between the two the child makes only calls that are safe when other threads held locks at the fork
// (signal-safety(7)): everything is prepared before.
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <linux/close_range.h>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "base/process_detail.h"
#include "base/terminal.h"

namespace mlctl::process_detail {
namespace {

enum Step : int { step_signals, step_stdio, step_folder, step_exec };
struct Failure {
  int step;
  int code;
};

struct Plan {
  std::string program;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  const char* folder = nullptr;
  int parent = 0;
  int input = -1;
  int output = -1;
  int errors = -1;
  int go = -1;
  int failure = -1;
};

[[noreturn]] void give_up(const Plan& plan, Step step) {
  const Failure failure{step, errno};
  if (::write(plan.failure, &failure, sizeof failure) < 0) ::_exit(126);
  ::_exit(127);
}

void close_all_on_exec() {
  if (::syscall(SYS_close_range, 3U, ~0U, static_cast<unsigned>(CLOSE_RANGE_CLOEXEC)) == 0) return;
  for (int fd = 3; fd < 4096; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void reset_signals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < 32; ++number) ::sigaction(number, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(const Plan& plan) {
  ::setsid();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(plan, step_signals);
  if (::getppid() != plan.parent) ::_exit(127);  // it died before the line above
  std::uint64_t go = 0;
  if (::read(plan.go, &go, sizeof go) != sizeof go) ::_exit(127);
  if (::dup2(plan.input, 0) < 0 || ::dup2(plan.output, 1) < 0 || ::dup2(plan.errors, 2) < 0) give_up(plan, step_stdio);
  if (plan.folder != nullptr && ::chdir(plan.folder) != 0) give_up(plan, step_folder);
  close_all_on_exec();
  reset_signals();
  ::execve(plan.program.c_str(), plan.arguments.data(), plan.environment.data());
  give_up(plan, step_exec);
}

// Descriptors 0 to 2 may be closed in this process; the child's dup2 must not meet its own sources there.
File above_stdio(int fd) {
  if (fd < 0 || fd > 2) return File(fd);
  const File low(fd);
  return File(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

struct Pipe {
  File read;
  File write;
};
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error(errno, "cannot start a process", "pipe");
  Pipe pipe{above_stdio(ends[0]), above_stdio(ends[1])};
  return pipe;
}

// A file in memory: nobody must feed it, and a child that does not read it blocks nobody.
Result<File> make_input(const std::string& input) {
  if (input.empty()) return above_stdio(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  File file = above_stdio(::memfd_create("mlctl-input", MFD_CLOEXEC));
  std::string_view rest = input;
  if (file.fd() < 0) return system_error(errno, "cannot start a process", "stdin");
  while (!rest.empty()) {
    const auto written = ::write(file.fd(), rest.data(), rest.size());
    if (written <= 0) return system_error(errno, "cannot start a process", "stdin");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(file.fd(), 0, SEEK_SET);
  return file;
}

std::map<std::string, std::string> environment_of(const ProcessSpec& spec) {
  std::map<std::string, std::string> environment{{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
  for (const char* name : {"PATH", "HOME"})
    if (const char* value = std::getenv(name); value != nullptr) environment[name] = value;
  for (const auto& [name, value] : spec.environment) environment[name] = value;
  return environment;
}

bool is_program(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// Relative entries of PATH are passed over: they would mean another program in every folder.
Result<std::string> find_program(const std::string& name, std::string_view search) {
  if (name.find('/') != std::string::npos) return name;
  while (!name.empty() && !search.empty()) {
    const auto colon = std::min(search.find(':'), search.size());
    const std::string candidate = std::string(search.substr(0, colon)) + "/" + name;
    if (candidate.front() == '/' && is_program(candidate)) return candidate;
    search.remove_prefix(std::min(colon + 1, search.size()));
  }
  return Error{Error::Kind::unavailable, "program '" + escape_control(name) + "' not found in PATH",
               "install it, or put the folder that holds it into PATH"};
}

bool holds_nul(const ProcessSpec& spec) {
  const auto bad = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  for (const auto& argument : spec.command)
    if (bad(argument)) return true;
  for (const auto& [name, value] : spec.environment)
    if (name.empty() || name.find('=') != std::string::npos || bad(name) || bad(value)) return true;
  return false;
}

// With every signal blocked, so that a handler of this process never runs in the child.
int fork_quietly() {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  const int pid = ::fork();
  const int code = errno;
  if (pid != 0) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = code;
  return pid;
}

}  // namespace

Result<Forked> fork_child(const ProcessSpec& spec) {
  if (spec.command.empty() || holds_nul(spec))
    return Error{Error::Kind::usage, "cannot start a process: its command or environment is malformed", ""};
  const auto variables = environment_of(spec);
  auto program = find_program(spec.command.front(), variables.at("PATH"));
  if (!program) return program.error();
  auto input = make_input(spec.input);
  if (!input) return input.error();
  auto output = make_pipe();
  const File nowhere = above_stdio(spec.drop_errors ? ::open("/dev/null", O_WRONLY | O_CLOEXEC) : -1);
  File go = above_stdio(::eventfd(0, EFD_CLOEXEC));
  auto failure = make_pipe();
  if (!output) return output.error();
  if (go.fd() < 0) return system_error(errno, "cannot start a process", "eventfd");
  if (!failure) return failure.error();

  Plan plan{*program,
            {},
            {},
            spec.folder.empty() ? nullptr : spec.folder.c_str(),
            ::getpid(),
            input->fd(),
            output->write.fd(),
            spec.drop_errors ? nowhere.fd() : output->write.fd(),
            go.fd(),
            failure->write.fd()};
  auto arguments = spec.command;
  std::vector<std::string> settings;
  for (const auto& [name, value] : variables) settings.push_back(name + "=" + value);
  for (auto& argument : arguments) plan.arguments.push_back(argument.data());
  for (auto& setting : settings) plan.environment.push_back(setting.data());
  plan.arguments.push_back(nullptr);
  plan.environment.push_back(nullptr);

  const int pid = fork_quietly();
  if (pid < 0) return system_error(errno, "cannot start a process", *program);
  if (pid == 0) run_child(plan);
  ::fcntl(output->read.fd(), F_SETFL, O_NONBLOCK);
  return Forked{pid, std::move(go), std::move(failure->read), std::move(output->read)};
}

Status release_child(const Forked& child, const ProcessSpec& spec) {
  const std::string name = "cannot start '" + escape_control(spec.command.front()) + "'";
  const std::uint64_t one = 1;
  if (::write(child.go.fd(), &one, sizeof one) < 0) return system_error(errno, name, "eventfd");
  Failure failure{};
  long got = 0;
  do got = ::read(child.failure.fd(), &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  if (got != sizeof failure) return ok();
  if (failure.step == step_folder) return system_error(failure.code, name + ": cannot enter folder", spec.folder);
  Error error{Error::Kind::unavailable, name + ": " + std::generic_category().message(failure.code), ""};
  if (failure.code == ENOENT) error.hint = "the program, or the interpreter named in its first line, does not exist";
  if (failure.code == ENOEXEC) error.hint = "a script needs a first line such as #!/bin/sh";
  return error;
}

}  // namespace mlctl::process_detail
