#include "registry/git_libgit2_login.h"

#include <chrono>
#include <cstdlib>
#include <git2.h>
#include <map>
#include <string_view>
#include <utility>

#include "base/process.h"
#include "registry/git_libgit2.h"
#include "registry/helper_environment.h"

namespace mlctl::registry::git {
namespace {

using Config = Handle<git_config, git_config_free>;
using ConfigIterator = Handle<git_config_iterator, git_config_iterator_free>;

constexpr auto helper_limit = std::chrono::seconds(30);

// "KEY=value" of `git credential fill`, which asks the helpers that the user configured and nobody at a terminal.
std::map<std::string, std::string> ask_helper(const std::string& url, const std::string& folder) {
  auto environment = helper_environment();
  environment.insert_or_assign("GIT_TERMINAL_PROMPT", "0");
  environment.insert_or_assign("GIT_ASKPASS", "true");
  ProcessSpec spec{{"git", "credential", "fill"}, std::move(environment), folder};
  spec.input = "url=" + url + "\n\n";
  auto done = run_process(spec, helper_limit);
  std::map<std::string, std::string> answer;
  if (!done || done->exit_code != 0) return answer;
  for (std::string_view rest = done->output; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (const auto equals = line.find('='); equals != std::string_view::npos)
      answer[std::string(line.substr(0, equals))] = line.substr(equals + 1);
  }
  return answer;
}

// Whether `prefix` is `url` up to the end of a part of it: https://a.com is not a prefix of https://a.com.evil/.
bool covers(const std::string& prefix, const std::string& url) {
  if (url.compare(0, prefix.size(), prefix) != 0) return false;
  return prefix.empty() || prefix.back() == '/' || url.size() == prefix.size() || url[prefix.size()] == '/';
}

}  // namespace

int make_credential(git_credential** made, const char* url, const char* user, unsigned allowed,
                    const std::string& folder) {
  const std::string name = user != nullptr ? user : "git";
  if ((allowed & GIT_CREDENTIAL_USERNAME) != 0) return git_credential_username_new(made, name.c_str());
  if ((allowed & GIT_CREDENTIAL_SSH_KEY) != 0) return git_credential_ssh_key_from_agent(made, name.c_str());
  if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) == 0) return GIT_EAUTH;
  if (const char* token = std::getenv("MLCTL_GIT_TOKEN"); token != nullptr && *token != '\0')
    return git_credential_userpass_plaintext_new(made, user != nullptr ? user : "x-access-token", token);
  const auto answer = ask_helper(url != nullptr ? url : "", folder);
  const auto username = answer.find("username"), password = answer.find("password");
  if (username == answer.end() || password == answer.end() || password->second.empty()) return GIT_EAUTH;
  return git_credential_userpass_plaintext_new(made, username->second.c_str(), password->second.c_str());
}

std::vector<std::string> extra_headers(git_repository* repository, const std::string& url) {
  std::vector<std::string> headers;
  Config config;
  ConfigIterator iterator;
  if (git_repository_config_snapshot(out(config), repository) != 0) return headers;
  // Not by git_config_iterator_glob_new: libgit2 1.5 leaks ten kilobytes for every entry that its pattern does not
  // match.
  if (git_config_iterator_new(out(iterator), config.get()) != 0) return headers;
  git_config_entry* entry = nullptr;
  while (git_config_next(&entry, iterator.get()) == 0) {
    const std::string name = entry->name;
    if (!name.starts_with("http.") || !name.ends_with(".extraheader")) continue;
    const std::size_t start = std::string_view("http.").size(), end = name.rfind(".extraheader");
    const std::string prefix = end > start ? name.substr(start, end - start) : "";
    if (covers(prefix, url)) headers.emplace_back(entry->value);
  }
  return headers;
}

}  // namespace mlctl::registry::git
