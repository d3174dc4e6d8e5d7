// A remote that is a folder. libgit2's own transport there looks at a ref before it locks it, so that of two pushes at
// once the later wins silently; here the ref is compared and moved under its lock.
#include <filesystem>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/terminal.h"
#include "registry/git_libgit2.h"

namespace mlctl::registry::git {
namespace {

namespace fs = std::filesystem;

using Builder = Handle<git_packbuilder, git_packbuilder_free>;
using Iterator = Handle<git_reference_iterator, git_reference_iterator_free>;
using Object = Handle<git_object, git_object_free>;
using Odb = Handle<git_odb, git_odb_free>;
using Reference = Handle<git_reference, git_reference_free>;
using Walk = Handle<git_revwalk, git_revwalk_free>;

constexpr std::string_view heads_prefix = "refs/heads/";

void free_writepack(git_odb_writepack* pack) {
  if (pack != nullptr) pack->free(pack);
}
using WritePack = Handle<git_odb_writepack, free_writepack>;

struct Append {
  git_odb_writepack* pack;
  git_indexer_progress progress;
};
int append(void* bytes, std::size_t size, void* payload) {
  auto& to = *static_cast<Append*>(payload);
  return to.pack->append(to.pack, bytes, size, &to.progress);
}

// What the other side has need not be sent.
int hide_known(git_repository* here, git_repository* there, git_revwalk* walk) {
  Iterator iterator;
  int code = git_reference_iterator_new(out(iterator), there);
  while (code == 0) {
    Reference reference;
    code = git_reference_next(out(reference), iterator.get());
    if (code != 0) break;
    Object object, known;
    if (git_reference_peel(out(object), reference.get(), GIT_OBJECT_COMMIT) != 0) continue;
    const git_oid* id = git_object_id(object.get());
    if (git_object_lookup(out(known), here, id, GIT_OBJECT_COMMIT) == 0) git_revwalk_hide(walk, id);
  }
  return code == GIT_ITEROVER ? 0 : code;
}

int send_object(git_repository* here, git_repository* there, const git_oid& id) {
  Odb odb;
  Object object, commit;
  Builder builder;
  Walk walk;
  int code = git_repository_odb(out(odb), there);
  if (code != 0) return code;
  code = git_object_lookup(out(object), here, &id, GIT_OBJECT_ANY);
  if (code == 0) code = git_object_peel(out(commit), object.get(), GIT_OBJECT_COMMIT);
  if (code == 0) code = git_packbuilder_new(out(builder), here);
  if (code == 0) code = git_revwalk_new(out(walk), here);
  if (code == 0) code = git_revwalk_push(walk.get(), git_object_id(commit.get()));
  if (code == 0) code = hide_known(here, there, walk.get());
  if (code == 0) code = git_packbuilder_insert_walk(builder.get(), walk.get());
  if (code == 0 && git_object_type(object.get()) == GIT_OBJECT_TAG)
    code = git_packbuilder_insert(builder.get(), &id, nullptr);
  if (code != 0 || git_packbuilder_object_count(builder.get()) == 0) return code;
  WritePack pack;
  code = git_odb_write_pack(out(pack), odb.get(), nullptr, nullptr);
  if (code != 0) return code;
  Append to{pack.get(), {}};
  code = git_packbuilder_foreach(builder.get(), append, &to);
  return code == 0 ? pack->commit(pack.get(), &to.progress) : code;
}

Status refuse_checked_out(git_repository* there, const std::string& ref, const std::string& where) {
  auto branches = checked_out_branches(there);
  if (!branches) return branches.error();
  for (const auto& branch : *branches)
    if (ref == std::string(heads_prefix) + branch)
      return Error{Error::Kind::denied, escape_control(ref) + " is checked out at " + where,
                   "push to a bare repository, or check out another branch there"};
  return ok();
}

// Neither libgit2 nor we run them, and they may be there to refuse.
Status refuse_hooks(git_repository* there, const std::string& where) {
  const fs::path hooks = fs::path(git_repository_commondir(there)) / "hooks";
  for (const char* name : {"pre-receive", "update", "reference-transaction"})
    if (::access((hooks / name).c_str(), X_OK) == 0)
      return Error{Error::Kind::denied, where + " has the hook " + name + ", which a push to a folder does not run",
                   "give origin an address with ssh:// or https://, where it runs"};
  return ok();
}

Status push_one(git_repository* here, git_repository* there, const RefUpdate& update, const std::string& where) {
  auto id = parse_id(update.id);
  if (!id) return id.error();
  if (const int code = send_object(here, there, *id); code != 0) return failed(code, "cannot push to " + where);
  const bool branch = update.ref.compare(0, heads_prefix.size(), heads_prefix) == 0;
  return set_ref(there, update.ref, *id, [&](const git_oid* now) -> Result<Decision> {
    if (now == nullptr) return Decision::write;
    if (git_oid_equal(now, &*id) != 0) return Decision::leave;
    if (auto allowed = refuse_checked_out(there, update.ref, where); !allowed) return allowed.error();
    return branch && git_graph_descendant_of(there, &*id, now) == 1 ? Decision::write : Decision::refuse;
  });
}

}  // namespace

std::optional<fs::path> folder_of_url(const std::string& url, const fs::path& root) {
  static constexpr std::string_view file_scheme = "file://";
  if (url.compare(0, file_scheme.size(), file_scheme) == 0) return fs::path(url.substr(file_scheme.size()));
  if (url.find("://") != std::string::npos) return std::nullopt;
  const auto colon = url.find(':');
  std::error_code code;
  fs::path path = root / url;
  // host:path is ssh, unless such a folder exists.
  if (colon != std::string::npos && colon < url.find('/') && !fs::exists(path, code)) return std::nullopt;
  return path;
}

Status push_to_folder(git_repository* repository, const fs::path& folder, const std::vector<RefUpdate>& updates) {
  const std::string where = escape_control(folder.string());
  auto there = open_repository(folder, false);
  if (!there && there.error().kind == Error::Kind::not_found)
    return Error{Error::Kind::unavailable, "the remote origin is not there: " + where, ""};
  if (!there) return there.error();
  if (auto free = refuse_hooks(there->get(), where); !free) return free.error().context("origin");
  for (const auto& update : updates)
    if (auto pushed = push_one(repository, there->get(), update, where); !pushed)
      return pushed.error().context("origin refuses");
  return ok();
}

}  // namespace mlctl::registry::git
