// The remote called origin.
#include <filesystem>
#include <git2.h>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/terminal.h"
#include "registry/git_libgit2.h"
#include "registry/git_libgit2_login.h"
#include "registry/git_patience.h"

namespace mlctl::registry {
namespace {

using Reference = Handle<git_reference, git_reference_free>;
using Remote = Handle<git_remote, git_remote_free>;

constexpr std::string_view tags_prefix = "refs/tags/";

// What the callbacks share during one conversation.
struct Conversation {
  std::string refusal;  // what the remote said to an update
  int asked = 0;        // for credentials
  bool offered = false;
  std::string folder;  // of the repository
  git::Patience* patience = nullptr;
};

int give_credentials(git_credential** made, const char* url, const char* user, unsigned allowed, void* payload) {
  auto& conversation = *static_cast<Conversation*>(payload);
  if (interrupted() || conversation.asked++ > 1) return GIT_EAUTH;
  const int code = git::make_credential(made, url, user, allowed, conversation.folder);
  conversation.offered = conversation.offered || code == 0;
  return code;
}

int note_refusal(const char* ref, const char* status, void* payload) {
  if (status != nullptr) static_cast<Conversation*>(payload)->refusal = std::string(ref) + ": " + status;
  return 0;
}

int go_on(void* payload) {
  static_cast<Conversation*>(payload)->patience->alive();
  return interrupted() ? GIT_EUSER : 0;
}
int note_received(const git_indexer_progress*, void* payload) {
  return go_on(payload);
}
int note_sent(unsigned, unsigned, std::size_t, void* payload) {
  return go_on(payload);
}
int note_text(const char*, int, void* payload) {
  return go_on(payload);
}

// As libgit2 takes them; what they point to must live as long.
struct Headers {
  std::vector<std::string> texts;
  std::vector<char*> pointers;

  Headers(git_repository* repository, const std::string& url) : texts(git::extra_headers(repository, url)) {
    for (auto& text : texts) pointers.push_back(text.data());
  }
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  [[nodiscard]] git_strarray list() { return {pointers.data(), pointers.size()}; }
};

// libgit2 pushes refs only: a name for an object while it is pushed. Left behind by kill -9 it does no harm.
class PushName {
 public:
  PushName(git_repository* repository, const ObjectId& id) : repository_(repository), name_("refs/mlctl/push/" + id) {
    git_oid object;
    Reference made;
    code_ = git_oid_fromstr(&object, id.c_str());
    if (code_ == 0) code_ = git_reference_create(out(made), repository_, name_.c_str(), &object, 1, "mlctl");
  }
  ~PushName() { git_reference_remove(repository_, name_.c_str()); }
  PushName(const PushName&) = delete;
  PushName& operator=(const PushName&) = delete;
  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  git_repository* repository_;
  std::string name_;
  int code_ = 0;
};

class Origin {
 public:
  Origin(git_repository* repository, Duration patience) : repository_(repository), limit_(patience) {}

  Status open() {
    const int code = git_remote_lookup(out(remote_), repository_, "origin");
    if (code == GIT_ENOTFOUND)
      return Error{Error::Kind::usage, "the repository has no remote called origin", "`git remote add origin URL`"};
    if (code != 0) return git::failed(code, "cannot read the remote origin");
    if (const char* folder = git_repository_path(repository_)) conversation_.folder = folder;
    git_remote_init_callbacks(&callbacks_, GIT_REMOTE_CALLBACKS_VERSION);
    callbacks_.credentials = give_credentials;
    callbacks_.push_update_reference = note_refusal;
    callbacks_.transfer_progress = note_received;
    callbacks_.push_transfer_progress = note_sent;
    callbacks_.sideband_progress = note_text;
    callbacks_.payload = &conversation_;
    return ok();
  }

  [[nodiscard]] std::string fetch_url() const {
    const char* url = git_remote_url(remote_.get());
    return url != nullptr ? url : "";
  }
  [[nodiscard]] std::string push_url() const {
    const char* url = git_remote_pushurl(remote_.get());
    return url != nullptr ? url : fetch_url();
  }

  // Every ref of the remote by name.
  Result<std::map<std::string, ObjectId>> refs(git_direction direction) {
    const Waiting waiting(*this);
    Headers headers(repository_, direction == GIT_DIRECTION_PUSH ? push_url() : fetch_url());
    const git_strarray list = headers.list();
    int code = git_remote_connect(remote_.get(), direction, &callbacks_, nullptr, &list);
    const git_remote_head** heads = nullptr;
    std::size_t count = 0;
    if (code == 0) code = git_remote_ls(&heads, &count, remote_.get());
    std::map<std::string, ObjectId> found;
    for (std::size_t i = 0; code == 0 && i < count; ++i) found[heads[i]->name] = git::to_text(heads[i]->oid);
    auto result =
        code == 0 ? Result<std::map<std::string, ObjectId>>(std::move(found)) : problem(code, "cannot ask origin");
    git_remote_disconnect(remote_.get());
    return result;
  }

  Status fetch(std::vector<std::string> refspecs) {
    git_fetch_options options;
    git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.callbacks = callbacks_;
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.update_fetchhead = 0;
    Headers headers(repository_, fetch_url());
    options.custom_headers = headers.list();
    std::vector<char*> specs;
    for (auto& spec : refspecs) specs.push_back(spec.data());
    const git_strarray list{specs.data(), specs.size()};
    const Waiting waiting(*this);
    const int code = git_remote_fetch(remote_.get(), &list, &options, "mlctl");
    return code == 0 ? ok() : Status(problem(code, "cannot fetch from origin"));
  }

  Status push(const RefUpdate& update) {
    git_push_options options;
    git_push_options_init(&options, GIT_PUSH_OPTIONS_VERSION);
    options.callbacks = callbacks_;
    Headers headers(repository_, push_url());
    options.custom_headers = headers.list();
    conversation_.refusal.clear();
    const PushName source(repository_, update.id);
    if (source.code() != 0) return git::failed(source.code(), "cannot push " + update.id.substr(0, 10));
    std::string spec = source.name() + ":" + update.ref;
    char* specs[] = {spec.data()};
    const git_strarray list{specs, 1};
    const Waiting waiting(*this);
    const int code = git_remote_push(remote_.get(), &list, &options);
    if (code != 0) return problem(code, "cannot push to origin");
    if (conversation_.refusal.empty()) return ok();
    return Error{Error::Kind::conflict, "origin refuses " + escape_control(conversation_.refusal), ""};
  }

  // What `git push` does too, and libgit2 for the remotes that it speaks with: refs/remotes/origin/… shows what is now
  // there. It is a memory, not the truth: that it could not be written is no failure of the push.
  void note_pushed(const std::vector<RefUpdate>& updates) {
    for (std::size_t i = 0; i < git_remote_refspec_count(remote_.get()); ++i) {
      const git_refspec* spec = git_remote_get_refspec(remote_.get(), i);
      if (git_refspec_direction(spec) != GIT_DIRECTION_FETCH) continue;
      for (const auto& update : updates) {
        git_buf tracking{};
        git_oid id;
        Reference made;
        if (git_refspec_src_matches(spec, update.ref.c_str()) == 1 &&
            git_refspec_transform(&tracking, spec, update.ref.c_str()) == 0 &&
            std::string_view(tracking.ptr).rfind("refs/remotes/", 0) == 0 &&
            git_oid_fromstr(&id, update.id.c_str()) == 0)
          git_reference_create(out(made), repository_, tracking.ptr, &id, 1, "mlctl: push");
        git_buf_dispose(&tracking);
      }
    }
  }

 private:
  // One call that speaks with the remote.
  struct Waiting {
    explicit Waiting(Origin& origin) : conversation(origin.conversation_), patience(origin.limit_) {
      conversation.asked = 0;
      conversation.patience = &patience;
    }
    ~Waiting() { conversation.patience = nullptr; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    Conversation& conversation;
    git::Patience patience;
  };

  // To be asked while the call's Waiting still lives.
  [[nodiscard]] Error problem(int code, const std::string& what) const {
    if (interrupted()) return interrupted_error();
    if (conversation_.patience->lost())
      return {Error::Kind::timeout, what + ": it was silent for " + human_duration(limit_),
              "see whether `git ls-remote origin` works"};
    auto error = git::failed(code, what);
    if (error.kind == Error::Kind::credentials) {  // what libgit2 says then is about something else
      error.message = what + ": it " + (conversation_.offered ? "refuses the credentials" : "wants credentials");
      error.hint = "start an ssh agent, configure a credential helper of git, or set MLCTL_GIT_TOKEN";
    }
    std::error_code gone;
    if (fetch_url().starts_with('/') && !std::filesystem::exists(fetch_url(), gone))
      error.message = what + ": no such folder: " + escape_control(fetch_url());
    // What is not there at the other side is not the user's mistake here.
    if (error.kind == Error::Kind::not_found || error.kind == Error::Kind::usage) error.kind = Error::Kind::unavailable;
    if (error.hint.empty()) error.hint = "see whether `git ls-remote origin` works";
    return error;
  }

  git_repository* repository_;
  Duration limit_;
  Remote remote_;
  Conversation conversation_;
  git_remote_callbacks callbacks_{};
};

}  // namespace

Status LibGit::push(const std::vector<RefUpdate>& updates) {
  Origin origin(repository_.get(), patience_);
  if (auto opened = origin.open(); !opened) return opened;
  if (const auto folder = git::folder_of_url(origin.push_url(), root())) {
    auto pushed = git::push_to_folder(repository_.get(), *folder, updates);
    if (pushed) origin.note_pushed(updates);
    return pushed;
  }
  auto refs = origin.refs(GIT_DIRECTION_PUSH);
  if (!refs) return refs.error();
  for (const auto& update : updates) {
    const auto there = refs->find(update.ref);
    if (there != refs->end() && there->second == update.id) continue;
    if (there != refs->end() && update.ref.compare(0, tags_prefix.size(), tags_prefix) == 0)
      return Error{Error::Kind::conflict, "origin refuses: " + escape_control(update.ref) + " exists there already",
                   ""};
    if (auto pushed = origin.push(update); !pushed) return pushed;
  }
  return ok();
}

Status LibGit::fetch_tags() {
  // One by one: libgit2 overwrites tags that differ here, even when it is not told to force.
  auto differences = compare_tags();
  if (!differences) return differences.error();
  if (differences->missing.empty()) return ok();
  Origin origin(repository_.get(), patience_);
  if (auto opened = origin.open(); !opened) return opened;
  std::vector<std::string> refspecs;
  for (const auto& name : differences->missing) {
    std::string ref(tags_prefix);
    ref += name;
    refspecs.push_back(ref + ":" + ref);
  }
  return origin.fetch(std::move(refspecs));
}

Result<std::optional<ObjectId>> LibGit::fetch_branch(const std::string& branch) {
  Origin origin(repository_.get(), patience_);
  if (auto opened = origin.open(); !opened) return opened.error();
  auto refs = origin.refs(GIT_DIRECTION_FETCH);
  if (!refs) return refs.error();
  const auto there = refs->find("refs/heads/" + branch);
  if (there == refs->end()) return std::optional<ObjectId>();
  const std::string tracking = "refs/remotes/origin/" + branch;
  if (auto fetched = origin.fetch({"+refs/heads/" + branch + ":" + tracking}); !fetched) return fetched.error();
  git_oid id;
  if (const int code = git_reference_name_to_id(&id, repository_.get(), tracking.c_str()); code != 0)
    return git::failed(code, "cannot read " + escape_control(tracking));
  return std::optional(git::to_text(id));
}

Result<TagDifferences> LibGit::compare_tags() {
  Origin origin(repository_.get(), patience_);
  if (auto opened = origin.open(); !opened) return opened.error();
  auto refs = origin.refs(GIT_DIRECTION_FETCH);
  if (!refs) return refs.error();
  TagDifferences found;
  for (const auto& [name, id] : *refs) {
    if (name.compare(0, tags_prefix.size(), tags_prefix) != 0 || name.find("^{") != std::string::npos) continue;
    git_oid here;
    const int code = git_reference_name_to_id(&here, repository_.get(), name.c_str());
    if (code == GIT_ENOTFOUND) found.missing.push_back(name.substr(tags_prefix.size()));
    if (code == 0 && git::to_text(here) != id) found.moved.push_back(name.substr(tags_prefix.size()));
  }
  auto own = tags();
  if (!own) return own.error();
  for (auto& tag : *own)
    if (refs->count(std::string(tags_prefix) + tag.name) == 0) found.unpushed.push_back(std::move(tag.name));
  return found;
}

}  // namespace mlctl::registry
