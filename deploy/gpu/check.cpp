#include "deploy/gpu/check.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/interrupt.h"
#include "deploy/cluster/dry_run.h"
#include "deploy/cluster/fields.h"
#include "deploy/cluster/list.h"
#include "deploy/cluster/live.h"
#include "deploy/cluster/state.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::seconds;

constexpr std::size_t log_limit = 4U << 20U;  // bytes of one report; of eight GPUs it has 200 KiB
constexpr seconds look_again{1};
constexpr seconds until_gone{30};  // for a Job of before that is being removed
constexpr seconds last_words{10};
constexpr int tries_of_a_mark = 10;

Resource node_resource() {
  return {"v1", "Node", "nodes", false};
}
Resource pod_resource() {
  return {"v1", "Pod", "pods", true};
}

class Check {
 public:
  Check(const GpuCheckSeams& seams, Resource jobs, const std::vector<GpuNode>& nodes, const GpuJobRequest& request,
        const GpuPatience& patience)
      : cluster_(seams.cluster),
        clock_(seams.clock),
        progress_(seams.progress),
        jobs_(std::move(jobs)),
        request_(request),
        patience_(patience) {
    for (const auto& node : nodes) answers_.push_back({.node = node});
  }

  Result<std::vector<GpuNodeAnswer>> run() {
    progress_.step("checking " + count_text(answers_.size(), "GPU node"));
    auto done = begin();
    while (done && !waiting_.empty()) {
      clock_.sleep_until(clock_.steady() + look_again);
      done = interrupted() ? Status(interrupted_error()) : look();
    }
    clear();
    progress_.finish(done ? Symbol::pass : Symbol::fail, done ? "" : done.error().message);
    if (!done) return done.error();
    return std::move(answers_);
  }

 private:
  // All at once; those whose name is taken by a Job that is over, again, when that is gone.
  Status begin() {
    std::set<std::size_t> left;
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      if (const auto& node = answers_[i].node; !node.ready)
        answers_[i].problem = "the node is not ready";
      else if (node.count == 0)
        answers_[i].problem = node.in_parts ? "it offers MIG devices alone, of which there is no check"
                                            : "it offers no GPU: its driver or its device plugin does not work";
      else
        left.insert(i);
    }
    const auto deadline = clock_.steady() + until_gone;
    for (;;) {
      if (auto made = create(left); !made) return made;
      if (left.empty()) return ok();
      if (interrupted()) return interrupted_error();
      if (clock_.steady() > deadline) break;
      clock_.sleep_until(clock_.steady() + look_again);
    }
    for (const auto i : left) answers_[i].problem = "the Job of a check before does not go away";
    return ok();
  }

  Status create(std::set<std::size_t>& left) {
    std::vector<ApiRequest> requests;
    const std::vector<std::size_t> tried(left.begin(), left.end());
    for (const auto i : tried)
      requests.push_back(
          {.method = "POST",
           .path = path_of(jobs_, request_.name_space),
           .query = {{"fieldManager", field_manager}, {"fieldValidation", "Strict"}},
           .body = gpu_job(answers_[i].node, request_).dump(-1, ' ', false, Json::error_handler_t::replace),
           .content_type = "application/json",
           .about = "Job for node " + answers_[i].node.name,
           .again = false});
    const auto sent = cluster_.send(requests, {});
    auto all = ok();
    for (std::size_t k = 0; k < sent.size(); ++k) {
      auto one = take_made(tried[k], requests[k], sent[k], left);
      if (all) all = std::move(one);  // the others were made all the same, and are to be removed
    }
    return all;
  }

  Status take_made(std::size_t index, const ApiRequest& request, const Result<ApiAnswer>& answer,
                   std::set<std::size_t>& left) {
    if (!answer) {
      unheard_.insert(index);
      return answer.error();
    }
    if (answer->status == 409) return make_room(index, left);
    if (!is_fine(*answer)) return error_of(cluster_, request, *answer);
    left.erase(index);
    waiting_[index] = clock_.steady();
    uids_[index] = uid_of(Json::parse(answer->body, nullptr, false));
    return ok();
  }

  Status make_room(std::size_t index, std::set<std::size_t>& left) {
    const ApiRequest read{.path = path_of(jobs_, key_of_job(index)),
                          .about = "Job for node " + answers_[index].node.name};
    auto answers = cluster_.send({read}, {});
    if (!answers.front()) return answers.front().error();
    if (answers.front()->status == 404) return ok();
    if (!is_fine(*answers.front())) return error_of(cluster_, read, *answers.front());
    const Json job = Json::parse(answers.front()->body, nullptr, false);
    if (is_going(job)) return ok();
    if (!end_of(job, {}).over) {
      answers_[index].problem = "it is being checked already, since " +
                                text_field(field(job, "metadata"), "creationTimestamp") + " (Job " +
                                key_of_job(index).name_space + "/" + key_of_job(index).name + ")";
      left.erase(index);
      return ok();
    }
    static_cast<void>(
        cluster_.send({removal_request(jobs_, key_of_job(index), {uid_of(job), resource_version_of(job)})}, {}));
    return ok();
  }

  Status look() {
    ListQuery jobs{.resource = jobs_, .name_space = request_.name_space, .label_selector = gpu_job_selector};
    ListQuery pods{.resource = pod_resource(), .name_space = request_.name_space, .label_selector = gpu_job_selector};
    auto lists = list_all(cluster_, {jobs, pods});
    if (!lists) return lists.error();
    std::map<std::string, const Json*> by_name;
    for (const auto& job : lists->front().items) by_name[key_of(job).name] = &job;
    std::vector<std::pair<std::size_t, GpuJobEnd>> ended;
    for (const auto& [index, since] : waiting_) {
      const auto job = by_name.find(gpu_job_name(answers_[index].node.name));
      auto end = job == by_name.end() ? GpuJobEnd{.over = true, .problem = "somebody removed its Job"}
                                      : end_of(*job->second, lists->back().items);
      const auto waited = clock_.steady() - since;
      const bool late = waited > request_.limit + until_gone;
      if (late && end.exit_code < 0 && !end.over)
        end.problem = "no answer within its deadline" + (end.problem.empty() ? "" : " (" + end.problem + ")");
      const bool given_up =
          late || (end.unschedulable && waited > patience_.unscheduled) || (end.no_image && waited > patience_.image);
      if (end.exit_code >= 0 || end.over || given_up) ended.emplace_back(index, std::move(end));
    }
    return take(ended);
  }

  Status take(const std::vector<std::pair<std::size_t, GpuJobEnd>>& ended) {
    std::vector<ApiRequest> requests;
    std::vector<std::size_t> places;
    for (const auto& [index, end] : ended) {
      waiting_.erase(index);
      answers_[index].problem = end.problem;
      answers_[index].exit_code = end.exit_code;
      if (end.pod.empty()) continue;
      requests.push_back(
          {.path = path_of(pod_resource(), ObjectKey{"v1", "Pod", request_.name_space, end.pod}) + "/log",
           .query = {{"limitBytes", std::to_string(log_limit)}},
           .accept = "*/*",
           .about = "log of pod " + end.pod,
           .limit = 2 * log_limit});
      places.push_back(index);
    }
    auto logs = cluster_.send(requests, {});
    for (std::size_t i = 0; i < logs.size(); ++i) {
      if (!logs[i]) return logs[i].error();
      auto& answer = answers_[places[i]];
      if (is_fine(*logs[i])) {
        answer.log = std::move(logs[i]->body);
        continue;
      }
      const auto error = error_of(cluster_, requests[i], *logs[i]);
      if (error.kind == Error::Kind::credentials) return error;
      answer.problem = error.message;
    }
    progress_.update(std::to_string(uids_.size() - waiting_.size()) + " of " + std::to_string(uids_.size()));
    return ok();
  }

  // Ours alone; whatever happens to it, the server removes it an hour after its end.
  void clear() {
    const LastWords allowed(last_words);
    find_unheard_of();
    std::vector<ApiRequest> requests;
    std::vector<std::string> names;
    for (const auto& [index, uid] : uids_) {
      requests.push_back(removal_request(jobs_, key_of_job(index), {uid, ""}));
      names.push_back(key_of_job(index).name_space + "/" + key_of_job(index).name);
    }
    const auto answers = cluster_.send(requests, {});
    for (std::size_t i = 0; i < answers.size(); ++i) {
      // 409: its name is somebody else's by now.
      if (answers[i] && (is_fine(*answers[i]) || answers[i]->status == 404 || answers[i]->status == 409)) continue;
      progress_.note("Job " + names[i] + " could not be removed, and goes an hour after its end: " +
                     (answers[i] ? error_of(cluster_, requests[i], *answers[i]) : answers[i].error()).message);
    }
  }

  // A Job may have been made whose server could not say so any more.
  void find_unheard_of() {
    std::vector<ApiRequest> requests;
    const std::vector<std::size_t> places(unheard_.begin(), unheard_.end());
    for (const auto i : places)
      requests.push_back({.path = path_of(jobs_, key_of_job(i)), .about = "Job for node " + answers_[i].node.name});
    const auto answers = cluster_.send(requests, {});
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i] || !is_fine(*answers[i])) continue;
      const Json job = Json::parse(answers[i]->body, nullptr, false);
      if (text_field(field(field(job, "metadata"), "annotations"), run_annotation) == request_.run)
        uids_[places[i]] = uid_of(job);
    }
  }

  [[nodiscard]] ObjectKey key_of_job(std::size_t index) const {
    return {jobs_.api_version, jobs_.kind, request_.name_space, gpu_job_name(answers_[index].node.name)};
  }

  Cluster& cluster_;
  Clock& clock_;
  Progress& progress_;
  Resource jobs_;
  const GpuJobRequest& request_;
  const GpuPatience& patience_;
  std::vector<GpuNodeAnswer> answers_;
  std::map<std::size_t, SteadyTime> waiting_;  // places in answers_, since when
  std::map<std::size_t, std::string> uids_;    // of the Jobs that are ours
  std::set<std::size_t> unheard_;              // places whose Job may have been made
};

}  // namespace

Result<std::vector<GpuNode>> find_gpu_nodes(Cluster& cluster, const std::vector<std::string>& only) {
  auto lists = list_all(cluster, {{.resource = node_resource()}});
  if (!lists) return lists.error();
  auto nodes = gpu_nodes(lists->front().items);
  for (const auto& name : only)
    if (std::none_of(nodes.begin(), nodes.end(), [&](const GpuNode& node) { return node.name == name; }))
      return Error{Error::Kind::not_found,
                   "no node " + escape_control(name) + " with GPUs in context " + cluster.context(),
                   "`kubectl --context " + shell_word(cluster.context()) + " get nodes` shows what is there"};
  if (!only.empty())
    std::erase_if(nodes,
                  [&](const GpuNode& node) { return std::find(only.begin(), only.end(), node.name) == only.end(); });
  if (nodes.empty())
    return Error{Error::Kind::not_found, "no node of context " + cluster.context() + " offers " + gpu_resource,
                 "the NVIDIA device plugin or GPU operator makes nodes offer their GPUs"};
  return nodes;
}

Result<std::vector<GpuNodeAnswer>> check_gpus(const GpuCheckSeams& seams, const std::vector<GpuNode>& nodes,
                                              const GpuJobRequest& request, const GpuPatience& patience) {
  auto jobs = seams.discovery.find("batch/v1", "Job");
  if (!jobs) return jobs.error();
  return Check(seams, std::move(*jobs), nodes, request, patience).run();
}

// A kubelet writes to its node all the time; the taints are those of the node that was read last.
Status mark_nodes(Cluster& cluster, const std::vector<GpuMark>& marks) {
  std::vector<GpuMark> left = marks;
  for (int i = 0; i < tries_of_a_mark && !left.empty(); ++i) {
    std::vector<ApiRequest> reads, writes;
    for (const auto& mark : left)
      reads.push_back(
          {.path = path_of(node_resource(), ObjectKey{"v1", "Node", "", mark.node}), .about = "Node " + mark.node});
    const auto nodes = cluster.send(reads, {});
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      if (!nodes[k]) return nodes[k].error();
      if (!is_fine(*nodes[k])) return error_of(cluster, reads[k], *nodes[k]);
      writes.push_back({.method = "PATCH",
                        .path = reads[k].path,
                        .query = {{"fieldManager", field_manager}},
                        .body = mark_patch(Json::parse(nodes[k]->body, nullptr, false), left[k])
                                    .dump(-1, ' ', false, Json::error_handler_t::replace),
                        .content_type = "application/merge-patch+json",
                        .about = reads[k].about});
    }
    std::vector<GpuMark> again;
    const auto answers = cluster.send(writes, {});
    for (std::size_t k = 0; k < answers.size(); ++k) {
      if (!answers[k]) return answers[k].error();
      if (answers[k]->status == 409)
        again.push_back(left[k]);
      else if (!is_fine(*answers[k]))
        return error_of(cluster, writes[k], *answers[k]);
    }
    left = std::move(again);
  }
  if (left.empty()) return ok();
  return Error{Error::Kind::conflict,
               "Node " + escape_control(left.front().node) + ": somebody changes it all the time",
               "run the command again"};
}

}  // namespace mlctl::deploy
