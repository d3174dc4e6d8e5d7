#include "options.h"

#include <charconv>

namespace gpu_smoke {
namespace {

constexpr unsigned kMaxSeconds = 7 * 24 * 3600;

bool parse_number(const std::string& text, unsigned low, unsigned high, unsigned& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end && number >= low && number <= high;
}

// "90", "90s", "30m", "2h".
bool parse_duration(std::string text, unsigned& seconds) {
  unsigned unit = 1;
  if (!text.empty() && (text.back() == 's' || text.back() == 'm' || text.back() == 'h')) {
    unit = text.back() == 'h' ? 3600 : text.back() == 'm' ? 60 : 1;
    text.pop_back();
  }
  unsigned number = 0;
  if (!parse_number(text, 1, kMaxSeconds / unit, number)) return false;
  seconds = number * unit;
  return true;
}

// Each sets its part of the options, or says what it wants instead.
struct Option {
  const char* name;
  const char* wants;  // nullptr: takes no value
  bool (*apply)(Options&, const std::string&);
};

constexpr Option kOptions[] = {
    {"--output", "text or json",
     [](Options& o, const std::string& value) {
       o.json = value == "json";
       return o.json || value == "text";
     }},
    {"--quick", nullptr,
     [](Options& o, const std::string&) {
       o.level = Level::quick;
       return true;
     }},
    {"--level", "quick, standard or long",
     [](Options& o, const std::string& value) { return !value.empty() && parse_level(value, o.level); }},
    {"--duration", "a time of at most a week: 90, 30m, 2h",
     [](Options& o, const std::string& value) { return parse_duration(value, o.duration_s); }},
    {"--expect-gpus", "a number from 1 to 1024",
     [](Options& o, const std::string& value) {
       unsigned number = 0;
       if (!parse_number(value, 1, 1024, number)) return false;
       o.policy.expect_gpus = number;
       return true;
     }},
    {"--expect-model", "a part of the GPU's name, in whole words",
     [](Options& o, const std::string& value) {
       o.policy.expect_model = value;
       return !value.empty();
     }},
    {"--strict", nullptr, [](Options& o, const std::string&) { return o.policy.strict = true; }},
    {"--history", "a folder",
     [](Options& o, const std::string& value) {
       o.history = value;
       return !value.empty();
     }},
    {"--fake", "a trace or a report",
     [](Options& o, const std::string& value) {
       o.fake = value;
       return !value.empty();
     }},
    {"--timeout", "a number of seconds, at most a week",
     [](Options& o, const std::string& value) { return parse_duration(value, o.timeout_s); }},
    {"--no-progress", nullptr,
     [](Options& o, const std::string&) {
       o.progress = false;
       return true;
     }},
};

Options usage_error(const std::string& message) {
  Options options;
  options.action = Options::Action::usage_error;
  options.error = message;
  return options;
}

// Empty when all is well.
std::string apply(const std::vector<std::string>& arguments, std::size_t& i, Options& options) {
  std::string name = arguments[i];
  std::string value;
  const std::size_t equals = name.rfind("--", 0) == 0 ? name.find('=') : std::string::npos;
  const bool inline_value = equals != std::string::npos;
  if (inline_value) {
    value = name.substr(equals + 1);
    name.resize(equals);
  }
  if (name == "-o") name = "--output";
  for (const auto& option : kOptions) {
    if (name != option.name || (option.wants == nullptr && inline_value)) continue;
    if (option.wants != nullptr && !inline_value) {
      if (i + 1 == arguments.size()) return name + " needs a value: " + option.wants;
      value = arguments[++i];
    }
    return option.apply(options, value) ? "" : name + " is " + (option.wants != nullptr ? option.wants : "a flag");
  }
  return "unknown argument: " + arguments[i];
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  bool timed = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "-h" || arguments[i] == "--help") options.action = Options::Action::help;
    if (arguments[i] == "--version") options.action = Options::Action::version;
    if (options.action != Options::Action::check) return options;
    timed = timed || arguments[i].rfind("--duration", 0) == 0;
    const std::string problem = apply(arguments, i, options);
    if (!problem.empty()) return usage_error(problem);
  }
  const bool is_long = options.level == Level::burn_in;
  if (timed && !is_long) return usage_error("--duration is for --level long");
  if (is_long && !timed) options.duration_s = 600;
  if (options.timeout_s == 0) options.timeout_s = is_long ? options.duration_s + 180 : 90;
  return options;
}

const char* help_text() {
  return "Is every GPU of this node fit to serve? Health, memory, exact products, transfers, speed, sustained load.\n"
         "\n"
         "usage: gpu-smoke [options]\n"
         "\n"
         "  -o, --output text|json   how to report on stdout (default: text)\n"
         "      --quick              only health and one exact product, under two seconds\n"
         "      --level LEVEL        quick, standard (default, under 30 s) or long (burn-in)\n"
         "      --duration TIME      of a burn-in: 90, 30m, 2h (default: 10m)\n"
         "      --expect-gpus N      fail unless CUDA sees exactly N GPUs\n"
         "      --expect-model TEXT  fail unless every GPU's name has these words: H200, 'A100 80GB PCIe'\n"
         "      --strict             checks that are skipped and remaps that are pending fail\n"
         "      --history DIR        compare with this node's earlier runs there, and add this one when it passes\n"
         "      --timeout SECONDS    give up on a GPU that does not answer (default: 90; long: duration + 180)\n"
         "      --fake FILE          judge a trace or an earlier report instead of this machine\n"
         "      --no-progress        no progress line on a terminal\n"
         "      --version            print the version\n"
         "  -h, --help               print this\n"
         "\n"
         "exit codes:\n"
         "  0  fit: every check passed on every GPU\n"
         "  1  unfit: a check failed\n"
         "  2  usage\n"
         "  3  could not find out: no driver, no GPU, no NVML, no permission, timeout\n"
         "  5  inconclusive: asked, and the data do not decide\n"
         "\n"
         "A pass does not exclude silent corruption: seconds cannot.\n";
}

}  // namespace gpu_smoke
