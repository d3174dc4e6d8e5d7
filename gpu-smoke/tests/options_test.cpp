#include "options.h"

#include "check.h"
#include "tests.h"

namespace gpu_smoke::test {

void test_options() {
  using Action = Options::Action;
  CHECK(parse_options({}).action == Action::check && !parse_options({}).json);
  for (const auto& arguments : {std::vector<std::string>{"-o", "json"}, {"--output", "json"}, {"--output=json"}}) {
    CHECK(parse_options(arguments).json);
  }
  const Options all = parse_options({"--expect-gpus", "8", "--strict", "--timeout=5"});
  CHECK(all.action == Action::check && all.policy.expect_gpus == 8U && all.policy.strict && all.timeout_s == 5);
  CHECK(parse_options({"--help"}).action == Action::help && parse_options({"-h"}).action == Action::help);
  CHECK(parse_options({"--version"}).action == Action::version);
  const std::vector<std::vector<std::string>> wrong = {{"--output"},
                                                       {"--output", "yaml"},
                                                       {"--expect-gpus", "0"},
                                                       {"--expect-gpus", "-1"},
                                                       {"--expect-gpus", ""},
                                                       {"--expect-gpus=8x"},
                                                       {"--timeout", "0"},
                                                       {"--timeout", "99999999999"},
                                                       {"check"},
                                                       {"--nonsense"},
                                                       {"--strict=yes"},
                                                       {"-o"}};
  for (const auto& arguments : wrong) {
    const Options options = parse_options(arguments);
    CHECK_IN(arguments[0], options.action == Action::usage_error && !options.error.empty());
  }
}

}  // namespace gpu_smoke::test
