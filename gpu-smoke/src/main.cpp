// Options -> observe (in a thread, under a watchdog) -> judge -> render -> exit code.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "observe.h"
#include "options.h"
#include "verdict.h"

namespace gpu_smoke {
namespace {

struct Shared {
  std::mutex mutex;
  std::condition_variable changed;
  Evidence evidence;
  bool done = false;
};

// A driver that hangs cannot be interrupted, only left behind: the thread is detached, and main ends the
// process without destructors that could wait for it.
Evidence observe_within(unsigned timeout_s) {
  auto shared = std::make_shared<Shared>();
  std::thread([shared] {
    const auto nvml = make_nvml();
    const auto cuda = make_cuda();
    const Evidence final_evidence = observe(*nvml, *cuda, {}, [&shared](const Evidence& evidence) {
      const std::lock_guard lock(shared->mutex);
      shared->evidence = evidence;
    });
    const std::lock_guard lock(shared->mutex);
    shared->evidence = final_evidence;
    shared->done = true;
    shared->changed.notify_one();
  }).detach();
  std::unique_lock lock(shared->mutex);
  const bool done = shared->changed.wait_for(lock, std::chrono::seconds(timeout_s), [&] { return shared->done; });
  Evidence evidence = shared->evidence;
  evidence.timed_out = !done;
  evidence.timeout_s = timeout_s;
  return evidence;
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

int run_check(const Options& options) {
  Run run{rfc3339(std::time(nullptr)), host_name(), 0};
  const auto start = std::chrono::steady_clock::now();
  const Report report = judge(observe_within(options.timeout_s), options.policy);
  const auto elapsed = std::chrono::steady_clock::now() - start;
  run.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count();
  const std::string text = options.json ? render_json(report, run) : render_text(report, run);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written) std::fprintf(stderr, "gpu-smoke: the report could not be written\n");
  return written ? exit_code(report.verdict) : 3;
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
