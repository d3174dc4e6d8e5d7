// What an API server, its objects and watches, an exec plugin and a kubeconfig may say: nothing crashes, no control
// characters get into a message, a state that is accepted is written and read back to the same, and what a watch says
// means the same however its bytes arrive.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/filesystem.h"
#include "deploy/cluster/access.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/compare.h"
#include "deploy/cluster/credentials.h"
#include "deploy/cluster/discovery.h"
#include "deploy/cluster/health.h"
#include "deploy/cluster/pods.h"
#include "deploy/cluster/state.h"
#include "deploy/cluster/watch_state.h"

using namespace mlctl;
using namespace mlctl::deploy;

namespace {

struct Nobody : Cluster {
  std::string name = "fuzz";
  [[nodiscard]] const std::string& context() const override { return name; }
  std::vector<Result<ApiAnswer>> send(const std::vector<ApiRequest>&,
                                      const std::function<void(std::size_t)>&) override {
    return {};
  }
};

void require(bool holds) {
  if (!holds) std::abort();
}

void check_answer(const std::string& text) {
  const Nobody cluster;
  for (const int status : {400, 403, 404, 409, 422, 500}) {
    const auto error = error_of(cluster, {.method = "PATCH", .path = "/x", .about = "Pod a"}, {status, text, {}});
    for (const char c : error.message + error.hint) require(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  }
  for (const auto& resource : parse_discovery(text) ? *parse_discovery(text) : std::vector<Resource>())
    require(!resource.kind.empty() && !resource.plural.empty());
  static_cast<void>(parse_exec_answer(text, "client.authentication.k8s.io/v1"));
}

void check_object(const std::string& text) {
  const auto object = nlohmann::ordered_json::parse(text, nullptr, false);
  if (object.is_discarded()) return;
  static_cast<void>(health_of(object));
  static_cast<void>(shortage_in(trouble_of(object).reason + trouble_of_deployment(object).reason));
  require(lies_in(object, object));
  const auto plain = without_bookkeeping(object);
  require(without_bookkeeping(plain) == plain);
  const auto state = parse_state(object);
  if (!state) return;
  const auto again = parse_state(to_object(*state));
  require(static_cast<bool>(again) && again->assignment == state->assignment && again->stable == state->stable);
}

WatchState watched(const std::vector<std::string_view>& pieces) {
  const SteadyTime now{std::chrono::minutes(1)};
  WatchState state({.resource = {"v1", "Pod", "pods", true}}, std::chrono::seconds(2), 1);
  static_cast<void>(state.listed({{}, "1"}, now));
  state.opened(now);
  for (const auto piece : pieces)
    if (state.heard(piece, now).over) break;
  return state;
}

void check_watch(std::string_view text) {
  const auto whole = watched({text});
  const auto halves = watched({text.substr(0, text.size() / 2), text.substr(text.size() / 2)});
  require(whole.objects() == halves.objects() && whole.version() == halves.version());
  require(whole.listens() == halves.listens() && whole.due() == halves.due());
}

void check_kubeconfig(const std::string& text) {
  static const auto folder = *TemporaryFolder::create();
  if (!write_file(folder.path() / "config", text)) return;
  const auto access = read_kubeconfig({folder.path() / "config"}, "");
  if (access) require(access->server.starts_with("http"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_answer(text);
  check_object(text);
  check_watch(text);
  check_kubeconfig(text);
  return 0;
}
