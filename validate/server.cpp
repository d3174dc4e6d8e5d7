#include "validate/server.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/filesystem.h"
#include "base/interrupt.h"
#include "base/terminal.h"
#include "validate/local_server.h"

namespace mlctl::validate {
namespace {

namespace fs = std::filesystem;

constexpr int tries = 3;
constexpr Duration ask_every = std::chrono::milliseconds(50);

Error denied(std::string message) {
  return {.kind = Error::Kind::denied, .message = std::move(message), .hint = ""};
}

std::string ended_text(int code, const std::string& output) {
  const auto how = code > 128 ? "by signal " + std::to_string(code - 128) : "with exit code " + std::to_string(code);
  const auto words = last_lines(output);
  return "it ended " + how + (words.empty() ? ", and printed nothing" : "; its last lines:\n" + words);
}

// Every language says it in its own way, but all from the same errno.
bool says_port_taken(const std::string& output) {
  for (const auto* words : {"ddress already in use", "EADDRINUSE", "Errno 98", "errno: 98", "os error 98"}) {
    if (output.find(words) != std::string::npos) return true;
  }
  return false;
}

Status write_templates(const LocalServer& local, const fs::path& folder) {
  for (const auto& [name, text] : local.templates) {
    if (!lies_within(folder / name, folder)) return denied("serving.local.templates: " + name + " leaves the folder");
    if (auto status = write_file(folder / name, text); !status) return status.error();
  }
  return ok();
}

// ok() when ready; Error{denied} when it ended or time is up.
Status wait_until_ready(ChildProcess& process, const std::string& url, const LocalServer& local,
                        const ServerSeams& seams) {
  const SteadyTime deadline = seams.clock.steady() + local.start;
  HttpRequest question;
  question.url = url + local.ready;
  question.limit = std::chrono::seconds(2);
  question.body_limit = 1U << 20U;
  std::string last;
  for (;;) {
    if (interrupted()) return interrupted_error();
    auto answer = seams.client.send(question);
    // Asked after the answer: a server that died may have left its port to a stranger who answers.
    if (auto code = process.poll()) return denied(ended_text(*code, process.output()));
    if (answer && answer->status == 200) return ok();
    if (!answer && answer.error().kind == Error::Kind::interrupted) return answer.error();
    last = answer ? "HTTP " + std::to_string(answer->status) : answer.error().message;
    const SteadyTime now = seams.clock.steady();
    if (now >= deadline) break;
    seams.clock.sleep_until(now + ask_every);
  }
  const auto words = last_lines(process.output());
  return denied("not ready after " + human_duration(local.start) + ": GET " + local.ready + " says: " + last +
                (words.empty() ? "" : "; its last lines:\n" + words));
}

}  // namespace

std::string last_lines(const std::string& output, std::size_t lines) {
  const auto last = output.find_last_not_of(" \t\r\n");
  if (last == std::string::npos) return {};
  auto text = output.substr(0, last + 1);
  std::size_t begin = text.size();
  for (std::size_t i = 0; i < lines && begin != std::string::npos && begin > 0; ++i)
    begin = text.rfind('\n', begin - 1);
  if (begin != std::string::npos && begin < text.size()) text.erase(0, text[begin] == '\n' ? begin + 1 : begin);
  constexpr std::size_t most = 1024;
  if (text.size() > most) text.erase(0, text.size() - most);
  return escape_control(text, true);
}

Status copy_files(const fs::path& from, const fs::path& to) {
  std::error_code code;
  if (auto status = make_folders(to); !status) return status.error();
  auto entries = fs::recursive_directory_iterator(from, code);
  for (const auto end = fs::recursive_directory_iterator(); !code && entries != end; entries.increment(code)) {
    const auto& entry = *entries;
    const auto target = to / entry.path().lexically_relative(from);
    if (entry.is_symlink(code) && !lies_within(entry.path(), from)) {
      return Error{
          .kind = Error::Kind::usage, .message = entry.path().string() + ": a link that leaves the folder", .hint = ""};
    }
    if (entry.is_directory(code) && !entry.is_symlink(code))
      fs::create_directory(target, code);
    else if (entry.is_regular_file(code))
      fs::copy_file(entry.path(), target, code);
    if (code) return system_error(code.value(), "cannot copy", entry.path());
  }
  if (code) return system_error(code.value(), "cannot read", from);
  return ok();
}

Result<ModelServer> ModelServer::start(const ServerSpec& spec, const ServerSeams& seams) {
  for (int attempt = 1;; ++attempt) {
    if (auto status = remove_tree(spec.folder); !status) return status.error();
    if (auto status = copy_files(spec.files, spec.folder); !status) return status.error();
    auto ports = seams.ports(3);
    if (!ports) return ports.error();
    auto local = expand(
        spec.local, {.port = (*ports)[0], .grpc_port = (*ports)[1], .metrics_port = (*ports)[2], .model = spec.model});
    if (!local) return local.error();
    if (auto status = write_templates(*local, spec.folder); !status) return status.error();

    ProcessSpec process_spec;
    process_spec.command = local->command;
    process_spec.environment = local->env;
    process_spec.folder = spec.folder;
    auto process = ChildProcess::start(process_spec, spec.record);
    if (!process) return process.error();
    const auto url = "http://127.0.0.1:" + std::to_string((*ports)[0]);
    auto ready = wait_until_ready(*process, url, *local, seams);
    if (ready) return ModelServer(std::move(*process), url);
    const bool again = process->poll() && says_port_taken(process->output()) && attempt < tries;
    if (!again) return ready.error();
  }
}

Status ModelServer::alive() {
  if (auto code = process_.poll()) return denied(ended_text(*code, process_.output()));
  return ok();
}

}  // namespace mlctl::validate
