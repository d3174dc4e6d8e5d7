// A comparison for people at a terminal, and as data.
#include <nlohmann/json.hpp>

#include "release/compare.h"
#include "release/compare_words.h"

namespace mlctl::release {
namespace {

using Json = nlohmann::ordered_json;
using compare_words::file_words;
using compare_words::shown;
using compare_words::summary_of;

Tone tone_of(Change change) {
  switch (change) {
    case Change::added:
      return Tone::good;
    case Change::removed:
      return Tone::bad;
    default:
      return Tone::warn;
  }
}

std::string title(const std::string& name, const std::string& summary, const Style& style) {
  return "\n" + paint(name, Tone::strong, style) + (summary.empty() ? "" : "  " + summary) + "\n";
}

// The first lines, and how many there are behind them.
std::string lines(Rows rows, bool all, const Style& style) {
  const auto more = all || rows.size() <= lines_shown ? 0 : rows.size() - lines_shown;
  rows.resize(rows.size() - more);
  std::string text = render_table({}, rows, style);
  if (more > 0) text += paint("  and " + std::to_string(more) + " more: --all", Tone::dim, style) + "\n";
  return text;
}

constexpr std::size_t digest_width = 71;  // "sha256:" and 64 digits

std::string word(Change change, const Style& style) {
  return "  " + paint(to_string(change), tone_of(change), style);
}

std::string files_text(const Comparison& comparison, bool all, const Style& style) {
  Rows rows;
  for (const auto& change : comparison.files)
    rows.push_back({word(change.change, style), escape_control(change.path), escape_control(file_words(change))});
  return title("Files", summary_of(comparison.files, comparison.same_files), style) + lines(rows, all, style);
}

std::string values_text(const char* name, const std::string& of, const std::vector<ValueChange>& changes, bool all,
                        const Style& style) {
  if (changes.empty()) return "";
  Rows rows;
  for (const auto& change : changes) {
    const auto kind = compare_words::change_of(change.before.has_value(), change.after.has_value());
    rows.push_back({word(kind, style), escape_control(change.key), shown(change)});
  }
  return title(name, of, style) + lines(rows, all, style);
}

std::string tensors_text(const TensorGroup& group, bool all, const Style& style) {
  if (!group.unread.empty())
    return title("Tensors", escape_control(group.where), style) + "  not compared: " + escape_control(group.unread) +
           "\n";
  auto text = title("Tensors", escape_control(group.where) + ": " + summary_of(group.changes, group.same), style);
  if (group.one_sided && !all) return text;
  Rows rows;
  for (const auto& change : group.changes)
    rows.push_back({word(change.change, style), escape_control(change.name), compare_words::both(change)});
  return text + lines(rows, all, style) +
         values_text("Header", escape_control(group.where), group.metadata, all, style);
}

std::string metrics_text(const std::vector<MetricChange>& changes, bool all, const Style& style) {
  if (changes.empty()) return "";
  Rows rows;
  for (const auto& change : changes) {
    const auto kind = compare_words::change_of(change.before.has_value(), change.after.has_value());
    rows.push_back({word(kind, style), escape_control(change.name), compare_words::both(change)});
  }
  return title("Metrics", "", style) + lines(rows, all, style);
}

Json side_json(const ComparedSide& side) {
  return {{"model", side.model},
          {"version", side.version},
          {"digest", to_string(side.digest)},
          {"bytes", side.bytes},
          {"files", side.files}};
}

Json file_json(const std::optional<registry::PackedFile>& file) {
  if (!file) return nullptr;
  if (!file->link.empty()) return {{"link", file->link}};
  return {{"bytes", file->size}, {"digest", to_string(file->digest)}, {"executable", file->executable}};
}

Json values_json(const std::vector<ValueChange>& changes) {
  Json list = Json::array();
  for (const auto& change : changes)
    list.push_back({{"key", change.key},
                    {"before", change.before ? Json(*change.before) : Json()},
                    {"after", change.after ? Json(*change.after) : Json()}});
  return list;
}

Json tensors_json(const TensorGroup& group) {
  Json changes = Json::array();
  for (const auto& change : group.changes)
    changes.push_back({{"change", to_string(change.change)},
                       {"name", change.name},
                       {"before", change.before.empty() ? Json() : Json(change.before)},
                       {"after", change.after.empty() ? Json() : Json(change.after)}});
  Json json = {
      {"where", group.where}, {"same", group.same}, {"changes", changes}, {"metadata", values_json(group.metadata)}};
  if (!group.unread.empty()) json["notCompared"] = group.unread;
  return json;
}

Json measured_json(const std::optional<Measured>& measured) {
  if (!measured) return nullptr;
  return {{"value", measured->value}, {"unit", measured->unit}};
}

}  // namespace

std::string to_text(const Comparison& comparison, bool all, const Style& style) {
  const auto &a = comparison.before, &b = comparison.after;
  std::string text = paint(compare_words::head_of(a, b), Tone::strong, style) + "\n";
  Rows rows = {{"  before", to_string(a.digest)}, {"  after", to_string(b.digest)}};
  if (a.digest == b.digest) rows = {{"  both", to_string(a.digest)}};
  rows.push_back({"  size", compare_words::sizes(a.bytes, b.bytes)});
  // Digests are never cut: one blank instead of two, and they end where 80 columns end.
  const std::size_t label = a.digest == b.digest ? 6 : 8;
  const bool narrow = style.terminal && style.width < label + 2 + digest_width;
  for (const auto& row : rows)
    text += row[0] + std::string(label - row[0].size() + (narrow ? 1 : 2), ' ') + row[1] + "\n";
  if (!comparison.files.empty()) text += files_text(comparison, all, style);
  for (const auto& group : comparison.tensors) text += tensors_text(group, all, style);
  text += values_text("Metadata", "", comparison.metadata, all, style);
  return text + metrics_text(comparison.metrics, all, style);
}

Json to_json(const Comparison& comparison) {
  Json files = Json::array(), tensors = Json::array(), metrics = Json::array();
  for (const auto& change : comparison.files) {
    files.push_back({{"change", to_string(change.change)},
                     {"path", change.path},
                     {"before", file_json(change.before)},
                     {"after", file_json(change.after)}});
    if (!change.from.empty()) files.back()["from"] = change.from;
  }
  for (const auto& group : comparison.tensors) tensors.push_back(tensors_json(group));
  for (const auto& change : comparison.metrics)
    metrics.push_back(
        {{"name", change.name}, {"before", measured_json(change.before)}, {"after", measured_json(change.after)}});
  return {{"schemaVersion", 1},
          {"equal", comparison.equal()},
          {"before", side_json(comparison.before)},
          {"after", side_json(comparison.after)},
          {"files", files},
          {"sameFiles", comparison.same_files},
          {"tensors", tensors},
          {"metadata", values_json(comparison.metadata)},
          {"metrics", metrics}};
}

}  // namespace mlctl::release
