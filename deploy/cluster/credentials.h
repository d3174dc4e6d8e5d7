// What goes with every request to say who asks: headers and a client certificate, renewed when they have expired or
// were refused. Nothing of them reaches a message. Source: client-go plugin/pkg/client/auth/exec,
// transport/token_source.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/process.h"
#include "base/result.h"
#include "deploy/cluster/access.h"

namespace mlctl::deploy {

struct Identity {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string client_certificate, client_key;  // PEM; "": none
  bool operator==(const Identity&) const = default;
};

class Credentials {
 public:
  using Run = std::function<Result<ProcessResult>(const ProcessSpec& spec, std::chrono::milliseconds limit)>;
  Credentials(ClusterAccess access, Clock& clock, Run run = run_process);

  // Runs the exec plugin, or reads the token's file, when what is known is not good any more. Error{credentials} when
  // they do not give what they should.
  [[nodiscard]] Result<Identity> current();
  // The server took what current() gave for wrong. False: there is no other to be had.
  [[nodiscard]] bool refused();

  [[nodiscard]] const ClusterAccess& access() const { return access_; }

 private:
  Status renew();
  Status run_plugin();
  Status read_token();

  ClusterAccess access_;
  Clock& clock_;
  Run run_;
  std::optional<Identity> identity_;
  std::optional<SteadyTime> good_until_;  // nullopt: for ever
};

// What the plugin is told (KUBERNETES_EXEC_INFO) and what it answers, as JSON.
[[nodiscard]] std::string exec_info(const ClusterAccess& access);
struct ExecAnswer {
  std::string token, client_certificate, client_key;
  std::optional<WallTime> expires;
};
// Error{credentials}: not an ExecCredential of that version, or one without a credential.
[[nodiscard]] Result<ExecAnswer> parse_exec_answer(const std::string& text, const std::string& api_version);

}  // namespace mlctl::deploy
