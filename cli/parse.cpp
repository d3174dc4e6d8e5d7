#include "cli/parse.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>

#include "base/units.h"
#include "cli/globals.h"

// CLI11 separates options from words; what the values mean, and every message, is ours.
namespace mlctl::cli {
namespace {

struct Given {
  std::vector<std::vector<std::string>> values;  // for each option, what was said
  std::vector<std::string> words;                // what belongs to no option
};

Error usage(std::string message, std::string hint) {
  return {Error::Kind::usage, std::move(message), std::move(hint)};
}

bool is_flag(const Option& option) {
  return std::holds_alternative<bool*>(option.target);
}
std::string long_name(const Option& option) {
  return "--" + option.name;
}

std::string usage_hint(const std::string& path) {
  return "`mlctl " + path + " --help` shows what it takes";
}

Error unknown_option(const std::string& word, const std::vector<Option>& options, const std::string& path) {
  const auto name = word.substr(0, word.find('='));
  std::vector<std::string> known{"--help"};
  for (const auto& option : options) known.push_back(long_name(option));
  auto close = nearest(name, known);
  for (const auto& one : known) {  // --environment is meant as --env
    if (close.empty() && name.rfind(one, 0) == 0) close = one;
  }
  return usage("mlctl " + path + " has no option " + name,
               close.empty() ? usage_hint(path) : "did you mean " + close + "?");
}

Error missing_value(const CLI::ParseError& error, const std::vector<Option>& options, const std::string& path) {
  const std::string what = error.what();
  for (const auto& option : options) {
    if (what.rfind(long_name(option) + ":", 0) == 0) {
      return usage(long_name(option) + " needs a value: " + option.value, usage_hint(path));
    }
  }
  return usage(what, usage_hint(path));
}

bool names_option(const std::string& word, const std::vector<Option>& options) {
  return std::any_of(options.begin(), options.end(), [&](const Option& option) {
    return word == long_name(option) || (option.letter && word == std::string("-") + option.letter);
  });
}

// CLI11 takes the word behind an option for its value, also when it is another option.
Status check_swallowed(const std::vector<Option>& options, const Given& given, const std::string& path) {
  for (std::size_t i = 0; i < options.size(); ++i) {
    for (const auto& value : given.values[i]) {
      if (is_flag(options[i]) || !names_option(value, options)) continue;
      return usage(long_name(options[i]) + " needs a value: " + options[i].value, usage_hint(path));
    }
  }
  return ok();
}

Result<Given> separate(const std::vector<Option>& options, std::vector<std::string> words, const std::string& path) {
  Given given;
  const auto end = std::find(words.begin(), words.end(), "--");
  const std::vector<std::string> rest(end == words.end() ? end : end + 1, words.end());
  words.erase(end, words.end());
  try {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::vector<CLI::Option*> added;
    for (const auto& option : options) {
      const auto names = (option.letter ? std::string("-") + option.letter + "," : "") + long_name(option);
      auto* const one = is_flag(option) ? app.add_flag(names) : app.add_option(names)->expected(1);
      added.push_back(one->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
    }
    std::reverse(words.begin(), words.end());
    app.parse(words);
    for (const auto* one : added) given.values.push_back(one->results());
    given.words = app.remaining();
  } catch (const CLI::ParseError& error) {
    return missing_value(error, options, path);
  }
  if (auto status = check_swallowed(options, given, path); !status) return status.error();
  for (const auto& word : given.words) {
    if (word.size() > 1 && word[0] == '-') return unknown_option(word, options, path);
  }
  given.words.insert(given.words.end(), rest.begin(), rest.end());
  return given;
}

// Several values are separated by commas.
std::vector<std::string> values_of_variable(const Option& option, std::string_view text) {
  if (!std::holds_alternative<std::vector<std::string>*>(option.target)) return {std::string(text)};
  std::vector<std::string> values;
  for (;;) {
    const auto comma = text.find(',');
    if (comma != 0 && !text.empty()) values.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return values;
    text.remove_prefix(comma + 1);
  }
}

Status assign_options(const std::vector<Option>& options, const Given& given) {
  for (std::size_t i = 0; i < options.size(); ++i) {
    Status status = ok();
    if (!given.values[i].empty()) {
      status = assign(options[i], long_name(options[i]), given.values[i]);
    } else if (const char* value = std::getenv(variable_of(options[i]).c_str()); value && *value != '\0') {
      status = assign(options[i], variable_of(options[i]), values_of_variable(options[i], value));
    } else if (options[i].required) {
      status = usage(long_name(options[i]) + " " + options[i].value + " is missing", options[i].help);
    }
    if (!status) return status;
  }
  return ok();
}

Status assign_arguments(const Command& command, const std::string& path, const std::vector<std::string>& words) {
  std::size_t next = 0;
  for (const auto& argument : command.arguments) {
    const bool many = std::holds_alternative<std::vector<std::string>*>(argument.target);
    const std::size_t take = many ? words.size() - next : std::min<std::size_t>(1, words.size() - next);
    if (take == 0 && argument.required) return usage(argument.name + " is missing", usage_hint(path));
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(next);
    const std::vector<std::string> texts(first, first + static_cast<std::ptrdiff_t>(take));
    if (auto status = assign(argument, argument.name, texts); !status) return status;
    next += take;
  }
  if (next < words.size()) return usage("'" + words[next] + "' is one argument too many", usage_hint(path));
  return ok();
}

}  // namespace

Status parse_options(const Command& command, const std::string& path, const std::vector<Option>& options,
                     const std::vector<std::string>& words) {
  const auto given = separate(options, words, path);
  if (!given) return given.error();
  if (auto status = assign_options(options, *given); !status) return status;
  return assign_arguments(command, path, given->words);
}

}  // namespace mlctl::cli
