#include "deploy/cluster/wait.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "deploy/cluster/discovery.h"
#include "deploy/cluster/health.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/watch.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using Kind = PodTrouble::Kind;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds look_again{1};              // where nothing can be watched
constexpr seconds draw_again{1};              // for the times in the tree
constexpr std::size_t named_revisions = 100;  // in one selector; of more than that all are asked for
constexpr int log_lines = 10;
constexpr std::size_t log_limit = 4096;  // bytes of them

std::string revision_in(const ObjectKey& deployment) {
  return deployment.name.substr(deployment.name.rfind('-') + 1);
}

// One Deployment that is waited for.
struct Open {
  std::size_t index = 0;
  WaitBranch branch;
  PodTrouble trouble = {};               // the worst
  ObjectKey pod = {};                    // that has it
  std::optional<SteadyTime> since = {};  // when that trouble began

  [[nodiscard]] const ObjectKey& key() const { return branch.what.deployment; }
  [[nodiscard]] SteadyTime patience_ends() const {
    const auto patience = patience_with(trouble.kind);
    return since && patience != Duration::max() ? *since + patience : SteadyTime::max();
  }
};

// For each namespace the Deployments and the pods of the revisions that are waited for.
std::vector<WatchQuery> queries_of(const std::vector<Awaited>& all) {
  std::map<std::string, std::set<std::string>> revisions;  // by namespace
  for (const auto& one : all) revisions[one.deployment.name_space].insert(revision_in(one.deployment));
  std::vector<WatchQuery> out;
  for (const auto& [name_space, names] : revisions) {
    std::string selector = std::string(managed_label) + "=mlctl";
    if (names.size() <= named_revisions) {
      std::string list;
      for (const auto& name : names) list += (list.empty() ? "" : ",") + name;
      selector += ",mlctl.dev/revision in (" + list + ")";
    }
    out.push_back({.list = {{"apps/v1", "Deployment", "deployments", true}, name_space, selector}});
    // Whoever may not read pods waits all the same, and hears less.
    out.push_back({.list = {.resource = {"v1", "Pod", "pods", true},
                            .name_space = name_space,
                            .label_selector = selector,
                            .with_spec = false},
                   .optional = true});
  }
  return out;
}

class Waiter {
 public:
  Waiter(const std::vector<Awaited>& all, Duration limit, const WaitSeams& seams)
      : cluster_(seams.cluster),
        clock_(seams.clock),
        progress_(seams.progress),
        limit_(limit),
        queries_(queries_of(all)),
        out_(all.size()) {
    for (std::size_t i = 0; i < all.size(); ++i) open_.push_back({.index = i, .branch = {.what = all[i]}});
  }

  std::vector<std::optional<NotReady>> wait() {
    if (open_.empty()) return out_;
    const auto deadline = clock_.steady() + limit_;
    progress_.step("waiting for " + count_text(open_.size(), "model"));
    const auto told = [this](const std::string& line) { progress_.note(line); };
    Watch watch(cluster_, clock_, queries_, {.look_again = look_again, .told = told});
    for (bool drawn = false;;) {
      auto until = drawn ? std::min(deadline, clock_.steady() + draw_again) : deadline;
      for (const auto& one : open_) until = std::min(until, one.patience_ends());
      if (auto seen = watch.wait(until); !seen) {
        for (const auto& one : open_) out_[one.index] = NotReady{seen.error()};
        break;
      }
      look(watch);
      if (open_.empty()) break;
      if (clock_.steady() >= deadline) {
        for (const auto& one : open_) out_[one.index] = NotReady{too_late(one), true};
        break;
      }
      drawn = show();
    }
    const bool fine = std::none_of(out_.begin(), out_.end(), [](const auto& error) { return error.has_value(); });
    progress_.finish(fine ? Symbol::pass : Symbol::fail, fine ? "ready" : "not ready");
    return std::move(out_);
  }

 private:
  bool show() {
    const auto tree = [this](const Style& style, std::size_t lines) {
      std::vector<WaitBranch> all;
      for (const auto& one : open_) all.push_back(now(one));
      return render_waiting(std::move(all), style, lines);
    };
    if (progress_.show(tree)) return true;
    progress_.update(to_string(open_.front().key()) + ": " + said(open_.front()));
    return false;
  }

  [[nodiscard]] WaitBranch now(const Open& one) const {
    WaitBranch branch = one.branch;
    branch.worst = one.trouble.kind;
    if (one.since) branch.lasted = clock_.steady() - *one.since;
    return branch;
  }

  static std::string said(const Open& one) {
    if (one.trouble.kind == Kind::none) return one.branch.reason;
    return std::string(to_string(one.trouble.kind)) + (one.trouble.reason.empty() ? "" : ": " + one.trouble.reason);
  }

  static std::string look_closer(const Open& one) {
    return "traffic stays where it was; `kubectl describe pods -n " + one.key().name_space +
           " -l mlctl.dev/revision=" + revision_in(one.key()) + "` says more";
  }

  [[nodiscard]] Error too_late(const Open& one) const {
    const auto why = said(one);
    return {Error::Kind::timeout,
            to_string(one.key()) + " is not ready after " + human_duration(limit_) +
                (why.empty() ? "" : ": " + escape_control(why)) + failed_branch(now(one)),
            look_closer(one)};
  }

  [[nodiscard]] NotReady will_not_work(const Open& one, const std::string& why) {
    return {{Error::Kind::denied,
             to_string(one.key()) + ": " + escape_control(why) + failed_branch(now(one)) + last_lines(one),
             look_closer(one)},
            true};
  }

  void look(const Watch& watch) {
    std::map<std::string, const std::map<ObjectKey, Json>*> deployments;           // by namespace
    std::map<std::pair<std::string, std::string>, std::vector<const Json*>> pods;  // by namespace and revision
    for (std::size_t i = 0; i < queries_.size(); i += 2) {
      deployments[queries_[i].list.name_space] = &watch.objects(i);
      for (const auto& [key, pod] : watch.objects(i + 1))
        pods[{key.name_space, label_of(pod, "mlctl.dev/revision")}].push_back(&pod);
    }
    std::vector<Open> left;
    for (auto& one : open_) {
      const auto& there = *deployments[one.key().name_space];
      const auto found = there.find(one.key());
      if (found == there.end()) {
        out_[one.index] =
            NotReady{{Error::Kind::not_found, to_string(one.key()) + " is gone", "somebody has deleted it"}};
        continue;
      }
      const auto health = health_of(found->second);
      if (health.kind == Health::Kind::ready) continue;
      one.branch.reason = health.reason;
      note_trouble(one, found->second, pods[{one.key().name_space, revision_in(one.key())}]);
      if (health.kind == Health::Kind::failed)
        out_[one.index] = will_not_work(one, health.reason);
      else if (one.patience_ends() <= clock_.steady())
        out_[one.index] = will_not_work(one, said(one));
      else
        left.push_back(std::move(one));
    }
    open_ = std::move(left);
  }

  void note_trouble(Open& one, const Json& deployment, const std::vector<const Json*>& pods) const {
    one.branch.made = trouble_of_deployment(deployment);
    one.branch.pods.clear();
    PodTrouble worst = one.branch.made;
    one.pod = {};
    for (const Json* pod : pods) {
      auto trouble = trouble_of(*pod);
      if (trouble.kind == Kind::none) continue;
      if (trouble.kind > worst.kind) {
        worst = trouble;
        one.pod = key_of(*pod);
      }
      add(one.branch.pods, key_of(*pod).name, std::move(trouble));
    }
    std::stable_sort(one.branch.pods.begin(), one.branch.pods.end(),
                     [](const auto& a, const auto& b) { return a.trouble.kind > b.trouble.kind; });
    if (worst.kind != one.trouble.kind || !one.since) one.since = clock_.steady();
    one.trouble = std::move(worst);
  }

  static void add(std::vector<WaitBranch::Pods>& groups, const std::string& name, PodTrouble trouble) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return group.trouble.kind == trouble.kind && group.trouble.reason == trouble.reason;
    });
    if (same == groups.end()) {
      groups.push_back({{name}, std::move(trouble)});
      return;
    }
    same->names.push_back(name);
    same->trouble.restarts = std::max(same->trouble.restarts, trouble.restarts);
  }

  // Of a container that ended; "" where there are none to be had.
  std::string last_lines(const Open& one) {
    if (one.trouble.kind != Kind::crash) return "";
    ApiRequest request{.path = path_of({"v1", "Pod", "pods", true}, one.pod) + "/log",
                       .query = {{"tailLines", std::to_string(log_lines)}, {"previous", "true"}},
                       .accept = "*/*",
                       .about = "log of " + one.pod.name};
    auto answer = send_one(cluster_, request);
    if (!answer) {
      request.query.pop_back();  // it has not been started again yet
      answer = send_one(cluster_, request);
    }
    if (!answer || answer->body.empty()) return "";
    std::string out = "\nits last lines:";
    const auto text = answer->body.substr(0, log_limit);
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      out += "\n  " + escape_control(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return out;
  }

  Cluster& cluster_;
  Clock& clock_;
  Progress& progress_;
  Duration limit_;
  std::vector<WatchQuery> queries_;
  std::vector<Open> open_;
  std::vector<std::optional<NotReady>> out_;
};

}  // namespace

Duration patience_with(Kind kind) {
  switch (kind) {
    case Kind::unschedulable:
      return minutes(10);  // an autoscaler of nodes, above all one with GPUs, takes its time
    case Kind::quota:
      return minutes(5);  // what others of the tenant are about to give back
    case Kind::image:
      return minutes(2);       // a registry that does not answer for a moment
    case Kind::admission:      // a webhook that is being restarted
    case Kind::configuration:  // a Secret that comes a little later
      return minutes(1);
    case Kind::crash:
      return seconds(45);  // what crashes twice crashes for ever
    case Kind::none:
    case Kind::starting:
    case Kind::not_ready:
      break;
  }
  return Duration::max();
}

std::vector<std::optional<NotReady>> wait_until_ready(const std::vector<Awaited>& all, Duration limit,
                                                      const WaitSeams& seams) {
  return Waiter(all, limit, seams).wait();
}

}  // namespace mlctl::deploy
