// The chain of a release: from a version's tag to the GitOps folder, gated, recorded, resumable after any kill.
// resolve -> push -> validate -> gpu -> per environment {gate -> render -> assign -> apply} -> report
// Every step is safe to repeat. What was measured before with the same key is used again; everything else finds by
// itself what is there already: the version in the registry, the stage's own N, the commit on the branch.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/http.h"
#include "base/result.h"
#include "base/terminal.h"
#include "deploy/cluster/http_cluster.h"
#include "registry/git.h"
#include "registry/provenance.h"
#include "registry/sign.h"
#include "registry/store.h"
#include "release/project.h"
#include "release/provide.h"
#include "release/steps.h"
#include "release/target.h"
#include "validate/gpu_driver.h"

namespace mlctl::release {

struct Request {
  Target target;
  bool push = true;    // tags and commits to origin, where there is one
  bool force = false;  // a commit whose history has parted from the newest assignment's
  bool allow = false;  // a digest that was denied for the stage
  std::uint64_t seed = 0;
  registry::Builder builder{std::string(registry::local_builder), ""};  // for the provenance
  std::optional<registry::Signer> signer;                               // signs the version and the evidence
  std::string run;  // who releases, for what a cluster remembers: "ada@host", or the CI run
  // Asked for an environment with `confirm: true`; Error{denied}: no, Error{usage}: nobody can be asked.
  std::function<Status(const std::string& question)> confirm;
  // The same Error{usage} without asking, before a gate of many minutes. Empty: nobody will have to be asked.
  std::function<Status(const std::string& question)> can_confirm;
};

struct Seams {
  registry::Git& git;
  registry::Store& store;
  HttpClient& http;
  std::function<std::unique_ptr<HttpMultiplexer>(std::size_t connections)> multiplexer;
  std::function<std::unique_ptr<validate::GpuDriver>()> gpus;  // of this machine
  Clock& clock;
  Progress& progress;
  std::function<Result<deploy::Connection>(const deploy::Environment& environment)> connect;  // to its cluster
  OpenStore open_store;
};

// Hears of every step, for a live picture.
struct Observer {
  virtual ~Observer() = default;
  virtual void began(const Release& release, const Step& step) = 0;
  virtual void ended(const Release& release, const Outcome& outcome) = 0;
};

struct Finished {
  Release release;
  std::optional<Error> error;  // what stopped it when that was no verdict
};
// The exit code of `mlctl release`.
[[nodiscard]] int exit_code(const Finished& finished);

// Stops at the first step that does not pass; steps after it are not done and nothing of them is visible.
[[nodiscard]] Finished run_release(const Project& project, const Request& request, const Seams& seams,
                                   Observer& observer);

// What a release would go through, without changing anything: the plan, and the step `resolve` done.
[[nodiscard]] Result<Release> preview(const Project& project, const Request& request, const Seams& seams);

}  // namespace mlctl::release
