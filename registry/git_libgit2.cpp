#include "registry/git_libgit2.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <git2.h>
#include <set>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "base/filesystem.h"
#include "base/terminal.h"

namespace mlctl::registry {
namespace git {
namespace {

namespace fs = std::filesystem;

// libgit2 is global state: started by the first use, never stopped, as handles may live as long as the process.
int start_library() {
  static const int started = [] {
    const int count = git_libgit2_init();
    if (count < 0) return count;
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    // By itself it keeps no tree over 4 KiB: the folder of 250 models would be read again for each of them.
    git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE, std::size_t{1} << 20U);
    return count;
  }();
  return started;
}

Error::Kind kind_of(int code) {
  switch (code) {
    case GIT_ENOTFOUND:
    case GIT_EUNBORNBRANCH:
      return Error::Kind::not_found;
    case GIT_EEXISTS:
    case GIT_ENONFASTFORWARD:
    case GIT_EMODIFIED:
      return Error::Kind::conflict;
    case GIT_EINVALIDSPEC:
    case GIT_EAMBIGUOUS:
      return Error::Kind::usage;
    case GIT_EAUTH:
      return Error::Kind::credentials;
    default:
      return Error::Kind::unavailable;
  }
}

constexpr std::uint64_t head_limit = 4096;

// The branch that a file like HEAD names, or "".
std::string branch_in(const fs::path& file, std::string_view prefix) {
  auto text = read_file(file, head_limit);
  if (!text) return "";
  const std::string start = std::string(prefix) + "refs/heads/";
  if (text->compare(0, start.size(), start) != 0) return "";
  std::string branch = text->substr(start.size());
  while (!branch.empty() && (branch.back() == '\n' || branch.back() == '\r')) branch.pop_back();
  return branch;
}

// HEAD, and the branch that a rebase in progress will come back to.
void add_branches(const fs::path& git_folder, std::set<std::string>& branches) {
  for (const auto& branch :
       {branch_in(git_folder / "HEAD", "ref: "), branch_in(git_folder / "rebase-merge/head-name", ""),
        branch_in(git_folder / "rebase-apply/head-name", "")})
    if (!branch.empty()) branches.insert(branch);
}

// libgit2 1.5 says "not found" of a repository that it does not trust.
bool belongs_to_another(const fs::path& path, bool search) {
  std::error_code code;
  fs::path folder = fs::weakly_canonical(path, code);
  while (!code && !folder.empty()) {
    struct stat info{};
    const bool there = ::stat((folder / ".git").c_str(), &info) == 0 || ::stat((folder / "HEAD").c_str(), &info) == 0;
    if (there) return info.st_uid != ::geteuid();
    if (!search || folder == folder.root_path()) return false;
    folder = folder.parent_path();
  }
  return false;
}

}  // namespace

Error failed(int code, const std::string& what) {
  const git_error* last = git_error_last();  // may be null
  std::string why =
      last != nullptr && last->message != nullptr ? last->message : "libgit2 error " + std::to_string(code);
  return {kind_of(code), what + ": " + escape_control(why), ""};
}

Result<git_oid> parse_id(const ObjectId& text) {
  git_oid id;
  if (text.size() == GIT_OID_HEXSZ && git_oid_fromstr(&id, text.c_str()) == 0) return id;
  return Error{Error::Kind::usage, "not a commit: " + escape_control(text.substr(0, 100)), ""};
}

ObjectId to_text(const git_oid& id) {
  std::string text(GIT_OID_HEXSZ, '0');
  git_oid_fmt(text.data(), &id);
  return text;
}

void FreeRepository::operator()(git_repository* repository) const {
  git_repository_free(repository);
}

Result<Repository> open_repository(const fs::path& path, bool search) {
  const std::string name = escape_control(path.string());
  if (start_library() < 0) return Error{Error::Kind::unavailable, "libgit2 does not start", ""};
  git_repository* opened = nullptr;
  const unsigned flags = search ? 0U : unsigned{GIT_REPOSITORY_OPEN_NO_SEARCH};
  const int code = git_repository_open_ext(&opened, path.c_str(), flags, nullptr);
  if (code == 0) return Repository(opened);
  const bool foreign = code == GIT_EOWNER || (code == GIT_ENOTFOUND && belongs_to_another(path, search));
  if (code == GIT_ENOTFOUND && !foreign)
    return Error{Error::Kind::not_found, name + ": not in a git repository",
                 "`git init`, or run mlctl where the project's repository is"};
  if (foreign)
    return Error{Error::Kind::unavailable, name + ": the repository belongs to another user, so git does not trust it",
                 "`git config --global --add safe.directory " + name + "`"};
  return failed(code, "cannot open the repository at " + name);
}

Result<std::vector<std::string>> checked_out_branches(git_repository* repository) {
  const fs::path common = git_repository_commondir(repository);
  std::set<std::string> branches;
  auto main = open_repository(common, false);
  if (!main || git_repository_is_bare(main->get()) == 0) add_branches(common, branches);
  std::error_code code;
  for (fs::directory_iterator entry(common / "worktrees", code), end; !code && entry != end; entry.increment(code))
    add_branches(entry->path(), branches);
  if (code && code != std::errc::no_such_file_or_directory)
    return system_error(code.value(), "cannot read folder", common / "worktrees");
  return std::vector<std::string>(branches.begin(), branches.end());
}

}  // namespace git

namespace {

namespace fs = std::filesystem;

using Object = Handle<git_object, git_object_free>;
using Commit = Handle<git_commit, git_commit_free>;
using Signature = Handle<git_signature, git_signature_free>;
using Config = Handle<git_config, git_config_free>;

class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { git_buf_dispose(&buffer_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  git_buf* get() { return &buffer_; }

 private:
  git_buf buffer_{};
};

std::string login_name() {
  for (const char* variable : {"GITHUB_ACTOR", "GITLAB_USER_LOGIN", "LOGNAME", "USER"}) {
    const char* value = std::getenv(variable);
    const std::string name = value != nullptr ? value : "";
    if (!name.empty() && name.size() <= 100 && name.find_first_of("<>@\r\n") == std::string::npos) return name;
  }
  return "mlctl";
}

GitSignature signature_of(const git_signature* from) {
  if (from == nullptr) return {};
  return {from->name, from->email, WallTime(std::chrono::seconds(from->when.time))};
}

}  // namespace

fs::path LibGit::root() const {
  const char* folder = git_repository_workdir(repository_.get());
  fs::path path = folder != nullptr ? folder : git_repository_path(repository_.get());
  return path.has_filename() ? path : path.parent_path();
}

Result<ObjectId> LibGit::head() const {
  git_oid id;
  const int code = git_reference_name_to_id(&id, repository_.get(), "HEAD");
  if (code == 0) return git::to_text(id);
  if (code == GIT_ENOTFOUND || code == GIT_EUNBORNBRANCH)
    return Error{Error::Kind::not_found, "the repository has no commit yet", "commit something first"};
  return git::failed(code, "cannot read HEAD");
}

Result<ObjectId> LibGit::resolve(const std::string& revision) const {
  const std::string name = escape_control(revision.substr(0, 300));
  Object object, commit;
  if (const int code = git_revparse_single(out(object), repository_.get(), revision.c_str()); code != 0)
    return code == GIT_ENOTFOUND ? Error{Error::Kind::not_found, "no such revision: " + name, ""}
                                 : git::failed(code, "cannot resolve " + name);
  if (git_object_peel(out(commit), object.get(), GIT_OBJECT_COMMIT) != 0)
    return Error{Error::Kind::usage, "not a commit: " + name, ""};
  return git::to_text(*git_object_id(commit.get()));
}

bool LibGit::is_shallow() const {
  return git_repository_is_shallow(repository_.get()) == 1;
}

Result<CommitInfo> LibGit::commit_info(const ObjectId& commit) const {
  auto id = git::parse_id(commit);
  if (!id) return id.error();
  Commit found;
  if (const int code = git_commit_lookup(out(found), repository_.get(), &*id); code != 0)
    return git::failed(code, "cannot read commit " + commit.substr(0, 10));
  const char* message = git_commit_message(found.get());
  CommitInfo info{commit, {}, message != nullptr ? message : "", signature_of(git_commit_author(found.get()))};
  for (unsigned i = 0; i < git_commit_parentcount(found.get()); ++i)
    info.parents.push_back(git::to_text(*git_commit_parent_id(found.get(), i)));
  return info;
}

Result<bool> LibGit::is_ancestor(const ObjectId& ancestor, const ObjectId& commit) const {
  auto older = git::parse_id(ancestor);
  if (!older) return older.error();
  auto newer = git::parse_id(commit);
  if (!newer) return newer.error();
  if (ancestor == commit) return true;
  const int code = git_graph_descendant_of(repository_.get(), &*newer, &*older);
  if (code == 1) return true;
  if (is_shallow())
    return Error{Error::Kind::usage, "the clone is shallow, so that the order of commits cannot be told",
                 "`git fetch --unshallow --tags`"};
  if (code == 0) return false;
  return git::failed(code, "cannot compare " + ancestor.substr(0, 10) + " and " + commit.substr(0, 10));
}

Result<std::optional<ObjectId>> LibGit::branch_tip(const std::string& branch) const {
  git_oid id;
  const int code = git_reference_name_to_id(&id, repository_.get(), ("refs/heads/" + branch).c_str());
  if (code == 0) return std::optional(git::to_text(id));
  if (code == GIT_ENOTFOUND) return std::optional<ObjectId>();
  return git::failed(code, "cannot read branch " + escape_control(branch));
}

Result<std::vector<std::string>> LibGit::checked_out_branches() const {
  return git::checked_out_branches(repository_.get());
}

Result<std::optional<std::string>> LibGit::remote_url() const {
  // From the configuration: git_remote_lookup of libgit2 1.5 leaks ten kilobytes for every entry of it.
  Config config;
  Buffer found;
  int code = git_repository_config_snapshot(out(config), repository_.get());
  if (code == 0) code = git_config_get_string_buf(found.get(), config.get(), "remote.origin.url");
  if (code == GIT_ENOTFOUND) return std::optional<std::string>();
  if (code != 0) return git::failed(code, "cannot read the remote origin");
  std::string url = found.get()->ptr != nullptr ? found.get()->ptr : "";
  // https://user:token@host/path: the part before the @ is nobody's business.
  const auto scheme = url.find("://");
  const auto start = scheme == std::string::npos ? std::string::npos : scheme + 3;
  if (start != std::string::npos) {
    const auto at = url.substr(0, url.find('/', start)).rfind('@');
    if (at != std::string::npos && at >= start) url.erase(start, at + 1 - start);
  }
  return std::optional(url);
}

// As git itself does: its variables over its configuration. Where git knows nobody and would refuse, as on most CI
// runners, whoever started the job, or the login.
GitSignature LibGit::signature() const {
  const std::string login = login_name();
  GitSignature who{login, login + "@localhost",
                   std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now())};
  Signature found;
  if (git_signature_default(out(found), repository_.get()) == 0) who = signature_of(found.get());
  if (const char* name = std::getenv("GIT_COMMITTER_NAME"); name != nullptr && *name != '\0') who.name = name;
  if (const char* email = std::getenv("GIT_COMMITTER_EMAIL"); email != nullptr && *email != '\0') who.email = email;
  return who;
}

Result<std::unique_ptr<Git>> open_git(const fs::path& path, Duration patience) {
  auto repository = git::open_repository(path, true);
  if (!repository) return repository.error();
  return std::unique_ptr<Git>(std::make_unique<LibGit>(std::move(*repository), patience));
}

}  // namespace mlctl::registry
