#include "deploy/cluster/routes.h"

#include <algorithm>
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
  std::optional<Error> unread;  // why it could not be read last
};

bool has_generation(const Json& condition) {
  return field(condition, "observedGeneration").is_number_integer();
}

// Whether the route names this parent: a Gateway, in its own namespace where it says none.
bool is_asked(const Json& route, const Json& parent) {
  const Json& asked = field(field(route, "spec"), "parentRefs");
  if (!asked.is_array() || !parent.is_object()) return true;
  const auto home = text_field(field(route, "metadata"), "namespace");
  const auto place = [&](const Json& one) {
    const auto name_space = text_field(one, "namespace");
    return (name_space.empty() ? home : name_space) + "/" + text_field(one, "name");
  };
  return std::any_of(asked.begin(), asked.end(), [&](const Json& one) { return place(one) == place(parent); });
}

// A Gateway has one controller: another has said something newer of the same parent, and nobody takes away what the
// former one left.
bool is_outlived(const Json& parent, const Json& parents) {
  const Json& about = field(parent, "parentRef");
  const auto generation = [](const Json& one) {
    return number_field(condition(one, "Accepted"), "observedGeneration");
  };
  return about.is_object() && std::any_of(parents.begin(), parents.end(), [&](const Json& other) {
           return field(other, "parentRef") == about &&
                  text_field(other, "controllerName") != text_field(parent, "controllerName") &&
                  generation(other) > generation(parent);
         });
}

class RouteWait {
 public:
  RouteWait(const std::vector<ObjectKey>& routes, Cluster& cluster, Clock& clock, const RoutePatience& patience)
      : routes_(routes), cluster_(cluster), clock_(clock), patience_(patience), errors_(routes.size()) {
    for (std::size_t i = 0; i < routes.size(); ++i) waiting_.push_back({i, "", false, {}});
  }

  [[nodiscard]] std::size_t silent() const { return silent_; }

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
      one.unread.reset();
      if (!answers[i] || !is_fine(*answers[i])) {
        auto error = answers[i] ? error_of(cluster_, requests[i], *answers[i]) : answers[i].error();
        if (error.kind != Error::Kind::unavailable && error.kind != Error::Kind::timeout) {
          errors_[one.place] = std::move(error);
        } else {
          one.unread = std::move(error);
          left.push_back(std::move(one));
        }
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
    if (one.unread) {
      if (waited >= patience_.limit) errors_[one.place] = one.unread;
      return waited >= patience_.limit;
    }
    if (!one.told) {
      const bool silent = waited >= patience_.silence;
      silent_ += silent ? 1 : 0;
      return silent;
    }
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
  std::size_t silent_ = 0;  // of which no gateway says anything
};

}  // namespace

RouteStatus route_status(const Json& route) {
  RouteStatus out;
  const Json& metadata = field(route, "metadata");
  const auto generation = number_field(metadata, "generation");
  const Json& parents = field(field(route, "status"), "parents");
  if (!parents.is_array()) return out;
  bool all = true;
  for (const auto& parent : parents) {
    // What an older route asked for, or says without saying of when, is no word about this one.
    const Json& accepted = condition(parent, "Accepted");
    if (!is_asked(route, field(parent, "parentRef")) || !has_generation(accepted) || is_outlived(parent, parents))
      continue;
    out.told = true;
    for (const Json* one : {&accepted, &condition(parent, "ResolvedRefs")}) {
      if (!has_generation(*one)) continue;
      const bool current = number_field(*one, "observedGeneration") >= generation;
      if (current && text_field(*one, "status") == "False")
        out.trouble = text_field(*one, "type") + ": " + text_field(*one, "reason") + ": " + text_field(*one, "message");
      all = all && current && text_field(*one, "status") == "True";
    }
  }
  out.followed = out.told && all;
  return out;
}

std::vector<std::optional<Error>> wait_for_routes(const std::vector<ObjectKey>& routes, Cluster& cluster, Clock& clock,
                                                  Progress& progress, const RoutePatience& patience) {
  if (routes.empty()) return {};
  progress.step("waiting until the gateway follows " + count_text(routes.size(), "route"));
  RouteWait wait(routes, cluster, clock, patience);
  auto errors = wait.run();
  std::size_t failed = 0;
  for (const auto& error : errors) failed += error ? 1 : 0;
  progress.finish(failed == 0 ? Symbol::pass : Symbol::fail, failed > 0 ? count_text(failed, "route") + " not followed"
                                                             : wait.silent() > 0
                                                                 ? "unproven: no gateway says whether it does"
                                                                 : "");
  return errors;
}

}  // namespace mlctl::deploy
