// What every command gets: where to write, how, and from which folder. The composition root names the concrete streams
// and the clock; tests give their own.
#pragma once
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/terminal.h"

namespace mlctl::cli {

enum class OutputFormat { text, json, yaml };

class Context {
 public:
  Context(std::ostream& results, std::ostream& messages, Style results_style, Style messages_style, Clock& time)
      : out(results), err(messages), out_style(results_style), err_style(messages_style), clock(time) {}
  ~Context();

  std::ostream& out;  // results
  std::ostream& err;  // everything else
  Style out_style;
  Style err_style;
  Clock& clock;

  // Options that every command has.
  OutputFormat format = OutputFormat::text;
  std::filesystem::path project = ".";  // where the search for mlctl.yaml begins
  bool quiet = false;
  bool verbose = false;
  bool no_progress = false;
  bool dry_run = false;
  bool plain_http = false;  // registries behind a network are spoken to without TLS
  std::string ca_file;      // PEM; trusted instead of the system's certificates; "": those
  std::string stall_timeout = "60s";
  std::string timeout;          // of all requests to registries behind a network; "": none
  int progress_fd = -1;         // where progress is drawn; -1: nowhere
  Progress* picture = nullptr;  // draws it instead, as long as it is there

  // Writes a result in the format asked for: `data` as JSON or YAML, or what `text` makes of it for people. Strings in
  // the text that come from outside are the caller's to escape (escape_control).
  void print(const nlohmann::ordered_json& data, const std::function<std::string(const Style&)>& text);
  // A line on stderr for people; nothing when --quiet.
  void note(const std::string& line);
  // The same, only when --verbose.
  void detail(const std::string& line);
  // Prints "✗ message", then "hint: …" (or one JSON object when JSON or YAML is asked for) to stderr, escaped, and
  // returns the exit code of its kind.
  [[nodiscard]] int fail(const Error& error);
  // Nothing with --quiet and --no-progress; lines that do not move where nobody looks.
  [[nodiscard]] Progress& progress();

 private:
  std::mutex progress_mutex_;  // over the making of it
  std::unique_ptr<Progress> progress_;
};

}  // namespace mlctl::cli
