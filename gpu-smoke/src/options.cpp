#include "options.h"

#include <charconv>

namespace gpu_smoke {
namespace {

Options usage_error(const std::string& message) {
  Options options;
  options.action = Options::Action::usage_error;
  options.error = message;
  return options;
}

bool parse_number(const std::string& text, unsigned low, unsigned high, unsigned& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end && number >= low && number <= high;
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "-h" || name == "--help") {
      options.action = Options::Action::help;
      return options;
    }
    if (name == "--version") {
      options.action = Options::Action::version;
      return options;
    }
    if (name == "--strict") {
      options.policy.strict = true;
      continue;
    }
    std::string value;
    const std::size_t equals = name.rfind("--", 0) == 0 ? name.find('=') : std::string::npos;
    const bool inline_value = equals != std::string::npos;
    if (inline_value) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    if (name != "-o" && name != "--output" && name != "--expect-gpus" && name != "--timeout") {
      return usage_error("unknown argument: " + arguments[i]);
    }
    if (!inline_value) {
      if (i + 1 == arguments.size()) return usage_error(name + " needs a value");
      value = arguments[++i];
    }
    unsigned number = 0;
    if (name == "-o" || name == "--output") {
      if (value != "text" && value != "json") return usage_error("--output is text or json");
      options.json = value == "json";
    } else if (name == "--expect-gpus") {
      if (!parse_number(value, 1, 1024, number)) return usage_error("--expect-gpus is a number from 1 to 1024");
      options.policy.expect_gpus = number;
    } else {
      if (!parse_number(value, 1, 3600, number)) return usage_error("--timeout is a number of seconds, 1 to 3600");
      options.timeout_s = number;
    }
  }
  return options;
}

const char* help_text() {
  return "Is every GPU of this node fit to serve? Reads its health and checks one exact product on each.\n"
         "\n"
         "usage: gpu-smoke [options]\n"
         "\n"
         "  -o, --output text|json   how to report on stdout (default: text)\n"
         "      --expect-gpus N      fail unless CUDA sees exactly N GPUs\n"
         "      --strict             checks that are skipped and remaps that are pending fail\n"
         "      --timeout SECONDS    give up on a GPU that does not answer (default: 60)\n"
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
         "A pass does not exclude silent corruption: memory, tensor cores, transfers and speed are not tested.\n";
}

}  // namespace gpu_smoke
