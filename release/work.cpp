#include "release/work.h"

#include <nlohmann/json.hpp>

#include "base/process.h"

namespace mlctl::release {

Result<Work> claim_work(const std::filesystem::path& root, const Digest& digest) {
  const auto base = root / ".mlctl" / "work";
  const auto folder = base / digest.brief();
  if (auto made = make_folders(base); !made) return made.error();
  auto lock = FileLock::acquire(base / (digest.brief() + ".lock"), LockKind::exclusive, std::chrono::milliseconds(0));
  if (!lock) {
    if (lock.error().kind != Error::Kind::timeout) return lock.error();
    return Error{Error::Kind::timeout, "another process is releasing " + to_string(digest) + " from this folder", "wait for it, or end it"};
  }
  if (auto ended = end_leftovers(folder / "gate"); !ended) return ended.error();
  if (auto removed = remove_tree(folder); !removed) return removed.error();
  if (auto made = make_folders(folder); !made) return made.error();
  return Work{folder, std::move(*lock)};
}

std::string first_reason(const validate::Report& report) {
  const auto verdict = validate::overall(report);
  for (const auto& check : report.checks)
    if (check.verdict == verdict) {
      const std::string what = check.findings.empty() ? check.reason : check.findings.front().message;
      return check.name + ": " + what;
    }
  return "nothing was checked";
}

Status attach_report(Chain& chain, registry::EvidenceKind kind, const Outcome& outcome, const std::string& environment) {
  registry::TestResult result;
  result.result = outcome.verdict == validate::Verdict::pass ? "PASSED" : "FAILED";
  for (const auto& check : outcome.report->checks)
    (check.verdict == validate::Verdict::pass   ? result.passed
     : check.verdict == validate::Verdict::fail ? result.failed
                                                : result.warned)
        .push_back(check.name);
  auto predicate = registry::test_result_predicate(result);
  predicate["mlctl"] = {{"environment", environment},
                        {"verdict", validate::to_string(outcome.verdict)},
                        {"key", outcome.key},
                        {"report", validate::to_json(*outcome.report)}};
  const auto statement = registry::make_statement(chain.model.name, chain.digest, registry::test_result, predicate);
  auto attached = registry::attach(chain.seams.store, chain.model.name, chain.digest, kind, statement,
                                   rfc3339(chain.seams.clock.wall()));
  if (!attached) return attached.error();
  return ok();
}

}  // namespace mlctl::release
