#include "tests/deploy/support.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/config.h"
#include "base/filesystem.h"

namespace mlctl::deploy::test {
namespace {

Field model_table() {
  Field labels{.name = "labels", .type = Field::Type::map, .fields = {{.type = Field::Type::string}}};
  return {.type = Field::Type::object, .fields = {labels, serving_table(), rollout_table()}};
}

Result<Node> checked(const std::string& yaml, const Field& table, const std::string& file) {
  auto node = parse_yaml(yaml, file);
  if (!node) return node;
  if (auto good = as_status(check_config(*node, table)); !good) return good.error();
  return with_defaults(*node, table);
}

template <typename T>
std::string problem_of(const Result<T>& result) {
  if (result) return "";
  CHECK(result.error().kind == Error::Kind::usage);
  return result.error().message;
}

template <typename T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(*result);
}

Digest digest_filled(unsigned char byte) {
  Digest digest;
  digest.bytes.fill(byte);
  return digest;
}

}  // namespace

Node model(const std::string& yaml) {
  return must(checked(yaml, model_table(), "model.yaml"));
}

std::string model_problem(const std::string& yaml) {
  auto node = checked(yaml, model_table(), "model.yaml");
  return node ? problem_of(decode_serving(*node)) : problem_of(node);
}

Environment environment(const std::string& yaml) {
  return must(decode_environment(must(checked(yaml, environment_table(), "mlctl.yaml"))));
}

std::string environment_problem(const std::string& yaml) {
  auto node = checked(yaml, environment_table(), "mlctl.yaml");
  return node ? problem_of(decode_environment(*node)) : problem_of(node);
}

Tenant tenant(const std::string& yaml) {
  return must(decode_tenant(must(checked(yaml, tenant_table(), "mlctl.yaml"))));
}

std::string tenant_problem(const std::string& yaml) {
  auto node = checked(yaml, tenant_table(), "mlctl.yaml");
  return node ? problem_of(decode_tenant(*node)) : problem_of(node);
}

Runtime runtime() {
  const auto node =
      must(checked("image: registry.example/mlserver@sha256:" + std::string(64, 'a'), runtime_table(), "mlctl.yaml"));
  return must(decode_runtime("mlserver", node));
}

Candidate candidate(const std::string& yaml) {
  return {.model = {"fraud", "credit-risk"},
          .version = {1, 2, 3, "", ""},
          .digest = digest_filled(0x11),
          .image = digest_filled(0x22),
          .commit = std::string(40, 'c'),
          .assignment = 7,
          .config = model(yaml),
          .name_space = "fraud"};
}

Spec spec(const std::string& model_yaml, const std::string& environment_yaml) {
  const auto where = environment(environment_yaml);
  const std::vector<Tenant> tenants;
  const std::map<std::string, Runtime> runtimes{{"mlserver", runtime()}};
  return must(spec_of(candidate(model_yaml), {where, tenants, runtimes}));
}

Objects objects(const Spec& spec) {
  return must(model_objects(spec));
}

nlohmann::ordered_json find(const Objects& objects, const std::string& kind, const std::string& name) {
  nlohmann::ordered_json found;
  for (const auto& object : objects)
    if (const auto key = key_of(object); key.kind == kind && (name.empty() || key.name == name)) {
      REQUIRE_MESSAGE(found.is_null(), "two of ", kind, " ", name);
      found = object;
    }
  REQUIRE_MESSAGE(!found.is_null(), "no ", kind, " ", name);
  return found;
}

void check_golden(const std::string& name, const std::string& text) {
  const char* source = std::getenv("MLCTL_SOURCE");
  REQUIRE_MESSAGE(source != nullptr, "MLCTL_SOURCE names the source tree");
  const auto path = std::filesystem::path(source) / "tests/deploy/golden" / name;
  if (const char* update = std::getenv("MLCTL_UPDATE_GOLDEN"); update != nullptr && std::string(update) == "1") {
    REQUIRE(write_file(path, text));
    MESSAGE("skipped: wrote ", path.string());
    return;
  }
  CHECK(must(read_file(path, 1U << 20U)) == text);
}

}  // namespace mlctl::deploy::test
