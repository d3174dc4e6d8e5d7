// mlctl validate: static checks of files that nobody has loaded yet.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/filesystem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/workplace.h"
#include "release/check_files.h"
#include "release/served.h"
#include "validate/html.h"
#include "validate/rules.h"

namespace mlctl::cli {
namespace {

struct ValidateOptions {
  std::string target;
  std::optional<std::string> rule, html;
};

nlohmann::ordered_json as_json(const validate::Rule& rule) {
  return {{"rule", rule.id},
          {"severity", to_string(rule.severity)},
          {"what", rule.what},
          {"means", rule.means},
          {"mend", rule.mend}};
}

int explain(const std::string& id, Context& context) {
  if (id == "list") {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const auto& rule : validate::rules()) all.push_back(as_json(rule));
    context.print({{"schemaVersion", 1}, {"rules", all}}, validate::list_rules);
    return 0;
  }
  auto text = validate::explain_rule(id, context.out_style);
  if (!text) return context.fail(text.error());
  auto json = as_json(*validate::find_rule(id));
  json["schemaVersion"] = 1;
  context.print(json, [&](const Style&) { return *text; });
  return 0;
}

Error unreadable(std::string message, std::string hint) {
  return {Error::Kind::unavailable, std::move(message), std::move(hint)};
}

// No model's name begins like a path or ends like a file; a reference has its sign.
bool looks_like_file(const std::string& target) {
  if (target.starts_with('/') || target.starts_with("./") || target.starts_with("../")) return true;
  return target.find_first_of("@#") == std::string::npos && std::filesystem::path(target).has_extension();
}

Result<validate::Report> check(const std::string& target, Context& context) {
  namespace fs = std::filesystem;
  std::error_code code;
  const auto status = fs::status(target, code);
  const bool exists = fs::exists(status);
  if (exists && !fs::is_regular_file(status) && !fs::is_directory(status)) {
    return unreadable(target + " is not a regular file", "save its bytes in a file first, and name that");
  }
  if (status.type() == fs::file_type::none) return unreadable("cannot read " + target + ": " + code.message(), "");
  if (!exists && looks_like_file(target)) return unreadable("no such file: " + target, "");
  if (exists && !fs::exists(fs::path(target) / "model.yaml", code)) {
    return release::check_path(target, context.progress(), context.clock);
  }
  auto place = open_loosely(context, target);
  if (!place) return place.error();
  if (exists || target.find_first_of("@#") == std::string::npos) {
    auto model = release::find_model(place->project, target);
    if (!model) return model.error();
    if (auto served = release::check_served(place->project, **model); !served) return served.error();
    return release::check_model(place->project, **model, place->git.get(), context.progress(), context.clock);
  }
  auto found = release::find_agreed(place->project, *place->store, place->git.get(), target);
  if (!found) return found.error();
  return release::check_version(*place->store, *found, context.progress(), context.clock);
}

// A report may be made anew; whatever else stands there is somebody's.
Status may_write_page(const std::string& path) {
  constexpr std::uint64_t limit = 256U << 20U;
  std::error_code code;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, code))) return ok();
  const auto text = read_file(path, limit);
  if (text && (text->empty() || validate::is_page(*text))) return ok();
  return Error{Error::Kind::usage, "--html " + path + ": is there, and is no report",
               "name another file, or move it out of the way"};
}

int run_validate(const ValidateOptions& options, Context& context) {
  if (options.rule) return explain(*options.rule, context);
  if (options.target.empty()) {
    return context.fail({Error::Kind::usage, "say what to validate: a file, a folder, a model or a version",
                         "mlctl validate models/credit-risk"});
  }
  if (options.html)
    if (auto may = may_write_page(*options.html); !may) return context.fail(may.error());
  auto report = check(options.target, context);
  if (!report) return context.fail(report.error());
  if (options.html) {
    auto written = write_file(*options.html, validate::to_html(validate::page_of(*report)));
    if (!written) return context.fail(written.error());
    context.note("report: " + *options.html);
  }
  context.print(validate::to_json(*report), [&](const Style& style) { return validate::to_text(*report, style); });
  return validate::exit_code(validate::overall(*report));
}

}  // namespace

Command validate_command() {
  auto options = std::make_shared<ValidateOptions>();
  return {
      .name = "validate",
      .group = Group::checks,
      .summary = "Check a model's files without loading them: format, structure, malicious content",
      .description =
          "Every file that counts as weights is read to its end by the check of its format: safetensors, GGUF, ONNX,\n"
          "XGBoost (JSON, UBJSON) and pickle. Weights of any other format fail. Nothing is loaded or run.\n"
          "Exit 0 pass, 1 fail or nothing to check, 3 unreadable, 5 a person should look.",
      .examples = {{"a model of this project", "mlctl validate models/credit-risk"},
                   {"a file from somewhere", "mlctl validate ~/Downloads/model.pkl"},
                   {"a version in the registry", "mlctl validate credit-risk@v1.2.0"},
                   {"what a rule means", "mlctl validate --explain pickle-dangerous-import"}},
      .arguments = {{.name = "PATH|REF",
                     .help = "a file, a folder, MODEL, MODEL@V, MODEL@sha256:… or MODEL#ENV",
                     .target = &options->target,
                     .path = true}},
      .options = {{.name = "explain",
                   .value = "RULE",
                   .help = "what a rule means and how to mend what it found; `list` names all",
                   .target = &options->rule},
                  {.name = "html",
                   .value = "FILE",
                   .help = "also write the report as one HTML file",
                   .target = &options->html,
                   .path = true}},
      .run = [options](Context& context) { return run_validate(*options, context); }};
}

}  // namespace mlctl::cli
