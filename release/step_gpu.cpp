#include <algorithm>

#include "release/chain_state.h"
#include "release/requirements.h"
#include "release/work.h"
#include "validate/gpu.h"

namespace mlctl::release {

// Never reused: a GPU that was fit an hour ago may not be now, and the check takes seconds.
StepResult gpu_step(Chain& chain) {
  auto program = validate::find_gpu_smoke();
  if (!program) return program.error();
  auto check = validate::run_gpu_smoke(*program, chain.seams.clock);
  if (!check) return check.error();
  Outcome outcome{.verdict = validate::overall(check->report)};
  outcome.summary =
      outcome.verdict == validate::Verdict::pass ? "the GPUs of this machine are fit" : first_reason(check->report);
  const auto& all = chain.project.environments;
  const bool may_be_left =
      std::none_of(all.begin(), all.end(), [](const auto& environment) { return is_required(environment, "gpu"); });
  if (outcome.verdict != validate::Verdict::pass && may_be_left)
    outcome.notes.push_back("a machine without a GPU can release with `gate: {gpu: {required: false}}`");
  outcome.report = std::move(check->report);
  if (auto attached = attach_report(chain, registry::EvidenceKind::gpu, outcome); !attached) return attached.error();
  return outcome;
}

}  // namespace mlctl::release
