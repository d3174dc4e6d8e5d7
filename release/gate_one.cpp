#include "release/gate_one.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/filesystem.h"
#include "base/lock.h"
#include "registry/pack.h"
#include "registry/pull.h"
#include "registry/query.h"
#include "registry/tags.h"
#include "release/baseline.h"
#include "release/files.h"
#include "release/gate_data.h"
#include "release/local_evidence.h"
#include "release/reference.h"
#include "release/statement.h"

namespace mlctl::release {
namespace {

namespace fs = std::filesystem;

// One version, wherever it comes from.
struct Version {
  ModelEntry model;
  Digest digest;
  std::string name;    // "v1.2.3", or "" for a folder that is no version
  std::string commit;  // of its tag; "" when git does not know it
};

class OneGate {
 public:
  OneGate(const Project& project, registry::Store& store, registry::Git* git, const GateRequest& request,
          const validate::GateSeams& seams)
      : project_(project), store_(store), git_(git), request_(request), seams_(seams) {}

  Result<GateAnswer> run() {
    if (auto status = find_environment_name(); !status) return status.error();
    const bool folder = request_.subject.find_first_of("@#") == std::string::npos;
    auto candidate = folder ? from_folder() : from_reference(request_.subject);
    if (!candidate) return candidate.error();
    work_ = project_.root / ".mlctl" / "work" / ("gate-" + candidate->digest.brief());
    if (auto made = make_folders(work_); !made) return made.error();
    auto lock = FileLock::acquire(work_ / ".lock", LockKind::exclusive, std::chrono::milliseconds(0));
    if (!lock) return lock.error().context("another gate of these files runs");
    auto answer = measure(*candidate, folder);
    if (auto removed = remove_tree(work_ / "files"); !removed && answer) return removed.error();
    return answer;
  }

 private:
  Result<GateAnswer> measure(const Version& candidate, bool folder) {
    auto config = merged(project_, candidate.model, environment_);
    if (!config) return config.error();
    auto gate = validate::decode_gate(*config);
    if (!gate) return gate.error();
    auto baseline = find_baseline(candidate);
    if (!baseline) return baseline.error();
    if (auto plan = validate::plan_gate(*gate, baseline->has_value()); !plan) return plan.error();

    validate::GateInput input;
    input.model = to_string(candidate.model.name);
    input.environment = environment_;
    input.candidate = {work_ / "files/candidate", candidate.name, to_string(candidate.digest), gate->local};
    input.config = *gate;
    input.seed = request_.seed;
    input.work = work_ / "servers";
    auto laid = folder ? lay_out_folder(candidate) : lay_out(candidate, input.candidate.files);
    if (!laid) return laid.error();
    auto data = data_of(candidate, *gate);
    if (!data) return data.error();
    input.data = *data;
    if (*baseline) {
      auto arm = baseline_arm(**baseline);
      if (!arm) return arm.error();
      input.baseline = std::move(*arm);
    }
    auto report = validate::run_gate(input, seams_);
    if (!report) return report.error();
    GateAnswer answer{.report = std::move(*report), .verdict = {}, .notes = std::move(notes_)};
    answer.verdict = validate::overall(answer.report);
    if (auto recorded = record(candidate, answer); !recorded) return recorded.error();
    return answer;
  }

  Status find_environment_name() {
    environment_ = request_.environment;
    if (environment_.empty()) {
      if (!project_.environments.empty()) environment_ = project_.environments.back().name;
      return ok();
    }
    if (auto found = find_environment(project_, environment_); !found) return found.error();
    return ok();
  }

  Result<Version> from_folder() {
    auto entry = find_model(project_, request_.subject);
    if (!entry) return entry.error();
    auto files = files_in_folder(project_, **entry, git_);
    if (!files) return files.error();
    auto packed = registry::pack_digest(*files);
    if (!packed) return packed.error();
    Version version{.model = **entry, .digest = packed->digest, .name = "", .commit = ""};
    auto known = registry::find_digest(store_, version.model.name, version.digest);
    if (!known) return known.error();
    if (!known->empty()) version.name = to_string(known->back().version);
    return version;
  }

  // By the model.yaml of its tag's commit, where git knows it.
  Result<Version> from_reference(const std::string& reference) {
    auto found = find_reference(project_, store_, git_, reference);
    if (!found) return found.error();
    return version_of(found->model, found->digest, found->version);
  }

  Result<Version> version_of(const registry::ModelName& name, const Digest& digest,
                             const std::optional<registry::Version>& number) {
    auto now = find_model(project_, to_string(name));
    if (!now) return now.error();
    Version version{.model = **now, .digest = digest, .name = number ? to_string(*number) : "", .commit = ""};
    if (!git_ || !number) return version;
    auto tags = git_->tags();
    if (!tags) return tags.error();
    const auto tag = registry::ModelTags(name, *tags).find(*number);
    if (!tag) return version;
    version.commit = tag->commit;
    auto then = model_at(project_, *git_, **now, tag->commit);
    if (!then) return then.error();
    version.model = std::move(*then);
    return version;
  }

  Result<std::optional<Version>> find_baseline(const Version& candidate) {
    if (!request_.baseline.empty()) {
      auto named = from_reference(request_.baseline);
      if (!named) return named.error();
      return std::optional<Version>(std::move(*named));
    }
    if (!git_ || environment_.empty()) {
      notes_.push_back("nothing to compare with: no git repository, or no environment (--baseline REF names one)");
      return std::optional<Version>();
    }
    auto tags = all_tags(*git_);
    if (!tags) return tags.error();
    auto older = baselines(store_, registry::ModelTags(candidate.model.name, *tags), environment_,
                           {.digest = candidate.digest, .version = std::nullopt});
    if (!older) return older.error();
    for (const auto& past : *older) {
      if (!past.digest) continue;
      auto version = version_of(candidate.model.name, *past.digest, past.version);
      if (!version) return version.error();
      return std::optional<Version>(std::move(*version));
    }
    return std::optional<Version>();
  }

  Status lay_out(const Version& version, const fs::path& folder) {
    if (auto removed = remove_tree(folder); !removed) return removed.error();
    auto pulled = registry::pull(store_, version.model.name, version.digest, folder, seams_.progress);
    if (!pulled) return pulled.error().context(to_string(version.model.name) + " " + version.name);
    return ok();
  }

  Status lay_out_folder(const Version& version) {
    auto files = files_in_folder(project_, version.model, git_);
    if (!files) return files.error();
    const auto from = project_.root / version.model.folder;
    const auto to = work_ / "files/candidate";
    if (auto removed = remove_tree(to); !removed) return removed.error();
    for (const auto& file : *files) {
      std::error_code code;
      if (auto made = make_folders((to / file.path).parent_path()); !made) return made.error();
      fs::copy_file(from / file.path, to / file.path, code);
      if (code) return system_error(code.value(), "cannot copy", from / file.path);
    }
    return ok();
  }

  // The folder of the golden cases and the hold-out set: of the tag's commit where there is one, else as they are now.
  Result<fs::path> data_of(const Version& version, const validate::GateConfig& gate) {
    if (version.commit.empty()) return project_.root / version.model.folder;
    const auto folder = work_ / "files/data";
    auto laid = gate_data(project_, *git_, version.model, version.commit, gate, folder);
    if (!laid) return laid.error();
    return folder;
  }

  Result<validate::GateArm> baseline_arm(const Version& version) {
    const auto folder = work_ / "files/baseline";
    if (auto laid = lay_out(version, folder); !laid) return laid.error();
    auto config = merged(project_, version.model, environment_);
    if (!config) return config.error();
    auto local = validate::decode_local(*config);
    if (!local) return local.error().context("baseline " + version.name);
    return validate::GateArm{folder, version.name, to_string(version.digest), std::move(*local)};
  }

  Status record(const Version& candidate, GateAnswer& answer) {
    auto known = registry::find_digest(store_, candidate.model.name, candidate.digest);
    if (!known) return known.error();
    if (known->empty()) {
      answer.notes.push_back("not recorded: these files are not in the registry (mlctl push " +
                             to_string(candidate.model.name) + ")");
      return ok();
    }
    Outcome outcome{.step = {StepKind::gate, environment_}, .verdict = answer.verdict};
    outcome.report = answer.report;
    auto attached =
        registry::attach(store_, candidate.model.name, candidate.digest, registry::EvidenceKind::gate,
                         statement_of(candidate.model.name, candidate.digest, registry::EvidenceKind::gate, outcome),
                         rfc3339(seams_.clock.wall()), request_.signer ? &*request_.signer : nullptr);
    if (!attached) return attached.error();
    return remember_evidence(project_.root, candidate.digest, *attached);
  }

  const Project& project_;
  registry::Store& store_;
  registry::Git* git_;
  const GateRequest& request_;
  const validate::GateSeams& seams_;
  std::string environment_;
  fs::path work_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<GateAnswer> run_one_gate(const Project& project, registry::Store& store, registry::Git* git,
                                const GateRequest& request, const validate::GateSeams& seams) {
  return OneGate(project, store, git, request, seams).run();
}

}  // namespace mlctl::release
