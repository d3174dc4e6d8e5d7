// Model files in memory, for tests.
#pragma once
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "registry/files.h"
#include "registry/push.h"

namespace mlctl::registry::test {

inline ModelFile memory_file(const std::string& path, std::string bytes) {
  const Format format = detect_format(path, bytes);
  const std::uint64_t size = bytes.size();
  return {path, role_of(format), format, size, false, "", [bytes = std::move(bytes)] {
            return Result<std::unique_ptr<ByteSource>>(bytes_source(bytes));
          }};
}

inline ModelFile link_file(const std::string& path, const std::string& target) {
  return {path, Role::doc, Format::unknown, 0, false, target, {}};
}

inline std::vector<ModelFile> small_model(const std::string& weights = "{\"learner\":{}}") {
  return {memory_file("model.json", weights), memory_file("settings.json", "{}"), memory_file("serve.py", "pass\n"),
          memory_file("README.md", "# hi\n")};
}

inline ModelName name(const std::string& text) {
  auto model = parse_model_name(text);
  REQUIRE(model);
  return *model;
}

inline Version version(const std::string& text) {
  auto parsed = parse_version(text);
  REQUIRE(parsed);
  return *parsed;
}

inline PushReport pushed(Store& store, const std::string& model, const std::string& at,
                         const std::vector<ModelFile>& files) {
  auto report = push(store, name(model), files, version(at), {}, no_progress());
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  return *report;
}

}  // namespace mlctl::registry::test
