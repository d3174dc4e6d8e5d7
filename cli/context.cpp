#include "cli/context.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "base/document.h"

namespace mlctl::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string json_text(const Json& data) {
  return data.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Context::~Context() = default;

void Context::print(const Json& data, const std::function<std::string(const Style&)>& text) {
  progress_.reset();  // what it has drawn goes before the result comes
  switch (format) {
    case OutputFormat::text:
      out << text(out_style);
      break;
    case OutputFormat::json:
      out << json_text(data);
      break;
    case OutputFormat::yaml:
      out << to_yaml(data);
      break;
  }
  out.flush();
}

void Context::note(const std::string& line) {
  if (!quiet) err << escape_control(line, true) << '\n' << std::flush;
}

void Context::detail(const std::string& line) {
  if (verbose) note(line);
}

int Context::fail(const Error& error) {
  const int code = exit_code(error.kind);
  out.flush();
  progress_.reset();
  if (format != OutputFormat::text) {
    Json told = {{"kind", to_string(error.kind)}, {"message", error.message}, {"exitCode", code}};
    if (!error.hint.empty()) told["hint"] = error.hint;
    const Json data = {{"schemaVersion", 1}, {"error", told}};
    err << (format == OutputFormat::json ? json_text(data) : to_yaml(data)) << std::flush;
    return code;
  }
  std::string message = escape_control(error.message, true);
  for (auto at = message.find('\n'); at != std::string::npos; at = message.find('\n', at + 3)) {
    message.replace(at, 1, "\n  ");
  }
  err << symbol(Symbol::fail, err_style) << " " << message << "\n";
  if (!error.hint.empty()) err << "\nhint: " << escape_control(error.hint, true) << "\n";
  err.flush();
  return code;
}

Progress& Context::progress() {
  if (picture != nullptr) return *picture;
  if (quiet || no_progress || progress_fd < 0) return mlctl::no_progress();
  const std::lock_guard lock(progress_mutex_);
  if (!progress_) progress_ = make_progress(progress_fd, err_style, false, clock);
  return *progress_;
}

}  // namespace mlctl::cli
