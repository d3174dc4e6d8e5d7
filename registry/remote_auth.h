// Who may: a registry's 401 answered with Basic credentials or with a token from the service that it names. Tokens are
// kept per scope, renewed before they expire, and when the registry no longer takes them. Several threads may ask.
// Secrets go to the registry, and to a token service only over https (or http, where the registry itself is without
// TLS); they never reach an error. Sources: RFC 9110 section 11, the distribution project's token specification.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/http.h"
#include "base/result.h"
#include "registry/docker_config.h"
#include "registry/remote_address.h"

namespace mlctl::registry {

struct Challenge {
  std::string scheme;                             // lower case
  std::map<std::string, std::string> parameters;  // names in lower case
};
// Of one WWW-Authenticate header. What is malformed ends the list.
[[nodiscard]] std::vector<Challenge> parse_challenges(std::string_view header);

class RemoteAuth {
 public:
  using Lookup = std::function<Result<Credentials>()>;  // asked once
  RemoteAuth(RemoteAddress address, Lookup lookup, Clock& clock)
      : address_(std::move(address)), lookup_(std::move(lookup)), clock_(clock) {}

  // What to send as Authorization for a scope ("repository:NAME:pull,push", several with a blank between): "" as long
  // as the registry has not asked for any.
  [[nodiscard]] Result<std::string> header(HttpClient& http, const std::string& scope);
  // The registry answered 401 to `sent`. Error{credentials}: there is nothing else to offer.
  [[nodiscard]] Result<std::string> renew(HttpClient& http, const std::string& scope, const HttpResponse& refusal,
                                          const std::string& sent);
  // For errors: "as USER", "without credentials".
  [[nodiscard]] std::string who();

 private:
  struct Token {
    std::string value;
    SteadyTime expires;
  };
  Result<const Credentials*> credentials();
  [[nodiscard]] Error refused() const;
  Result<Token> fetch(HttpClient& http, const std::string& scope);
  Result<HttpRequest> token_request(const std::string& scope, const Credentials& known) const;
  Result<std::string> take_token(HttpClient& http, const std::string& scope);

  RemoteAddress address_;
  Lookup lookup_;
  Clock& clock_;
  std::mutex mutex_;
  std::optional<Result<Credentials>> credentials_;  // what the one lookup said
  std::string basic_;                               // the whole header
  std::string realm_, service_;                     // of the token service
  std::string asked_;                               // the scope that the registry named last
  std::map<std::string, Token> tokens_;             // by scope
};

}  // namespace mlctl::registry
