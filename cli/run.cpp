#include "cli/run.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <ostream>

#include "base/units.h"
#include "cli/globals.h"
#include "cli/help.h"
#include "cli/parse.h"

namespace mlctl::cli {
namespace {

const Command* find_command(const std::vector<Command>& commands, const std::string& name) {
  for (const auto& command : commands) {
    const auto& aliases = command.aliases;
    if (command.name == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end()) return &command;
  }
  return nullptr;
}

bool takes_next_word(const std::vector<Option>& options, const std::string& word) {
  return std::any_of(options.begin(), options.end(), [&](const Option& option) {
    const bool named = word == "--" + option.name || (option.letter && word == std::string("-") + option.letter);
    return named && !option.value.empty();
  });
}

Error unknown_command(const std::vector<Command>& commands, const std::string& path, const std::string& word) {
  std::vector<std::string> known;
  for (const auto& command : commands) {
    if (!command.hidden) known.push_back(command.name);
    known.insert(known.end(), command.aliases.begin(), command.aliases.end());
  }
  const auto called = path.empty() ? std::string("mlctl") : "mlctl " + path;
  const auto close = nearest(word, known);
  return {
      Error::Kind::usage, called + " has no command '" + word + "'",
      close.empty() ? "`" + called + " --help` lists the commands" : "did you mean `" + called + " " + close + "`?"};
}

bool is_help(const std::string& word) {
  return word == "--help" || word == "-h";
}

// Errors of the command line itself are told in the format that it asks for, although it was not understood.
OutputFormat format_asked_for(const std::vector<std::string>& words) {
  const char* variable = std::getenv("MLCTL_OUTPUT");
  std::string asked = variable ? variable : "";
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const auto& word = words[i];
    if ((word == "-o" || word == "--output") && i + 1 < words.size()) asked = words[i + 1];
    if (word.rfind("--output=", 0) == 0) asked = word.substr(9);
    if (word.rfind("-o", 0) == 0 && word.size() > 2) asked = word.substr(2);
  }
  return asked == "json" ? OutputFormat::json : asked == "yaml" ? OutputFormat::yaml : OutputFormat::text;
}

int select_and_run(const std::vector<Command>& commands, const std::vector<std::string>& words, Context& context) {
  Globals globals;
  auto everywhere = global_options(globals);
  auto selection = select_command(commands, everywhere, words);
  if (!selection) return context.fail(selection.error());
  const Command* command = selection->command;
  const auto& rest = selection->rest;
  if (!command && std::find(rest.begin(), rest.end(), "--version") != rest.end()) {
    command = find_command(commands, "version");
    selection->rest.erase(std::find(rest.begin(), rest.end(), "--version"));
  }
  if (!command && (selection->help || rest.empty())) {
    context.out << overview(commands, everywhere, context.out_style) << std::flush;
    return 0;
  }
  if (!command) return context.fail({Error::Kind::usage, "no command is named", "`mlctl --help` lists the commands"});
  if (command->changes) everywhere.push_back(dry_run_option(globals));
  if (selection->help || !command->run) {
    context.out << command_help(*command, selection->path, everywhere, context.out_style) << std::flush;
    return 0;
  }
  auto options = command->options;
  options.insert(options.end(), everywhere.begin(), everywhere.end());
  const auto parsed = parse_options(*command, selection->path, options, rest);
  if (!parsed) return context.fail(parsed.error());
  apply(globals, context);
  return command->run(context);
}

}  // namespace

Result<Selection> select_command(const std::vector<Command>& commands, const std::vector<Option>& globals,
                                 const std::vector<std::string>& words) {
  Selection selection;
  const std::vector<Command>* known = &commands;
  std::size_t i = 0;
  for (; i < words.size() && words[i] != "--" && !known->empty(); ++i) {
    const auto& word = words[i];
    if (is_help(word) || (word == "help" && !selection.command)) {
      selection.help = true;
    } else if (word.size() > 1 && word[0] == '-') {
      selection.rest.push_back(word);
      if (takes_next_word(globals, word) && i + 1 < words.size()) selection.rest.push_back(words[++i]);
    } else {
      const Command* command = find_command(*known, word);
      if (!command) return unknown_command(*known, selection.path, word);
      selection.command = command;
      selection.path += (selection.path.empty() ? "" : " ") + command->name;
      known = &command->commands;
    }
  }
  for (bool words_only = false; i < words.size(); ++i) {
    words_only = words_only || words[i] == "--";
    if (!words_only && is_help(words[i])) {
      selection.help = true;
    } else {
      selection.rest.push_back(words[i]);
    }
  }
  return selection;
}

int run(const std::vector<Command>& commands, const std::vector<std::string>& words, Context& context) {
  context.format = format_asked_for(words);
  // Nothing here throws on purpose; what a library throws all the same is told, not left to std::terminate.
  try {
    return select_and_run(commands, words, context);
  } catch (const std::exception& exception) {
    return context.fail({Error::Kind::unavailable, std::string("an unexpected failure: ") + exception.what(),
                         "this should not happen; please report it with the command line"});
  }
}

}  // namespace mlctl::cli
