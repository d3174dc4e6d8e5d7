// A model in an environment, for the tests of deploy/: configuration as text, everything else fixed.
#pragma once
#include <string>
#include <vector>

#include "base/document.h"
#include "deploy/config.h"
#include "deploy/objects.h"
#include "deploy/plan.h"

namespace mlctl::deploy::test {

// The sections of model.yaml that deploy/ owns, checked, with defaults; fails the test when they are wrong.
[[nodiscard]] Node model(const std::string& yaml = "{}");
// What is wrong with them, by table or by decode_serving; "" when nothing.
[[nodiscard]] std::string model_problem(const std::string& yaml);
[[nodiscard]] Environment environment(const std::string& yaml = "{name: staging, pull: oci://registry.example/models}");
[[nodiscard]] std::string environment_problem(const std::string& yaml);
[[nodiscard]] Tenant tenant(const std::string& yaml);
[[nodiscard]] std::string tenant_problem(const std::string& yaml);
[[nodiscard]] Runtime runtime();

// fraud/credit-risk v1.2.3, assignment 7, in namespace fraud.
[[nodiscard]] Candidate candidate(const std::string& yaml = "{}");
[[nodiscard]] Spec spec(const std::string& model_yaml = "{}",
                        const std::string& environment_yaml = "{name: staging, pull: oci://registry.example/models}");
[[nodiscard]] Objects objects(const Spec& spec);
// The only object of that kind and name; fails the test when there is none.
[[nodiscard]] nlohmann::ordered_json find(const Objects& objects, const std::string& kind,
                                          const std::string& name = "");

// Compares with tests/deploy/golden/NAME; writes it instead when MLCTL_UPDATE_GOLDEN=1, and says so.
void check_golden(const std::string& name, const std::string& text);

}  // namespace mlctl::deploy::test
