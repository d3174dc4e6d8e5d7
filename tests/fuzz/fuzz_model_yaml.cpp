#include <cstdint>

#include "deploy/config.h"
#include "registry/files.h"
#include "release/explain.h"
#include "validate/gate_config.h"

// Any model.yaml is refused or decoded; what passes the table is taken by every house without a crash.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlctl;
  const auto tree = parse_yaml({reinterpret_cast<const char*>(data), size}, "model.yaml");
  if (!tree || !as_status(check_config(*tree, release::model_table()))) return 0;
  const Node* const environments = tree->find("environments");
  const Node* const prod = environments ? environments->find("prod") : nullptr;
  const Node merged = with_defaults(merge_levels({&*tree, prod}), release::model_table());
  (void)validate::decode_gate(merged);
  (void)deploy::decode_serving(merged);
  (void)registry::decode_files(merged);
  (void)release::explain_values(merged, "gate");
  return 0;
}
