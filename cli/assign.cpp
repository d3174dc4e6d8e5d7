#include <algorithm>
#include <limits>

#include "base/units.h"
#include "cli/parse.h"

namespace mlctl::cli {
namespace {

Error usage(std::string message, std::string hint = "") {
  return {Error::Kind::usage, std::move(message), std::move(hint)};
}

Result<bool> parse_boolean(const std::string& shown, const std::string& text) {
  for (const auto* yes : {"true", "1", "yes", "on"}) {
    if (text == yes) return true;
  }
  for (const auto* no : {"false", "0", "no", "off", ""}) {
    if (text == no) return false;
  }
  return usage(shown + " must be true or false, not '" + text + "'");
}

Result<std::int64_t> parse_whole(const std::string& shown, const std::string& text, std::int64_t low,
                                 std::int64_t high) {
  const auto value = parse_integer(text);
  if (!value || *value < low || *value > high) return usage(shown + " must be a whole number, not '" + text + "'");
  return *value;
}

Status check_choices(const Option& option, const std::string& shown, const std::string& text) {
  if (option.choices.empty()) return ok();
  if (std::find(option.choices.begin(), option.choices.end(), text) != option.choices.end()) return ok();
  std::string known;
  for (const auto& choice : option.choices) known += (known.empty() ? "" : ", ") + choice;
  const auto close = nearest(text, option.choices);
  return usage(shown + " must be one of " + known + ", not '" + text + "'",
               close.empty() ? "" : "did you mean '" + close + "'?");
}

struct Store {
  const std::string& shown;
  const std::string& text;

  Status operator()(bool* target) const {
    const auto value = parse_boolean(shown, text);
    if (!value) return value.error();
    *target = *value;
    return ok();
  }
  Status operator()(std::string* target) const {
    *target = text;
    return ok();
  }
  Status operator()(std::optional<std::string>* target) const {
    *target = text;
    return ok();
  }
  Status operator()(std::vector<std::string>* target) const {
    target->push_back(text);
    return ok();
  }
  Status operator()(int* target) const { return whole(target, std::numeric_limits<int>::min()); }
  Status operator()(std::optional<int>* target) const { return whole(target, std::numeric_limits<int>::min()); }
  Status operator()(std::optional<std::uint64_t>* target) const {
    const auto value = parse_whole(shown, text, 0, std::numeric_limits<std::int64_t>::max());
    if (!value) return value.error();
    *target = static_cast<std::uint64_t>(*value);
    return ok();
  }
  template <typename T>
  Status whole(T* target, int low) const {
    const auto value = parse_whole(shown, text, low, std::numeric_limits<int>::max());
    if (!value) return value.error();
    *target = static_cast<int>(*value);
    return ok();
  }
};

}  // namespace

Status assign(const Option& option, const std::string& shown, const std::vector<std::string>& texts) {
  auto* const list = std::get_if<std::vector<std::string>*>(&option.target);
  const bool flag = std::holds_alternative<bool*>(option.target);
  if (!list && !flag && texts.size() > 1) return usage(shown + " is given twice");
  if (list) (*list)->clear();
  for (const auto& text : texts) {
    if (auto status = check_choices(option, shown, text); !status) return status;
    if (auto status = std::visit(Store{shown, text}, option.target); !status) return status;
  }
  return ok();
}

}  // namespace mlctl::cli
