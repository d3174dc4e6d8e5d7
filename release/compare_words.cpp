#include "release/compare_words.h"

#include "validate/report.h"

namespace mlctl::release::compare_words {
namespace {

constexpr std::size_t value_limit = 80;  // code points of a value that is shown

std::string arrow(const std::string& before, const std::string& after) {
  if (before.empty()) return after;
  return after.empty() ? before : before + " -> " + after;
}

std::string cut(const std::string& value) {
  return cut_to_width(escape_control(value), value_limit, Style::plain());
}

std::string measured_text(const Measured& measured) {
  return validate::number_text(measured.value, measured.unit);
}

}  // namespace

Change change_of(bool before, bool after) {
  return !before ? Change::added : after ? Change::changed : Change::removed;
}

std::string head_of(const ComparedSide& before, const ComparedSide& after) {
  const auto name = [](const ComparedSide& side) { return side.version.empty() ? side.digest.brief() : side.version; };
  return before.model + " " + name(before) + " -> " + (before.model == after.model ? "" : after.model + " ") +
         name(after);
}

std::string sizes(std::uint64_t before, std::uint64_t after) {
  if (before == after) return human_bytes(before);
  const auto difference = before < after ? "+" + human_bytes(after - before) : "-" + human_bytes(before - after);
  return human_bytes(before) + " -> " + human_bytes(after) + " (" + difference + ")";
}

std::string file_words(const FileChange& change) {
  const auto side = [](const std::optional<registry::PackedFile>& file) {
    if (!file) return std::string();
    return file->link.empty() ? human_bytes(file->size) : "link to " + file->link;
  };
  std::string text;
  if (change.change == Change::renamed) text = "from " + change.from + ", " + side(change.after);
  if (change.change == Change::mode) text = change.after->executable ? "now executable" : "no more executable";
  if (!text.empty()) return text;
  text = arrow(side(change.before), side(change.after));
  if (change.before && change.after && side(change.before) == side(change.after)) text = side(change.after);
  if (change.before && change.after && change.before->executable != change.after->executable)
    text += change.after->executable ? ", now executable" : ", no more executable";
  return text;
}

std::string shown(const ValueChange& change) {
  return arrow(change.before ? cut(*change.before) : "", change.after ? cut(*change.after) : "");
}

std::string both(const TensorChange& change) {
  return arrow(escape_control(change.before), escape_control(change.after));
}

std::string both(const MetricChange& change) {
  std::string text = escape_control(
      arrow(change.before ? measured_text(*change.before) : "", change.after ? measured_text(*change.after) : ""));
  if (!change.before || !change.after || change.before->unit != change.after->unit) return text;
  const double difference = change.after->value - change.before->value;
  return text + " (" + (difference < 0 ? "" : "+") +
         escape_control(validate::number_text(difference, change.after->unit)) + ")";
}

}  // namespace mlctl::release::compare_words
