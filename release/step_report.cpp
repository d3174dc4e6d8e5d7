#include "release/chain_state.h"
#include "release/report_files.h"

namespace mlctl::release {

// The report shows itself as done: it is written last, and a reader only ever sees one that was.
StepResult report_step(Chain& chain) {
  Outcome outcome{.step = {StepKind::report, ""}, .verdict = validate::Verdict::pass};
  outcome.summary = report_path(chain.project.root, chain.release).lexically_relative(chain.project.root).string();
  outcome.started = outcome.finished = chain.seams.clock.wall();
  Release shown = chain.release;
  shown.outcomes.push_back(outcome);
  if (auto written = write_report(chain.project.root, shown); !written) return written.error();
  return outcome;
}

}  // namespace mlctl::release
