// A model server on this machine: a version's files in a fresh folder of their own, started on free loopback ports,
// ready, watched, ended. Hostile: it may never get ready, print gigabytes, die, or find its port taken.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/http.h"
#include "base/process.h"
#include "base/result.h"
#include "validate/gate_config.h"

namespace mlctl::validate {

struct ServerSpec {
  std::filesystem::path files;   // the version's files: copied, never touched
  std::filesystem::path folder;  // of the copy; replaced
  std::filesystem::path record;  // for end_leftovers()
  std::string model;             // what {model} expands to
  LocalServer local;
};

struct ServerSeams {
  HttpClient& client;
  Clock& clock;
  std::function<Result<std::vector<std::uint16_t>>(std::size_t)> ports;
};

class ModelServer {
 public:
  // Copies, starts, waits until ready. Error{denied} when the server is to blame (it ended, or was not ready in time:
  // with its last words); other kinds when this machine is (no such program, disk full, interrupted). A server that
  // ended because its port was taken meanwhile is started again with others, three times in all.
  static Result<ModelServer> start(const ServerSpec& spec, const ServerSeams& seams);

  [[nodiscard]] const std::string& url() const { return url_; }  // "http://127.0.0.1:PORT"
  // Error{denied} with its last words when it has ended.
  [[nodiscard]] Status alive();
  [[nodiscard]] int session() const { return process_.pid(); }  // all that it started are in it (base/process.h)
  void end() { process_.end(); }

 private:
  ModelServer(ChildProcess process, std::string url) : process_(std::move(process)), url_(std::move(url)) {}
  ChildProcess process_;
  std::string url_;
};

// Copies a tree of regular files and folders; links are followed where they stay inside `from` and refused elsewhere.
[[nodiscard]] Status copy_files(const std::filesystem::path& from, const std::filesystem::path& to);
// The last lines of what a program printed, at most `lines` and 1 KiB, escaped for a terminal.
[[nodiscard]] std::string last_lines(const std::string& output, std::size_t lines = 5);

}  // namespace mlctl::validate
