#include "validate/gate_inputs.h"

namespace mlctl::validate {
namespace {

constexpr std::size_t most_rendered = 256;  // different requests under load

}  // namespace

Result<Holdout> open_gate_holdout(const AccuracyConfig& config, const std::filesystem::path& data,
                                  const TensorSpec& spec) {
  const auto features = spec.shape.size() == 2 && spec.shape[1] > 0 ? static_cast<std::size_t>(spec.shape[1]) : 0;
  return Holdout::open(data / config.data, config.label, config.slices, features, spec.datatype);
}

std::vector<std::vector<Tensor>> golden_inputs(const std::vector<GoldenCase>& cases) {
  std::vector<std::vector<Tensor>> inputs;
  for (const auto& golden : cases)
    if (inputs.size() < most_rendered) inputs.push_back(golden.inputs);
  return inputs;
}

Result<std::vector<std::vector<Tensor>>> holdout_inputs(Holdout& holdout, const TensorSpec& spec) {
  std::vector<std::vector<Tensor>> inputs;
  while (inputs.size() < most_rendered) {
    auto row = holdout.next();
    if (!row) return row.error();
    if (!*row) break;
    const auto width = static_cast<std::int64_t>((*row)->features.size());
    inputs.push_back({Tensor{
        .name = spec.name, .datatype = spec.datatype, .shape = {1, width}, .numbers = (*row)->features, .texts = {}}});
  }
  return inputs;
}

}  // namespace mlctl::validate
