#include "validate/files.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include "base/filesystem.h"
#include "base/interrupt.h"
#include "validate/formats/gguf.h"
#include "validate/formats/input.h"
#include "validate/formats/onnx.h"
#include "validate/formats/pickle.h"
#include "validate/formats/safetensors.h"
#include "validate/formats/xgboost.h"
#include "validate/rules.h"

namespace mlctl::validate {
namespace {

using registry::Format;
using registry::ModelFile;

// What the checks of one model share.
struct Model {
  std::map<std::string, const ModelFile*> by_path;
  std::filesystem::path folder;
  std::set<std::string> referenced;  // files that hold tensors of an ONNX model
  bool lone = false;                 // a file of no model: what lies beside it counts too
};

// `path` has no part that leads upwards; a folder on the way that is a link may.
std::optional<Neighbour> beside(const std::filesystem::path& folder, const std::string& path) {
  struct stat status{};
  if (::lstat((folder / path).c_str(), &status) != 0) return std::nullopt;
  return Neighbour{.size = static_cast<std::uint64_t>(status.st_size),
                   .link = !S_ISREG(status.st_mode) || !lies_within(folder / path, folder),
                   .several_names = status.st_nlink != 1};
}

std::optional<Neighbour> neighbour(const Model& model, const std::string& path) {
  const auto found = model.by_path.find(path);
  if (found == model.by_path.end()) return model.lone ? beside(model.folder, path) : std::nullopt;
  Neighbour out{.size = found->second->size, .link = !found->second->link.empty()};
  if (model.folder.empty()) return out;
  struct stat status{};
  const bool seen = ::lstat((model.folder / path).c_str(), &status) == 0;
  out.link = out.link || !seen || !S_ISREG(status.st_mode);
  out.several_names = seen && status.st_nlink != 1;
  return out;
}

struct FormatCheck {
  Format format;
  std::string_view name;
  std::string (*check)(Input&, Findings&, Model&);
};
constexpr std::array format_checks{
    FormatCheck{Format::safetensors, "safetensors",
                [](Input& in, Findings& findings, Model&) { return check_safetensors(in, findings); }},
    FormatCheck{Format::gguf, "GGUF", [](Input& in, Findings& findings, Model&) { return check_gguf(in, findings); }},
    FormatCheck{Format::onnx, "ONNX",
                [](Input& in, Findings& findings, Model& model) {
                  return check_onnx(
                      in, [&](const std::string& path) { return neighbour(model, path); }, model.referenced, findings);
                }},
    FormatCheck{Format::xgboost_json, "XGBoost JSON",
                [](Input& in, Findings& findings, Model&) { return check_xgboost_json(in, findings); }},
    FormatCheck{Format::xgboost_ubj, "XGBoost UBJSON",
                [](Input& in, Findings& findings, Model&) { return check_xgboost_ubj(in, findings); }},
    FormatCheck{Format::pickle, "pickle",
                [](Input& in, Findings& findings, Model&) { return check_pickle(in, findings); }},
};

const FormatCheck* find_check(Format format) {
  const auto* found =
      std::find_if(format_checks.begin(), format_checks.end(), [&](const auto& row) { return row.format == format; });
  return found == format_checks.end() ? nullptr : found;
}

struct Claim {
  std::string_view extension;
  std::array<Format, 2> formats;
};
// Extensions that promise a format of weights.
constexpr std::array claims{
    Claim{".safetensors", {Format::safetensors, Format::safetensors}},
    Claim{".gguf", {Format::gguf, Format::gguf}},
    Claim{".onnx", {Format::onnx, Format::onnx}},
    Claim{".ubj", {Format::xgboost_ubj, Format::xgboost_ubj}},
    Claim{".json", {Format::json, Format::xgboost_json}},
    Claim{".pkl", {Format::pickle, Format::pickle}},
    Claim{".pickle", {Format::pickle, Format::pickle}},
    Claim{".pt", {Format::pytorch_zip, Format::pickle}},
    Claim{".pth", {Format::pytorch_zip, Format::pickle}},
};
constexpr std::array<std::string_view, 18> text_extensions{".py",  ".sh",   ".md",   ".rst", ".txt", ".yaml",
                                                           ".yml", ".toml", ".ini",  ".cfg", ".csv", ".tsv",
                                                           ".htm", ".svg",  ".html", ".png", ".jpg", ".jpeg"};

std::string extension_of(const std::string& path) {
  auto text = std::filesystem::path(path).extension().string();
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

void check_extension(const ModelFile& file, Findings& findings) {
  const auto extension = extension_of(file.path);
  const auto* claim =
      std::find_if(claims.begin(), claims.end(), [&](const Claim& row) { return row.extension == extension; });
  const bool promised = claim != claims.end() && claim->formats[0] != file.format && claim->formats[1] != file.format;
  const bool hidden = registry::role_of(file.format) == registry::Role::weights && file.format != Format::unknown &&
                      std::find(text_extensions.begin(), text_extensions.end(), extension) != text_extensions.end();
  if (promised || hidden)
    findings.add("extension-mismatch",
                 "named " + extension + ", but the content is " + registry::to_string(file.format));
}

// Opens a file for a check; nullopt when it cannot be opened (why is in `trouble`).
std::optional<Input> open_input(const ModelFile& file, std::optional<Error>& trouble) {
  auto opened = file.open();
  if (!opened) {
    trouble = opened.error();
    return std::nullopt;
  }
  std::shared_ptr<registry::ByteSource> source = std::move(*opened);
  return Input(
      [source](char* into, std::size_t size) -> Result<std::size_t> {
        if (interrupted()) return interrupted_error();
        return source->read(into, size);
      },
      file.size);
}

Check finish(const std::string& name, std::string reason, Findings& findings) {
  Check check{name, Verdict::pass, std::move(reason), findings.take(), {}};
  check.verdict = verdict_of(check.findings);
  if (check.verdict != Verdict::pass) check.reason = check.findings.front().message;
  return check;
}

Check unreadable(const std::string& name, const Error& why) {
  return {name, Verdict::error, "could not be read: " + why.message, {}, {}};
}

Check check_weights(const ModelFile& file, Model& model) {
  Findings findings(file.path);
  std::string summary;
  const auto* format = find_check(file.format);
  check_extension(file, findings);
  if (file.executable) findings.add("executable-weights", "mode 0755");
  if (file.size == 0) {
    findings.add("empty-weights", "0 bytes");
  } else if (format != nullptr) {
    std::optional<Error> trouble;
    auto in = open_input(file, trouble);
    if (in) summary = format->check(*in, findings, model);
    if (in && in->trouble()) trouble = in->trouble();
    if (trouble) return unreadable(file.path, *trouble);
    summary = std::string(format->name) + ", " + summary + ", " + human_bytes(file.size);
  } else if (model.referenced.contains(file.path)) {
    summary = "holds tensors of an ONNX model, " + human_bytes(file.size);
  } else {
    std::string known;
    for (const auto& name : checkable_formats()) known += (known.empty() ? "" : ", ") + name;
    findings.add("unknown-format",
                 (file.format == Format::unknown ? "the content is none of "
                                                 : std::string(registry::to_string(file.format)) + " is none of ") +
                     known);
  }
  return finish(file.path, summary, findings);
}

// Everything that is no weights: it is not judged, but must not be a program that Python would load.
Check check_others(const std::vector<const ModelFile*>& files) {
  std::vector<Finding> found;
  for (const auto* file : files) {
    Findings findings(file->path);
    check_extension(*file, findings);
    std::optional<Error> trouble;
    auto in = open_input(*file, trouble);
    if (in && is_acting_pickle(*in))
      findings.add("pickle-disguised", "its bytes import or call something when Python unpickles them");
    if (in && in->trouble()) trouble = in->trouble();
    if (trouble) return unreadable(file->path, *trouble);
    for (auto& finding : findings.take()) found.push_back(std::move(finding));
  }
  Check check{"other files", verdict_of(found), "", std::move(found), {}};
  check.reason = check.verdict == Verdict::pass
                     ? count_text(files.size(), "file") + ": no pickle in disguise; code and text are not judged"
                     : check.findings.front().file + ": " + check.findings.front().message;
  return check;
}

// A role given by hand spares bytes that nobody knows, never a format of weights, whether it can be checked or not.
bool is_weights(const ModelFile& file) {
  return file.role == registry::Role::weights ||
         (file.format != Format::unknown && registry::role_of(file.format) == registry::Role::weights);
}

// Model files that name others come first, so that those are known when their turn comes.
std::vector<const ModelFile*> in_order(const std::vector<ModelFile>& files) {
  std::vector<const ModelFile*> order;
  for (const auto& file : files) {
    if (is_weights(file) && file.link.empty()) order.push_back(&file);
  }
  std::stable_partition(order.begin(), order.end(), [](const ModelFile* file) { return file->format == Format::onnx; });
  return order;
}

}  // namespace

std::vector<std::string> checkable_formats() {
  std::vector<std::string> names;
  for (const auto& row : format_checks) names.emplace_back(row.name);
  return names;
}

namespace {

Report check_files(Model model, const std::vector<ModelFile>& files, Progress& progress, Clock& clock) {
  Report report;
  report.kind = "validate";
  report.started = clock.wall();
  report.machine["mlctl"] = MLCTL_VERSION;
  std::vector<const ModelFile*> others;
  for (const auto& file : files) {
    model.by_path[file.path] = &file;
    if (!is_weights(file) && file.link.empty()) others.push_back(&file);
  }
  progress.step("validate");
  for (const auto* file : in_order(files)) {
    progress.update(escape_control(file->path));
    report.checks.push_back(check_weights(*file, model));
  }
  if (report.checks.empty()) report.checks.push_back({"weights", Verdict::skipped, "no file holds weights", {}, {}});
  std::sort(report.checks.begin(), report.checks.end(), [](const Check& a, const Check& b) { return a.name < b.name; });
  if (!others.empty()) report.checks.push_back(check_others(others));
  report.finished = clock.wall();
  const auto verdict = overall(report);
  progress.finish(symbol_of(verdict), count_text(report.checks.size(), "check") + ", " + to_string(verdict));
  return report;
}

}  // namespace

Report validate_files(const std::filesystem::path& folder, const std::vector<ModelFile>& files, Progress& progress,
                      Clock& clock) {
  return check_files({.by_path = {}, .folder = folder, .referenced = {}}, files, progress, clock);
}

Report validate_lone_file(const std::filesystem::path& folder, const ModelFile& file, Progress& progress,
                          Clock& clock) {
  return check_files({.by_path = {}, .folder = folder, .referenced = {}, .lone = true}, {file}, progress, clock);
}

}  // namespace mlctl::validate
