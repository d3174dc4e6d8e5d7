// A comparison for a pull request.
#include "release/compare.h"
#include "release/compare_words.h"
#include "validate/markdown.h"

namespace mlctl::release {
namespace {

using compare_words::change_of;
using validate::markdown_text;

class Table {
 public:
  Table(std::string title, std::string summary, bool all)
      : title_(std::move(title)), summary_(std::move(summary)), all_(all) {}

  void row(Change change, const std::string& name, const std::string& what) {
    if (!all_ && ++rows_ > lines_shown) return;
    text_ += std::string("| ") + to_string(change) + " | " + markdown_text(name) + " | " + markdown_text(what) + " |\n";
  }
  // "" without rows.
  [[nodiscard]] std::string text(const char* column) const {
    if (text_.empty() && summary_.empty()) return "";
    std::string out = "\n**" + title_ + "**" + (summary_.empty() ? "" : ": " + markdown_text(summary_)) + "\n";
    if (!text_.empty()) out += std::string("\n| | ") + column + " | |\n| --- | --- | --- |\n" + text_;
    if (rows_ > lines_shown) out += "\nand " + std::to_string(rows_ - lines_shown) + " more\n";
    return out;
  }

 private:
  std::string title_, summary_, text_;
  bool all_;
  std::size_t rows_ = 0;
};

std::string values(const std::string& title, const std::vector<ValueChange>& changes, bool all) {
  if (changes.empty()) return "";
  Table table(title, "", all);
  for (const auto& change : changes)
    table.row(change_of(change.before.has_value(), change.after.has_value()), change.key, compare_words::shown(change));
  return table.text("key");
}

std::string tensors(const TensorGroup& group, bool all) {
  if (!group.unread.empty())
    return "\n**Tensors** of " + markdown_text(group.where) + ": not compared: " + markdown_text(group.unread) + "\n";
  Table table("Tensors", group.where + ": " + compare_words::summary_of(group.changes, group.same), all);
  if (group.one_sided && !all) return table.text("");
  for (const auto& change : group.changes) table.row(change.change, change.name, compare_words::both(change));
  return table.text("tensor") + values("Header of " + markdown_text(group.where), group.metadata, all);
}

}  // namespace

std::string to_markdown(const Comparison& comparison, bool all) {
  const auto &a = comparison.before, &b = comparison.after;
  std::string text = "### " + markdown_text(compare_words::head_of(a, b)) + "\n\n";
  text += "| | before | after |\n| --- | --- | --- |\n| digest | `" + to_string(a.digest) + "` | `" +
          to_string(b.digest) + "` |\n| size | " + human_bytes(a.bytes) + " | " + human_bytes(b.bytes) +
          " |\n| files | " + std::to_string(a.files) + " | " + std::to_string(b.files) + " |\n";
  if (comparison.equal()) return text + "\nNothing differs.\n";
  if (!comparison.files.empty()) {
    Table files("Files", compare_words::summary_of(comparison.files, comparison.same_files), all);
    for (const auto& change : comparison.files)
      files.row(change.change, change.path, compare_words::file_words(change));
    text += files.text("file");
  }
  for (const auto& group : comparison.tensors) text += tensors(group, all);
  text += values("Metadata", comparison.metadata, all);
  if (comparison.metrics.empty()) return text;
  Table metrics("Metrics", "", all);
  for (const auto& change : comparison.metrics)
    metrics.row(change_of(change.before.has_value(), change.after.has_value()), change.name,
                compare_words::both(change));
  return text + metrics.text("metric");
}

}  // namespace mlctl::release
