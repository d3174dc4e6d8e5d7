#include "validate/holdout.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/filesystem.h"
#include "validate/protocol.h"
#include "validate/report.h"

namespace mlctl::validate {
namespace {

constexpr std::size_t largest_row = 1U << 20U;
constexpr std::size_t most_columns = 100'000;

Result<double> number_of(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  const auto last = text.find_last_not_of(" \t");
  double value = 0;
  const auto* begin = text.data() + (first == std::string::npos ? text.size() : first);
  const auto* end = text.data() + (last == std::string::npos ? text.size() : last + 1);
  if (begin != end && *begin == '+') ++begin;
  const auto [stop, code] = std::from_chars(begin, end, value);
  if (code != std::errc() || stop != end || !std::isfinite(value)) {
    return Error{
        .kind = Error::Kind::usage, .message = "'" + text.substr(0, 40) + "' is not a finite number", .hint = ""};
  }
  return value;
}

}  // namespace

Error Holdout::error(const std::string& message) const {
  return {.kind = Error::Kind::usage, .message = name_ + ":" + std::to_string(line_) + ": " + message, .hint = ""};
}

Result<Holdout> Holdout::open(const std::filesystem::path& path, const std::string& label,
                              const std::vector<std::string>& slices, std::size_t features,
                              const std::string& datatype) {
  Holdout holdout;
  holdout.name_ = path.filename().string();
  holdout.datatype_ = datatype;
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) {
    return Error{.kind = Error::Kind::usage,
                 .message = holdout.name_ + ": the hold-out set is not there, or no file",
                 .hint = "commit it beside model.yaml, or change gate.accuracy.data"};
  }
  holdout.file_.open(path, std::ios::binary);
  if (!holdout.file_) return system_error(errno, "cannot read", path);
  auto header = holdout.read_record();
  if (!header) return header.error();
  if (!*header) return holdout.error("the file is empty");
  if (holdout.fields_.front().rfind("\xEF\xBB\xBF", 0) == 0) holdout.fields_.front().erase(0, 3);
  if (auto status = holdout.map_columns(label, slices, features); !status) return status.error();
  if (auto status = holds_number(datatype, 0); !status) {
    return holdout.error("rows of numbers cannot be sent to the model's input: " + status.error().message);
  }
  return holdout;
}

Status Holdout::map_columns(const std::string& label, const std::vector<std::string>& slices, std::size_t features) {
  columns_ = fields_.size();
  const auto column = [&](const std::string& name) -> Result<std::size_t> {
    const auto found = std::find(fields_.begin(), fields_.end(), name);
    if (found == fields_.end()) return error("there is no column '" + name + "'");
    if (std::find(found + 1, fields_.end(), name) != fields_.end())
      return error("two columns are called '" + name + "'");
    return static_cast<std::size_t>(found - fields_.begin());
  };
  auto label_column = column(label);
  if (!label_column) return label_column.error();
  label_column_ = *label_column;
  for (const auto& slice : slices) {
    auto found = column(slice);
    if (!found) return found.error();
    slice_columns_.push_back(*found);
  }
  const bool with_slices = features != 0 && features == columns_ - 1;
  for (std::size_t i = 0; i < columns_; ++i) {
    const bool slice = std::find(slice_columns_.begin(), slice_columns_.end(), i) != slice_columns_.end();
    if (i == label_column_ || (slice && !with_slices)) continue;
    feature_columns_.push_back(i);
    feature_names_.push_back(fields_[i].substr(0, 40));
  }
  if (feature_columns_.empty()) return error("no column is left for the features");
  if (features != 0 && feature_columns_.size() != features) {
    return error("the model takes " + count_text(features, "feature") + ", the file has " +
                 count_text(feature_columns_.size(), "column") + " for them");
  }
  return ok();
}

// A record may span lines where a quoted field does.
Result<bool> Holdout::read_record() {
  fields_.clear();
  std::string field;
  std::size_t size = 0;
  bool quoted = false;      // inside quotes
  bool was_quoted = false;  // this field began with one
  ++line_;
  for (int c = file_.get();; c = file_.get()) {
    if (c == std::char_traits<char>::eof()) {
      if (file_.bad()) return error("cannot be read");
      if (quoted) return error("a quote that does not end");
      if (size == 0) return false;
      c = '\n';
    }
    if (++size > largest_row) return error("a row of more than 1 MiB");
    if (quoted) {
      if (c == '\n') ++line_;
      if (c != '"')
        field += static_cast<char>(c);
      else if (file_.peek() == '"')
        field += static_cast<char>(file_.get());
      else
        quoted = false;
    } else if (c == '"' && field.empty() && !was_quoted) {
      quoted = was_quoted = true;
    } else if (c == ',' || c == '\n') {
      if (c == '\n' && !field.empty() && field.back() == '\r') field.pop_back();
      fields_.push_back(std::exchange(field, {}));
      was_quoted = false;
      if (fields_.size() > most_columns) return error("more than 100,000 columns");
      if (c == ',') continue;
      if (fields_.size() > 1 || !fields_.front().empty()) return true;
      fields_.clear();  // an empty line
      size = 0;
      ++line_;
    } else {
      field += static_cast<char>(c);
    }
  }
}

Result<std::optional<HoldoutRow>> Holdout::next() {
  auto read = read_record();
  if (!read) return read.error();
  if (!*read) return std::optional<HoldoutRow>();
  if (fields_.size() != columns_) {
    return error(count_text(fields_.size(), "field") + ", the header has " + std::to_string(columns_));
  }
  HoldoutRow row;
  row.features.reserve(feature_columns_.size());
  for (std::size_t i = 0; i < feature_columns_.size(); ++i) {
    const auto column = feature_columns_[i];
    const auto where = [&] { return "field " + std::to_string(column + 1) + " (" + feature_names_[i] + "): "; };
    auto number = number_of(fields_[column]);
    if (!number) return error(where() + number.error().message);
    if (auto status = holds_number(datatype_, *number); !status) {
      return error(where() + "'" + fields_[column].substr(0, 40) + "' is " + status.error().message +
                   ", which the model's input takes");
    }
    row.features.push_back(*number);
  }
  row.label = fields_[label_column_];
  for (const auto column : slice_columns_) row.slices.push_back(fields_[column]);
  return std::optional<HoldoutRow>(std::move(row));
}

}  // namespace mlctl::validate
