// Options -> observe (in a thread, under a watchdog) -> judge -> render -> exit code.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "history.h"
#include "observe.h"
#include "options.h"
#include "trace.h"
#include "verdict.h"

namespace gpu_smoke {
namespace {

constexpr std::chrono::milliseconds kRedraw(250);

struct Shared {
  Board board;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
};

// One line on a terminal, redrawn in place and wiped at the end.
void draw(const std::string& text) {
  std::fprintf(stderr, "\r\033[K%s", printable(text.c_str(), 100).c_str());
}

// A driver that hangs cannot be interrupted, only left behind: the thread is detached, and main ends the
// process without destructors that could wait for it.
Evidence observe_within(const Options& options, std::vector<PastRun> history) {
  auto shared = std::make_shared<Shared>();
  ObserveOptions what;
  what.level = options.level;
  what.sustained_seconds = options.duration_s;
  what.low_metrics = low_metrics;
  shared->board.change([&](Evidence& e) {
    e.timeout_s = options.timeout_s;
    e.history = std::move(history);
  });
  std::thread([shared, what] {
    const auto nvml = make_nvml();
    const auto cuda = make_cuda();
    observe(*nvml, *cuda, what, shared->board);
    const std::lock_guard lock(shared->mutex);
    shared->done = true;
    shared->changed.notify_one();
  }).detach();
  const bool progress = options.progress && isatty(STDERR_FILENO) == 1;
  const auto start = std::chrono::steady_clock::now();
  const auto deadline = start + std::chrono::seconds(options.timeout_s);
  std::unique_lock lock(shared->mutex);
  bool done = false;
  while (!done && std::chrono::steady_clock::now() < deadline) {
    done = shared->changed.wait_for(lock, kRedraw, [&] { return shared->done; });
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start);
    if (progress && !done) draw(std::to_string(seconds.count()) + " s  " + shared->board.doing());
  }
  if (progress) draw("");
  Evidence evidence = shared->board.evidence();
  evidence.timed_out = !done;
  return evidence;
}

int complain(const std::string& what) {
  std::fprintf(stderr, "gpu-smoke: %s\n", printable(what.c_str(), what.size()).c_str());
  return 3;
}

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0) return "unknown";
  return printable(name, sizeof(name));
}

std::string rfc3339(std::time_t now) {
  std::tm utc{};
  char text[32] = {};
  if (gmtime_r(&now, &utc) != nullptr) std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

// From this machine, or from a file. Nothing when the file cannot be understood: `error` says why.
std::optional<Evidence> look(const Options& options, std::string& error) {
  std::vector<PastRun> history;
  if (!options.history.empty() && !load_history(options.history, history, error)) return std::nullopt;
  if (options.fake.empty()) return observe_within(options, std::move(history));
  auto evidence = load_trace(options.fake, error);
  if (evidence && !history.empty()) evidence->history = std::move(history);
  return evidence;
}

int run_check(const Options& options) {
  Run run{rfc3339(std::time(nullptr)), host_name(), 0, printable(options.fake.c_str(), options.fake.size())};
  const auto start = std::chrono::steady_clock::now();
  std::string error;
  const auto evidence = look(options, error);
  if (!evidence) return complain(error);
  const Report report = judge(*evidence, options.policy);
  const auto elapsed = std::chrono::steady_clock::now() - start;
  run.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count();
  const std::string text = options.json ? render_json(report, run) : render_text(report, run);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written) return complain("the report could not be written");
  // What a trace says must not become this node's history.
  const bool keep = !options.history.empty() && options.fake.empty();
  if (keep && !add_to_history(options.history, report, run, error)) return complain(error);
  return exit_code(report.verdict);
}

int run(const std::vector<std::string>& arguments) {
  const Options options = parse_options(arguments);
  switch (options.action) {
    case Options::Action::help:
      std::fputs(help_text(), stdout);
      return 0;
    case Options::Action::version:
      std::puts("gpu-smoke " GPU_SMOKE_VERSION);
      return 0;
    case Options::Action::usage_error:
      std::fprintf(stderr, "gpu-smoke: %s\n\nhint: gpu-smoke --help\n",
                   printable(options.error.c_str(), options.error.size()).c_str());
      return 2;
    case Options::Action::check:
      break;
  }
  return run_check(options);
}

}  // namespace
}  // namespace gpu_smoke

int main(int argc, char** argv) {
  const int code = gpu_smoke::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  std::fflush(nullptr);
  _exit(code);
}
