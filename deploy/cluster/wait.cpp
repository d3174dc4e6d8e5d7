#include "deploy/cluster/wait.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/health.h"
#include "deploy/cluster/list.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using Kind = PodTrouble::Kind;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds look_again{1};
constexpr int log_lines = 10;
constexpr std::size_t log_limit = 4096;  // bytes of them

std::string revision_in(const ObjectKey& deployment) {
  return deployment.name.substr(deployment.name.rfind('-') + 1);
}

// One Deployment that is waited for.
struct Awaited {
  std::size_t index = 0;
  ObjectKey key;
  std::string reason;               // of the Deployment itself
  PodTrouble trouble;               // the worst of its pods
  Json pod;                         // that has it
  std::optional<SteadyTime> since;  // when that trouble began
};

class Waiter {
 public:
  Waiter(const std::vector<ObjectKey>& keys, Duration limit, const WaitSeams& seams)
      : cluster_(seams.cluster), clock_(seams.clock), progress_(seams.progress), limit_(limit), out_(keys.size()) {
    for (std::size_t i = 0; i < keys.size(); ++i) open_.push_back({.index = i, .key = keys[i]});
  }

  std::vector<std::optional<Error>> wait() {
    if (open_.empty()) return out_;
    const auto count = open_.size();
    const auto deadline = clock_.steady() + limit_;
    progress_.step("waiting for " + count_text(count, "model"));
    for (;;) {
      look();
      look_at_pods();
      if (open_.empty()) break;
      if (interrupted() || clock_.steady() >= deadline) {
        for (const auto& one : open_) out_[one.index] = interrupted() ? interrupted_error() : too_late(one);
        break;
      }
      progress_.update(to_string(open_.front().key) + ": " + said(open_.front()));
      clock_.sleep_until(std::min(clock_.steady() + look_again, deadline));
    }
    const bool fine = std::none_of(out_.begin(), out_.end(), [](const auto& error) { return error.has_value(); });
    progress_.finish(fine ? Symbol::pass : Symbol::fail, fine ? "ready" : "not ready");
    return std::move(out_);
  }

 private:
  static std::string said(const Awaited& one) {
    if (one.trouble.kind == Kind::none) return one.reason;
    return std::string(to_string(one.trouble.kind)) + (one.trouble.reason.empty() ? "" : ": " + one.trouble.reason);
  }

  static std::string look_closer(const Awaited& one) {
    return "traffic stays where it was; `kubectl describe pods -n " + one.key.name_space +
           " -l mlctl.dev/revision=" + revision_in(one.key) + "` says more";
  }

  [[nodiscard]] Error too_late(const Awaited& one) const {
    const auto why = said(one);
    return {Error::Kind::timeout,
            to_string(one.key) + " is not ready after " + human_duration(limit_) +
                (why.empty() ? "" : ": " + escape_control(why)),
            look_closer(one)};
  }

  void look() {
    std::vector<ApiRequest> requests;
    for (const auto& one : open_)
      requests.push_back(
          {.path = path_of({"apps/v1", "Deployment", "deployments", true}, one.key), .about = to_string(one.key)});
    const auto answers = cluster_.send(requests, {});
    std::vector<Awaited> left;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      Awaited one = std::move(open_[i]);
      const auto& answer = answers[i];
      if (!answer || !is_fine(*answer)) {
        out_[one.index] = answer ? error_of(cluster_, requests[i], *answer) : answer.error();
        continue;
      }
      const auto health = health_of(Json::parse(answer->body, nullptr, false));
      if (health.kind == Health::Kind::ready) continue;
      if (health.kind == Health::Kind::failed) {
        out_[one.index] =
            Error{Error::Kind::denied, to_string(one.key) + ": " + escape_control(health.reason), look_closer(one)};
        continue;
      }
      one.reason = health.reason;
      left.push_back(std::move(one));
    }
    open_ = std::move(left);
  }

  // Whoever may not read pods waits all the same, and hears less.
  void look_at_pods() {
    std::vector<ListQuery> queries;
    for (const auto& one : open_)
      queries.push_back(
          {{"v1", "Pod", "pods", true}, one.key.name_space, "mlctl.dev/revision=" + revision_in(one.key)});
    auto lists = queries.empty() ? std::vector<Listing>() : list_or_nothing(queries);
    std::vector<Awaited> left;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      Awaited one = std::move(open_[i]);
      if (i < lists.size()) note_trouble(one, lists[i].items);
      const bool over = one.since && clock_.steady() - *one.since >= patience_with(one.trouble.kind);
      if (one.trouble.kind == Kind::none || !over) {
        left.push_back(std::move(one));
        continue;
      }
      out_[one.index] =
          Error{Error::Kind::denied, to_string(one.key) + ": " + escape_control(said(one)) + last_lines(one),
                look_closer(one)};
    }
    open_ = std::move(left);
  }

  std::vector<Listing> list_or_nothing(const std::vector<ListQuery>& queries) {
    auto lists = list_all(cluster_, queries);
    return lists ? std::move(*lists) : std::vector<Listing>();
  }

  void note_trouble(Awaited& one, Objects& pods) const {
    PodTrouble worst;
    Json pod;
    for (auto& candidate : pods)
      if (auto trouble = trouble_of(candidate); trouble.kind > worst.kind) {
        worst = std::move(trouble);
        pod = std::move(candidate);
      }
    if (worst.kind != one.trouble.kind || !one.since) one.since = clock_.steady();
    one.trouble = std::move(worst);
    one.pod = std::move(pod);
  }

  // Of a container that ended; "" where there are none to be had.
  std::string last_lines(const Awaited& one) {
    if (one.trouble.kind != Kind::crash || !one.pod.is_object()) return "";
    ApiRequest request{.path = path_of({"v1", "Pod", "pods", true}, key_of(one.pod)) + "/log",
                       .query = {{"tailLines", std::to_string(log_lines)}, {"previous", "true"}},
                       .accept = "*/*",
                       .about = "log of " + key_of(one.pod).name};
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
  std::vector<Awaited> open_;
  std::vector<std::optional<Error>> out_;
};

}  // namespace

Duration patience_with(Kind kind) {
  switch (kind) {
    case Kind::unschedulable:
      return minutes(10);  // an autoscaler of nodes, above all one with GPUs, takes its time
    case Kind::image:
      return minutes(2);  // a registry that does not answer for a moment
    case Kind::configuration:
      return minutes(1);  // a Secret that comes a little later
    case Kind::crash:
      return seconds(45);  // what crashes twice crashes for ever
    case Kind::none:
    case Kind::starting:
    case Kind::not_ready:
      break;
  }
  return Duration::max();
}

std::vector<std::optional<Error>> wait_until_ready(const std::vector<ObjectKey>& deployments, Duration limit,
                                                   const WaitSeams& seams) {
  return Waiter(deployments, limit, seams).wait();
}

}  // namespace mlctl::deploy
