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
  CHECK(parse_options({}).level == Level::standard && parse_options({}).duration_s == 8);
  CHECK(parse_options({}).timeout_s == 90 && parse_options({"--quick"}).level == Level::quick);
  const Options burn = parse_options({"--level", "long", "--duration=30m", "--expect-model", "A100 80GB"});
  CHECK(burn.level == Level::burn_in && burn.duration_s == 1800 && burn.timeout_s == 1980);
  CHECK(burn.policy.expect_model == "A100 80GB" && parse_options({"--level=long"}).duration_s == 600);
  CHECK(parse_options({"--history", "h", "--fake=t.json"}).fake == "t.json" &&
        !parse_options({"--no-progress"}).progress);
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
                                                       {"--quick=1"},
                                                       {"--level", "deep"},
                                                       {"--level="},
                                                       {"--duration", "30m"},
                                                       {"--level", "long", "--duration", "8d"},
                                                       {"--level", "long", "--duration", "m"},
                                                       {"--history", ""},
                                                       {"--fake"},
                                                       {"--expect-model="},
                                                       {"-o"}};
  for (const auto& arguments : wrong) {
    const Options options = parse_options(arguments);
    CHECK_IN(arguments[0], options.action == Action::usage_error && !options.error.empty());
  }
}

}  // namespace gpu_smoke::test
