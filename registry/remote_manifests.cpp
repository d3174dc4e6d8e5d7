#include "registry/remote_manifests.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/document.h"
#include "base/lock.h"
#include "registry/oci.h"
#include "registry/remote_http.h"
#include "registry/remote_retry.h"
#include "registry/remote_upload.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t pages_limit = 2'000;  // of 1,000 entries each where a registry does as it is asked
constexpr std::size_t tags_limit = 1'000'000;
constexpr std::uint64_t page_limit = 16U << 20U;  // bytes of one page of tags or referrers
constexpr int fallback_tries = 8;
constexpr std::size_t untyped_limit = 1'000;  // referrers of one subject that are asked for their type

std::vector<std::pair<std::string, std::string>> accept() {
  return {{"Accept", std::string(oci::manifest_type) + ", " + oci::index_type +
                         ", application/vnd.docker.distribution.manifest.v2+json"
                         ", application/vnd.docker.distribution.manifest.list.v2+json"}};
}

std::string fallback_tag(const Digest& subject) {
  return "sha256-" + subject.hex();
}

// The descriptors of an image index; nullopt: it is none.
std::optional<std::vector<Descriptor>> entries_of(const std::string& text) {
  const auto value = parse_json(text, "index");
  const auto* manifests = value ? oci::member(*value, "manifests") : nullptr;
  if (manifests == nullptr || !manifests->is_array()) return std::nullopt;
  std::vector<Descriptor> all;
  for (const auto& one : *manifests)
    if (auto descriptor = oci::descriptor_of(one)) all.push_back(std::move(*descriptor));
  return all;
}

std::string index_text(const std::vector<Descriptor>& entries) {
  nlohmann::ordered_json value;
  value["schemaVersion"] = 2;
  value["mediaType"] = oci::index_type;
  auto& manifests = value["manifests"] = nlohmann::ordered_json::array();
  for (const auto& entry : entries) manifests.push_back(oci::to_json(entry));
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

bool holds(const std::vector<Descriptor>& entries, const Digest& digest) {
  return std::any_of(entries.begin(), entries.end(), [&](const auto& one) { return one.digest == digest; });
}

// Oldest first, where anybody says when it was; each digest once.
std::vector<Descriptor> in_order(std::vector<Descriptor> entries) {
  const auto created = [](const Descriptor& one) {
    const auto found = one.annotations.find(oci::created);
    return found == one.annotations.end() ? std::string() : found->second;
  };
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const auto& a, const auto& b) { return created(a) < created(b); });
  std::set<Digest> seen;
  std::erase_if(entries, [&](const auto& one) { return !seen.insert(one.digest).second; });
  return entries;
}

}  // namespace

RemoteRequest RemoteManifests::request(const char* method, const std::string& path, bool push) const {
  RemoteRequest out;
  out.method = method;
  out.url = "/v2/" + repository_ + "/" + path;
  out.repository = repository_;
  out.scope = push ? push_scope(repository_) : pull_scope(repository_);
  return out;
}

Result<std::string> RemoteManifests::read(const Digest& digest) {
  auto get = request("GET", "manifests/" + to_string(digest), false);
  get.headers = accept();
  get.fine = {200};
  get.body_limit = manifest_limit;
  for (int fetched = 1;; ++fetched) {
    auto answer = client_.send(get);
    if (!answer) return answer.error();
    if (digest_of(answer->response.body) == digest) return std::move(answer->response.body);
    if (fetched < corrupt_fetches) continue;
    return Error{Error::Kind::corrupt,
                 client_.address().host + "/" + repository_ + ": manifest " + to_string(digest) +
                     " is not what its digest says, fetched twice",
                 "push the version again from its files, or restore the registry"};
  }
}

Result<std::optional<RemoteManifests::Head>> RemoteManifests::head(const std::string& reference) {
  auto ask = request("HEAD", "manifests/" + reference, false);
  ask.headers = accept();
  ask.fine = {200, 404};
  auto answer = client_.send(ask);
  if (!answer) return answer.error();
  if (answer->response.status == 404) return std::optional<Head>();
  auto digest = parse_digest(header_of(answer->response, "docker-content-digest"));
  if (const auto size = parse_count(header_of(answer->response, "content-length")); digest && size)
    return std::optional(Head{*digest, *size, ""});
  ask.method = "GET";  // some say it there only
  ask.body_limit = manifest_limit;
  answer = client_.send(ask);
  if (!answer) return answer.error();
  if (answer->response.status == 404) return std::optional<Head>();
  auto& text = answer->response.body;
  return std::optional(Head{digest_of(text), text.size(), std::move(text)});
}

Result<bool> RemoteManifests::put(const std::string& reference, std::string_view text, const std::string& media_type) {
  auto put = request("PUT", "manifests/" + reference, true);
  put.headers = {{"Content-Type", media_type}};
  put.body = text;
  put.fine = {200, 201, 202, 400, 404};
  auto answer = client_.send(put);
  if (!answer) return answer.error();
  if (answer->response.status < 300) return !header_of(answer->response, "oci-subject").empty();
  Error error = client_.error_of(put, *answer);
  error.kind = Error::Kind::unavailable;
  if (answer->response.body.find("BLOB_UNKNOWN") != std::string::npos)
    error.hint = "a blob is gone from the registry: run the command again";
  return error;
}

Result<std::vector<std::string>> RemoteManifests::tags() {
  std::vector<std::string> all;
  auto get = request("GET", "tags/list?n=1000", false);
  get.fine = {200, 404};
  get.body_limit = page_limit;
  std::set<std::string> pages;
  for (;;) {
    auto answer = client_.send(get);
    if (!answer) return answer.error();
    if (answer->response.status == 404) return all;
    const auto value = parse_json(answer->response.body, "tags");
    const auto* list = value ? oci::member(*value, "tags") : nullptr;
    if (!value || (list != nullptr && !list->is_array() && !list->is_null()))
      return Error{Error::Kind::unavailable,
                   client_.address().host + "/" + repository_ + ": its list of tags is not understood",
                   "is that the registry's address? A proxy or a login page may stand before it"};
    if (list != nullptr && list->is_array())
      for (const auto& one : *list)
        if (one.is_string()) all.push_back(one.get<std::string>());
    const auto link = next_link(header_of(answer->response, "link"));
    // A tag that moves between two pages while somebody pushes is still one.
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    if (link.empty()) return all;
    auto next = follow(answer->url, link);
    if (!next) return next.error();
    if (!pages.insert(*next).second || pages.size() > pages_limit || all.size() > tags_limit)
      return Error{Error::Kind::unavailable,
                   client_.address().host + "/" + repository_ + ": its list of tags has no end: more than " +
                       std::to_string(pages_limit) + " pages",
                   ""};
    get.url = *next;
  }
}

Result<std::optional<std::vector<Descriptor>>> RemoteManifests::from_api(const Digest& subject) {
  using Found = std::optional<std::vector<Descriptor>>;
  auto get = request("GET", "referrers/" + to_string(subject), false);
  get.fine = {200, 404};
  get.body_limit = page_limit;
  std::vector<Descriptor> all;
  std::set<std::string> pages;
  for (;;) {
    auto answer = client_.send(get);
    if (!answer) return answer.error();
    if (answer->response.status == 404) return Found();
    auto entries = entries_of(answer->response.body);
    if (!entries) {
      // A page for people, where the API is not: some front ends answer everything with 200.
      if (pages.empty() && header_of(answer->response, "content-type").substr(0, 9) == "text/html") return Found();
      return Error{Error::Kind::unavailable,
                   client_.address().host + "/" + repository_ + ": its referrers are no index", ""};
    }
    all.insert(all.end(), entries->begin(), entries->end());
    const auto link = next_link(header_of(answer->response, "link"));
    if (link.empty()) return Found(std::move(all));
    auto next = follow(answer->url, link);
    if (!next) return next.error();
    if (!pages.insert(*next).second || pages.size() > pages_limit)
      return Error{Error::Kind::unavailable, client_.address().host + "/" + repository_ + ": its referrers have no end",
                   ""};
    get.url = *next;
  }
}

Result<std::vector<Descriptor>> RemoteManifests::fallback(const Digest& subject) {
  auto get = request("GET", "manifests/" + fallback_tag(subject), false);
  get.headers = accept();
  get.fine = {200, 404};
  get.body_limit = page_limit;
  auto answer = client_.send(get);
  if (!answer) return answer.error();
  if (answer->response.status == 404) return std::vector<Descriptor>();
  auto entries = entries_of(answer->response.body);
  if (entries) return std::move(*entries);
  return Error{
      Error::Kind::unavailable,
      client_.address().host + "/" + repository_ + ": tag " + fallback_tag(subject) + " leads to no index",
      "it stands for the list of signatures and evidence of that digest: see what is there before removing it"};
}

// A type is the manifest's artifactType, and only without one that of its config (OCI distribution 1.1, listing
// referrers). go-containerregistry's registry always gives the config's: then the manifest itself is asked.
Result<std::vector<Descriptor>> RemoteManifests::with_types(std::vector<Descriptor> entries) {
  std::size_t asked = 0;
  for (auto& entry : entries) {
    if (!entry.artifact_type.empty() && entry.artifact_type != oci::empty_type) continue;
    if (++asked > untyped_limit) break;
    auto text = read(entry.digest);
    if (!text && text.error().kind == Error::Kind::not_found) continue;
    if (!text) return text.error();
    const auto manifest = parse_json(*text, "manifest");
    if (auto own = manifest ? oci::text(*manifest, "artifactType") : std::nullopt) entry.artifact_type = *own;
  }
  return entries;
}

Result<std::vector<Descriptor>> RemoteManifests::referrers(const Digest& subject) {
  auto listed = from_api(subject);
  if (!listed) return listed.error();
  if (*listed) return with_types(in_order(std::move(**listed)));
  auto entries = fallback(subject);
  if (!entries) return entries.error();
  return in_order(std::move(*entries));
}

Status RemoteManifests::add_to_fallback(const Digest& subject, const Descriptor& manifest) {
  // Writers on this machine wait for each other; those elsewhere are met by reading again what was written.
  std::optional<FileLock> lock;
  const auto& cache = client_.settings().cache;
  if (!cache.empty() && make_folders(cache / "locks")) {
    const auto name = digest_of(client_.address().host + "/" + repository_ + "@" + to_string(subject)).brief();
    if (auto got = FileLock::acquire(cache / "locks" / name, LockKind::exclusive)) lock.emplace(std::move(*got));
  }
  Backoff backoff(client_.clock(), fallback_tries, client_.deadline());
  for (bool written = false;;) {
    auto entries = fallback(subject);
    if (!entries) return entries.error();
    if (holds(*entries, manifest.digest)) return ok();
    if (written && !backoff.wait())
      return Error{Error::Kind::unavailable,
                   client_.address().host + "/" + repository_ + ": what refers to " + to_string(subject) +
                       " is overwritten by others, again and again",
                   "run the command again"};
    entries->push_back(manifest);
    auto put = this->put(fallback_tag(subject), index_text(*entries), oci::index_type);
    if (!put) return put.error();
    written = true;
  }
}

}  // namespace mlctl::registry
