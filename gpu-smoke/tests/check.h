// The smallest test harness that keeps going after a failure and says where.
#pragma once

#include <cstdio>
#include <string>

namespace gpu_smoke::test {

inline int failures = 0;
inline int checks = 0;

inline void check(bool good, const char* expression, const std::string& context, const char* file, int line) {
  ++checks;
  if (good) return;
  ++failures;
  std::printf("%s:%d: failed: %s%s%s\n", file, line, expression, context.empty() ? "" : "  in: ", context.c_str());
}

}  // namespace gpu_smoke::test

#define CHECK(expression) ::gpu_smoke::test::check((expression), #expression, "", __FILE__, __LINE__)
#define CHECK_IN(context, expression) ::gpu_smoke::test::check((expression), #expression, (context), __FILE__, __LINE__)
