#include "cli/completion.h"
#include "cli/globals.h"

namespace mlctl::cli {
namespace {

// A place on the command line where something can be completed: behind a command, or at the beginning (path "").
struct Place {
  std::string path;
  std::vector<const Command*> commands;  // that may follow
  std::vector<Option> options;
  bool files = false;
  std::string words;  // that an argument may be, each with a space behind it
};

void collect(const std::vector<Command>& commands, const std::string& path, std::vector<Option> options,
             const std::vector<Option>& globals, std::vector<Place>& places) {
  Place place{path, {}, std::move(options), false, ""};
  for (const auto& command : commands) {
    if (!command.hidden) place.commands.push_back(&command);
  }
  places.push_back(place);
  for (const auto* command : place.commands) {
    auto own = command->options;
    own.insert(own.end(), globals.begin(), globals.end());
    if (command->changes) own.push_back({.name = "dry-run", .help = "say what would be done, change nothing"});
    own.push_back({.name = "help", .help = "show help"});
    collect(command->commands, path.empty() ? command->name : path + " " + command->name, own, globals, places);
    for (const auto& argument : command->arguments) {
      places.back().files = places.back().files || argument.path;
      for (const auto& choice : argument.choices) places.back().words += choice + " ";
    }
  }
}

std::vector<Place> places_of(const std::vector<Command>& commands) {
  Globals globals;
  const auto everywhere = global_options(globals);
  std::vector<Place> places;
  auto options = everywhere;
  options.push_back({.name = "help", .help = "show help"});
  options.push_back({.name = "version", .help = "print the version"});
  collect(commands, "", options, everywhere, places);
  return places;
}

// Inside single quotes of any of the three shells.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("’") : std::string(1, c);
  return out + "'";
}

std::string below(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + " " + name;
}

// Shell lines shared by bash and zsh: which words move to which place.
std::string moves(const std::vector<Place>& places) {
  std::string text;
  for (const auto& place : places) {
    for (const auto* command : place.commands) {
      const auto target = below(place.path, command->name);
      text += "      \"" + place.path + ":" + command->name + "\"";
      for (const auto& alias : command->aliases) text += "|\"" + place.path + ":" + alias + "\"";
      text += ") place=\"" + target + "\" ;;\n";
    }
  }
  return text;
}

std::string choices(const Option& option) {
  std::string text;
  for (const auto& choice : option.choices) text += (text.empty() ? "" : " ") + choice;
  return text;
}

// The case lines that complete the value of an option; `offer_words` and `offer_files` are the shell's own.
std::string values(const std::vector<Place>& places, const std::string& offer_words, const std::string& offer_files) {
  std::string text;
  for (const auto& place : places) {
    for (const auto& option : place.options) {
      if (option.value.empty()) continue;
      text += "    \"" + place.path + "\":--" + option.name;
      if (option.letter) text += "|\"" + place.path + "\":-" + option.letter;
      text += ") " + (option.choices.empty() ? option.path ? offer_files : ":" : offer_words + " " + choices(option));
      text += "; return ;;\n";
    }
  }
  return text;
}

}  // namespace

std::string bash_completion(const std::vector<Command>& commands) {
  const auto places = places_of(commands);
  std::string words;
  for (const auto& place : places) {
    words += "    \"" + place.path + "\") words=\"";
    for (const auto* command : place.commands) words += command->name + " ";
    words += place.words;
    for (const auto& option : place.options) words += "--" + option.name + " ";
    words += std::string("\" files=") + (place.files ? "yes" : "") + " ;;\n";
  }
  return R"(# bash completion for mlctl; load it with: source <(mlctl completion bash)
_mlctl_offer() { COMPREPLY=($(compgen -W "$*" -- "$current")); }
_mlctl_files() { COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null; }
_mlctl() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" place="" words="" files="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place:${COMP_WORDS[i]}" in
)" + moves(places) +
         R"(    esac
  done
  COMPREPLY=()
  case "$place:$previous" in
)" + values(places, "_mlctl_offer", "_mlctl_files") +
         R"(  esac
  case "$place" in
)" + words +
         R"(  esac
  if [[ -n $files && $current != -* ]]; then _mlctl_files; else _mlctl_offer "$words"; fi
}
complete -F _mlctl mlctl
)";
}

std::string zsh_completion(const std::vector<Command>& commands) {
  const auto places = places_of(commands);
  std::string lists;
  for (const auto& place : places) {
    lists += "    \"" + place.path + "\")\n      list=(";
    for (const auto* command : place.commands) lists += quoted(command->name + ":" + command->summary) + " ";
    lists += place.words + ")\n      flags=(";
    for (const auto& option : place.options) lists += quoted("--" + option.name + ":" + option.help) + " ";
    lists += std::string(")\n      files=") + (place.files ? "yes" : "") + " ;;\n";
  }
  return R"(#compdef mlctl
# zsh completion for mlctl; load it with: source <(mlctl completion zsh)
_mlctl() {
  local place="" files="" i
  local -a list flags
  for ((i = 2; i < CURRENT; i++)); do
    case "$place:${words[i]}" in
)" + moves(places) +
         R"(    esac
  done
  case "$place:${words[CURRENT-1]}" in
)" + values(places, "compadd --", "_files") +
         R"(  esac
  case "$place" in
)" + lists +
         R"(  esac
  if [[ ${words[CURRENT]} == -* ]]; then _describe option flags; return; fi
  (( ${#list} )) && _describe command list
  [[ -n $files ]] && _files
  return 0
}
(( $+functions[compdef] )) && compdef _mlctl mlctl
)";
}

std::string fish_completion(const std::vector<Command>& commands) {
  const auto places = places_of(commands);
  std::string moves_text;
  std::string lines;
  for (const auto& place : places) {
    const auto here = "complete -c mlctl -n 'test \"$(__mlctl_place)\" = \"" + place.path + "\"' ";
    for (const auto* command : place.commands) {
      const auto target = below(place.path, command->name);
      moves_text += "      case '" + place.path + ":" + command->name + "'";
      for (const auto& alias : command->aliases) moves_text += " '" + place.path + ":" + alias + "'";
      moves_text += "\n        set place '" + target + "'\n";
      lines += here + "-a " + command->name + " -d " + quoted(command->summary) + "\n";
    }
    for (const auto& option : place.options) {
      lines += here + "-l " + option.name + (option.letter ? std::string(" -s ") + option.letter : "");
      if (!option.value.empty()) lines += option.path ? " -r -F" : " -x";
      if (!option.choices.empty()) lines += " -a '" + choices(option) + "'";
      lines += " -d " + quoted(option.help) + "\n";
    }
    if (place.files) lines += here + "-F\n";
    if (!place.words.empty()) lines += here + "-a '" + place.words + "'\n";
  }
  return R"(# fish completion for mlctl; load it with: mlctl completion fish | source
function __mlctl_place
  set -l place ''
  for word in (commandline -opc)[2..-1]
    switch "$place:$word"
)" + moves_text +
         R"(    end
  end
  echo $place
end
complete -c mlctl -f
)" + lines;
}

}  // namespace mlctl::cli
