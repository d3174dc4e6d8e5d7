#include "deploy/cluster/routes.h"

#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/fields.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds look_again{500};

struct Waiting {
  std::size_t place = 0;  // among the routes
  std::string trouble;    // that was seen last
  bool told = false;
};

class RouteWait {
 public:
  RouteWait(const std::vector<ObjectKey>& routes, Cluster& cluster, Clock& clock, const RoutePatience& patience)
      : routes_(routes), cluster_(cluster), clock_(clock), patience_(patience), errors_(routes.size()) {
    for (std::size_t i = 0; i < routes.size(); ++i) waiting_.push_back({i, "", false});
  }

  std::vector<std::optional<Error>> run() {
    const auto begun = clock_.steady();
    for (;;) {
      look();
      const auto waited = clock_.steady() - begun;
      std::erase_if(waiting_, [&](const Waiting& one) { return is_done(one, waited); });
      if (waiting_.empty()) return std::move(errors_);
      clock_.sleep_until(clock_.steady() + look_again);
    }
  }

 private:
  void look() {
    std::vector<ApiRequest> requests;
    for (const auto& one : waiting_)
      requests.push_back(
          {.path = path_of({"gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", true}, routes_[one.place]),
           .about = to_string(routes_[one.place])});
    const auto answers = cluster_.send(requests, {});
    std::vector<Waiting> left;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      auto one = waiting_[i];
      if (!answers[i] || !is_fine(*answers[i])) {
        errors_[one.place] = answers[i] ? error_of(cluster_, requests[i], *answers[i]) : answers[i].error();
        continue;
      }
      const auto status = route_status(Json::parse(answers[i]->body, nullptr, false));
      if (status.followed) continue;
      one.told = status.told;
      one.trouble = status.trouble;
      left.push_back(std::move(one));
    }
    waiting_ = std::move(left);
  }

  // What is in trouble may get out of it: a Gateway or a Service that is a moment younger than the route.
  bool is_done(const Waiting& one, Duration waited) {
    const auto name = to_string(routes_[one.place]);
    if (interrupted()) {
      errors_[one.place] = interrupted_error();
      return true;
    }
    if (!one.told) return waited >= patience_.silence;
    if (waited < patience_.limit) return false;
    errors_[one.place] =
        one.trouble.empty()
            ? Error{Error::Kind::timeout,
                    name + ": its gateway does not say that it follows it, after " + human_duration(waited),
                    "what served before is kept; `mlctl apply` goes on from here"}
            : Error{Error::Kind::denied, name + ": its gateway says: " + escape_control(one.trouble),
                    "`route:` of the environment names the Gateway and the host"};
    return true;
  }

  const std::vector<ObjectKey>& routes_;
  Cluster& cluster_;
  Clock& clock_;
  const RoutePatience& patience_;
  std::vector<std::optional<Error>> errors_;
  std::vector<Waiting> waiting_;
};

}  // namespace

RouteStatus route_status(const Json& route) {
  RouteStatus out;
  const auto generation = number_field(field(route, "metadata"), "generation");
  const Json& parents = field(field(route, "status"), "parents");
  out.told = parents.is_array() && !parents.empty();
  out.followed = out.told;
  if (!out.told) return out;
  for (const auto& parent : parents)
    for (const char* type : {"Accepted", "ResolvedRefs"}) {
      const Json& one = condition(parent, type);
      const bool current = number_field(one, "observedGeneration") >= generation;
      if (current && text_field(one, "status") == "False")
        out.trouble = std::string(type) + ": " + text_field(one, "reason") + ": " + text_field(one, "message");
      out.followed = out.followed && (one.is_null() || (current && text_field(one, "status") == "True"));
    }
  return out;
}

std::vector<std::optional<Error>> wait_for_routes(const std::vector<ObjectKey>& routes, Cluster& cluster, Clock& clock,
                                                  Progress& progress, const RoutePatience& patience) {
  if (routes.empty()) return {};
  progress.step("waiting until the gateway follows " + count_text(routes.size(), "route"));
  auto errors = RouteWait(routes, cluster, clock, patience).run();
  std::size_t failed = 0;
  for (const auto& error : errors) failed += error ? 1 : 0;
  progress.finish(failed == 0 ? Symbol::pass : Symbol::fail,
                  failed == 0 ? "" : count_text(failed, "route") + " not followed");
  return errors;
}

}  // namespace mlctl::deploy
