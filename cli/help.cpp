#include "cli/help.h"

#include <algorithm>

namespace mlctl::cli {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

std::string heading(const std::string& text, const Style& style) {
  return paint(text, Tone::strong, style) + "\n";
}

// Two columns; a left part that is too wide has its line to itself.
std::string columns(const Lines& lines) {
  constexpr std::size_t widest = 24;
  std::size_t width = 0;
  for (const auto& line : lines) {
    if (line.first.size() <= widest) width = std::max(width, line.first.size());
  }
  std::string text;
  for (const auto& [left, right] : lines) {
    text += "  " + left;
    if (!right.empty()) {
      text += left.size() > width ? "\n" + std::string(width + 4, ' ') : std::string(width - left.size() + 2, ' ');
    }
    text += right + "\n";
  }
  return text;
}

std::string option_name(const Option& option) {
  const std::string letter = option.letter ? std::string("-") + option.letter + ", " : "    ";
  return letter + "--" + option.name + (option.value.empty() ? "" : " " + option.value);
}

std::string option_help(const Option& option) {
  std::string choices;
  for (const auto& choice : option.choices) choices += (choices.empty() ? "" : ", ") + choice;
  if (choices.empty() || option.help.find(option.choices.back()) != std::string::npos) return option.help;
  return option.help + ": " + choices;
}

std::string option_lines(const std::vector<Option>& options) {
  Lines lines;
  for (const auto& option : options) lines.emplace_back(option_name(option), option_help(option));
  return columns(lines);
}

std::string examples(const Command& command, const Style& style) {
  std::string text;
  for (const auto& example : command.examples) {
    text += "  " + paint("# " + example.what, Tone::dim, style) + "\n  $ " + example.line + "\n";
  }
  return text;
}

std::string section(const std::string& title, const std::string& body, const Style& style) {
  return body.empty() ? "" : "\n" + heading(title, style) + body;
}

Lines command_lines(const std::vector<Command>& commands, const std::string& prefix) {
  Lines lines;
  for (const auto& command : commands) {
    if (!command.hidden) lines.emplace_back(prefix + command.name, command.summary);
  }
  return lines;
}

}  // namespace

const std::vector<Group>& all_groups() {
  static const std::vector<Group> groups{Group::start,   Group::models,  Group::checks,
                                         Group::cluster, Group::release, Group::other};
  return groups;
}

const char* group_title(Group group) {
  switch (group) {
    case Group::start:
      return "Start";
    case Group::models:
      return "Models and versions";
    case Group::checks:
      return "Checks";
    case Group::cluster:
      return "Environments";
    case Group::release:
      return "Release";
    case Group::other:
      return "Other";
  }
  return "";
}

std::string usage_line(const Command& command, const std::string& path) {
  std::string line = "mlctl " + path;
  if (!command.commands.empty()) return line + " COMMAND";
  for (const auto& argument : command.arguments) {
    const bool many = std::holds_alternative<std::vector<std::string>*>(argument.target);
    const auto shown = argument.name + (many ? "..." : "");
    line += argument.required ? " " + shown : " [" + shown + "]";
  }
  for (const auto& option : command.options) {
    if (option.required) line += " --" + option.name + " " + option.value;
  }
  return line + " [OPTIONS]";
}

std::string overview(const std::vector<Command>& commands, const std::vector<Option>& globals, const Style& style) {
  std::string text =
      "mlctl takes a model from a git tag to production traffic, and can prove afterwards why it is there.\n\n"
      "Usage: mlctl COMMAND [OPTIONS]\n";
  for (const auto group : all_groups()) {
    std::vector<Command> members;
    for (const auto& command : commands) {
      if (command.group == group) members.push_back(command);
    }
    text += section(group_title(group), columns(command_lines(members, "")), style);
  }
  text += section("Everywhere", option_lines(globals), style);
  text += section("Exit codes",
                  "  0 done or yes, 1 the answer is no, 2 usage or invalid configuration, 3 could not find out,\n"
                  "  4 credentials missing or refused, 5 inconclusive, 130 interrupted\n",
                  style);
  return text + "\n`mlctl COMMAND --help` says more. Every option has a variable: --dry-run is MLCTL_DRY_RUN.\n";
}

std::string command_help(const Command& command, const std::string& path, const std::vector<Option>& globals,
                         const Style& style) {
  std::string text = command.summary + "\n\nUsage: " + usage_line(command, path) + "\n";
  if (!command.description.empty()) text += "\n" + command.description + "\n";
  text += section("Commands", columns(command_lines(command.commands, path + " ")), style);
  Lines arguments;
  for (const auto& argument : command.arguments) arguments.emplace_back(argument.name, option_help(argument));
  text += section("Arguments", columns(arguments), style);
  text += section("Options", option_lines(command.options), style);
  text += section("Everywhere", option_lines(globals), style);
  return text + section("Examples", examples(command, style), style);
}

}  // namespace mlctl::cli
