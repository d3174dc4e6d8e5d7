// The hold-out set: a CSV file (RFC 4180) with a header, read row by row; however long the file, memory is one row.
#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mlctl::validate {

struct HoldoutRow {
  std::vector<double> features;  // in the order of the columns
  std::string label;
  std::vector<std::string> slices;  // in the order asked for
};

class Holdout {
 public:
  // `features`: how many columns the model takes; slices count as features when that is what makes the number right,
  // 0 takes all columns but label and slices. `datatype`: of the tensor that the rows will be sent in. Error{usage}
  // when columns are missing or do not add up, and for a datatype that takes no numbers.
  static Result<Holdout> open(const std::filesystem::path& path, const std::string& label,
                              const std::vector<std::string>& slices, std::size_t features,
                              const std::string& datatype = "FP64");

  // The next row, or nullopt at the end. Error{usage} with the line: too few or many fields, a field that is no finite
  // number or none of the datatype, a quote that does not end, a row of more than 1 MiB.
  [[nodiscard]] Result<std::optional<HoldoutRow>> next();
  [[nodiscard]] std::size_t features() const { return feature_columns_.size(); }

 private:
  Holdout() = default;
  Result<bool> read_record();  // into fields_; false at the end
  [[nodiscard]] Status map_columns(const std::string& label, const std::vector<std::string>& slices,
                                   std::size_t features);
  [[nodiscard]] mlctl::Error error(const std::string& message) const;

  std::ifstream file_;
  std::string name_;
  std::uint64_t line_ = 0;  // of the last line read
  std::vector<std::string> fields_;
  std::size_t columns_ = 0;
  std::size_t label_column_ = 0;
  std::vector<std::size_t> feature_columns_, slice_columns_;
  std::vector<std::string> feature_names_;
  std::string datatype_;
};

}  // namespace mlctl::validate
