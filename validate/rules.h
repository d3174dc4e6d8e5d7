// The rules of the static checks as data: what each one means and how to mend it (`mlctl validate --explain RULE`).
// A check names the rule that was broken and what it saw; severity and hint come from here.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/terminal.h"
#include "validate/report.h"

namespace mlctl::validate {

struct Rule {
  std::string_view id;
  Severity severity;
  std::string_view what;   // one line: what is wrong
  std::string_view means;  // why it matters
  std::string_view mend;   // what to do about it
};

[[nodiscard]] std::span<const Rule> rules();
[[nodiscard]] const Rule* find_rule(std::string_view id);
// What `--explain` prints. Error{usage} with the nearest rule for an unknown id.
[[nodiscard]] Result<std::string> explain_rule(std::string_view id, const Style& style);
[[nodiscard]] std::string list_rules(const Style& style);

// Collects what is wrong with one file. Of one rule the first twenty are kept; the rest is counted, so that a hostile
// file cannot fill a report.
class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}
  // `rule` must be one of rules(): a spelling mistake is a programmer's error.
  void add(std::string_view rule, std::string message);
  [[nodiscard]] bool empty() const { return kept_.empty(); }
  [[nodiscard]] const std::string& file() const { return file_; }
  // The findings in the order of adding, worst severity first, with "and N more" where some were left out.
  [[nodiscard]] std::vector<Finding> take();

 private:
  std::string file_;
  std::vector<Finding> kept_;
  std::map<std::string_view, std::uint64_t> counts_;  // keys point into rules()
};

// Critical and high findings fail, medium ones leave the question open, low ones are only told.
[[nodiscard]] Verdict verdict_of(const std::vector<Finding>& findings);

}  // namespace mlctl::validate
