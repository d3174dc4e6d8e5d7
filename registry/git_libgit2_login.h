// What the user and CI services hand to git to be let in: the ssh agent, MLCTL_GIT_TOKEN, git's credential helpers, and
// headers of the configuration. Nobody is asked at a terminal.
#pragma once
#include <string>
#include <vector>

struct git_credential;
struct git_repository;

namespace mlctl::registry::git {

// The agent for ssh; MLCTL_GIT_TOKEN, then git's credential helpers for https. A code of libgit2: GIT_EAUTH when there
// is nothing of the kinds `allowed` (git_credential_t). `url`, `user`: null when unknown.
// `folder`: of the repository, whose configuration may name helpers.
[[nodiscard]] int make_credential(git_credential** made, const char* url, const char* user, unsigned allowed,
                                  const std::string& folder);

// http.extraHeader, and http.URL.extraHeader whose URL covers `url`: how CI services hand their token to git.
[[nodiscard]] std::vector<std::string> extra_headers(git_repository* repository, const std::string& url);

}  // namespace mlctl::registry::git
