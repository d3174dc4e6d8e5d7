#include "release/work.h"

#include <nlohmann/json.hpp>

#include "base/process.h"
#include "release/local_evidence.h"
#include "release/statement.h"

namespace mlctl::release {

Result<Work> claim_work(const std::filesystem::path& root, const Digest& digest) {
  const auto base = root / ".mlctl" / "work";
  const auto folder = base / digest.brief();
  if (auto made = make_folders(base); !made) return made.error();
  auto lock = FileLock::acquire(base / (digest.brief() + ".lock"), LockKind::exclusive, std::chrono::milliseconds(0));
  if (!lock) {
    if (lock.error().kind != Error::Kind::timeout) return lock.error();
    return Error{Error::Kind::timeout, "another process is releasing " + to_string(digest) + " from this folder",
                 "wait for it, or end it"};
  }
  if (auto ended = end_leftovers(folder / "gate/processes"); !ended) return ended.error();
  if (auto removed = remove_tree(folder); !removed) return removed.error();
  if (auto made = make_folders(folder); !made) return made.error();
  return Work{folder, std::move(*lock)};
}

std::string first_reason(const validate::Report& report) {
  const auto verdict = validate::overall(report);
  for (const auto& check : report.checks)
    if (check.verdict == verdict) {
      const std::string what = check.findings.empty() ? check.reason : check.findings.front().message;
      return check.name + ": " + what.substr(0, what.find('\n'));  // the report has the lines below
    }
  return "nothing was checked";
}

Status attach_report(Chain& chain, registry::EvidenceKind kind, const Outcome& outcome) {
  const auto statement = statement_of(chain.model.name, chain.digest, kind, outcome);
  auto attached =
      registry::attach(chain.seams.store, chain.model.name, chain.digest, kind, statement,
                       rfc3339(chain.seams.clock.wall()), chain.request.signer ? &*chain.request.signer : nullptr);
  if (!attached) return attached.error();
  return remember_evidence(chain.project.root, chain.digest, *attached);
}

}  // namespace mlctl::release
