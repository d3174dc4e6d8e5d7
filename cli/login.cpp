// mlctl login, mlctl logout: credentials of a registry, where docker keeps them.
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <ostream>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/workplace.h"
#include "registry/docker_config.h"
#include "registry/remote_store.h"

namespace mlctl::cli {
namespace {

struct LoginOptions {
  std::string host;
  std::optional<std::string> username;
  bool password_stdin = false;
};

constexpr std::size_t secret_limit = 64U << 10U;

// No echo as long as it lives.
class Quiet {
 public:
  Quiet() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~Quiet() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

// Up to the end of the line, or of the input. Ctrl-C wakes a poll.
Result<std::string> read_line() {
  std::string line;
  while (line.size() < secret_limit) {
    std::array<pollfd, 2> watched{{{STDIN_FILENO, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}}};
    const auto ready = ::poll(watched.data(), watched.size(), -1);
    if (interrupted()) return interrupted_error();
    if (ready < 0 && errno == EINTR) continue;
    char c = 0;
    if (ready < 0 || ::read(STDIN_FILENO, &c, 1) <= 0 || c == '\n') break;
    line += c;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

Result<std::string> ask(const std::string& question, bool secret, Context& context) {
  context.err << question << ": " << std::flush;
  const auto quiet = secret ? std::make_unique<Quiet>() : nullptr;
  auto answer = read_line();
  if (secret) context.err << "\n" << std::flush;
  return answer;
}

Result<registry::Credentials> read_credentials(const LoginOptions& options, Context& context) {
  const bool terminal = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
  if (!terminal && (!options.password_stdin || !options.username))
    return Error{Error::Kind::usage, "nobody can be asked for a name and a password here",
                 "`mlctl login " + options.host + " --username U --password-stdin < FILE`"};
  auto username = options.username ? Result<std::string>(*options.username) : ask("Username", false, context);
  if (!username) return username.error();
  auto password = options.password_stdin ? read_line() : ask("Password", true, context);
  if (!password) return password.error();
  if (username->empty() || password->empty() || username->find(':') != std::string::npos)
    return Error{Error::Kind::usage, "a username without a colon and a password are needed", ""};
  return registry::Credentials{*username, *password, "", ""};
}

int run_login(const LoginOptions& options, Context& context) {
  auto host = registry::parse_registry_host(options.host);
  if (!host) return context.fail(host.error());
  auto settings = remote_settings(context);
  if (!settings) return context.fail(settings.error());
  auto config = registry::docker_config_path();
  if (!config) return context.fail(config.error());
  auto credentials = read_credentials(options, context);
  if (!credentials) return context.fail(credentials.error());
  const registry::RemoteAddress address{*host, "", context.plain_http};
  auto taken = registry::check_credentials(address, *settings, *credentials, context.clock);
  if (!taken && taken.error().kind == Error::Kind::credentials)
    return context.fail({Error::Kind::credentials, *host + " refuses the name or the password", ""});
  if (!taken) return context.fail(taken.error());
  std::string kept;
  if (!context.dry_run) {
    auto stored = registry::store_credentials(*config, *host, *credentials);
    if (!stored) return context.fail(stored.error());
    kept = std::move(*stored);
  }
  context.print(
      {{"schemaVersion", 1}, {"host", *host}, {"username", credentials->username}, {"storedIn", kept}},
      [&](const Style&) { return "logged in to " + *host + " as " + escape_control(credentials->username) + "\n"; });
  context.note(context.dry_run
                   ? "dry run: nothing was written"
                   : "kept in " + kept + (kept == config->string() ? ", readable by you alone, not encrypted" : ""));
  return 0;
}

int run_logout(const std::string& text, Context& context) {
  auto host = registry::parse_registry_host(text);
  if (!host) return context.fail(host.error());
  auto config = registry::docker_config_path();
  if (!config) return context.fail(config.error());
  if (context.dry_run) {
    context.note("dry run: nothing was removed");
    return 0;
  }
  auto erased = registry::erase_credentials(*config, *host);
  if (!erased) return context.fail(erased.error());
  context.print({{"schemaVersion", 1}, {"host", *host}, {"removed", *erased}}, [&](const Style&) {
    return *erased ? "logged out of " + *host + "\n" : "was not logged in to " + *host + "\n";
  });
  return 0;
}

Option host_argument(std::string& target) {
  return {.name = "HOST", .help = "the registry: HOST[:PORT]", .target = &target, .required = true};
}

}  // namespace

Command login_command() {
  auto options = std::make_shared<LoginOptions>();
  return {.name = "login",
          .group = Group::other,
          .summary = "Keep the credentials of a registry",
          .description =
              "They are tried first, and kept where docker keeps them: in the helper that its config.json names\n"
              "(credsStore, credHelpers), else in that file. `docker login` does as well.",
          .examples = {{"asks for name and password", "mlctl login registry.example"},
                       {"in CI", "mlctl login registry.example --username ci --password-stdin <<< \"$TOKEN\""}},
          .arguments = {host_argument(options->host)},
          .options = {{.name = "username",
                       .letter = 'u',
                       .value = "U",
                       .help = "the name; else it is asked for",
                       .target = &options->username},
                      {.name = "password-stdin",
                       .help = "the password, or a token, is the first line of standard input",
                       .target = &options->password_stdin}},
          .changes = true,
          .run = [options](Context& context) { return run_login(*options, context); }};
}

Command logout_command() {
  auto host = std::make_shared<std::string>();
  return {.name = "logout",
          .group = Group::other,
          .summary = "Forget the credentials of a registry",
          .examples = {{"", "mlctl logout registry.example"}},
          .arguments = {host_argument(*host)},
          .changes = true,
          .run = [host](Context& context) { return run_logout(*host, context); }};
}

}  // namespace mlctl::cli
