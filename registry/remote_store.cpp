#include "registry/remote_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/document.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "registry/docker_config.h"
#include "registry/oci.h"
#include "registry/pack.h"
#include "registry/remote_http.h"
#include "registry/remote_manifests.h"
#include "registry/remote_notes.h"
#include "registry/remote_ranges.h"
#include "registry/remote_upload.h"

namespace mlctl::registry {
namespace {

constexpr const char* image_prefix = "image-";
constexpr const char* mend = "push the version again from its files (--rehash), or restore the registry";
constexpr std::size_t askers_limit = 8;  // requests at once when versions are listed
constexpr std::uint64_t catalog_limit = 16U << 20U;
constexpr std::size_t catalog_pages = 1000;

std::string image_tag(const Version& version) {
  return image_prefix + registry_tag(version);
}

class RemoteStore : public Store {
 public:
  RemoteStore(const RemoteAddress& address, const RemoteSettings& settings, Clock& clock)
      : client_(
            address, settings,
            [address, config = settings.docker_config]() -> Result<Credentials> {
              if (config.empty()) return Credentials{};
              return find_credentials(config, address.host);
            },
            clock),
        notes_(settings.cache, address.host) {}

  [[nodiscard]] std::string name() const override { return to_string(client_.address()); }

  Result<std::vector<ModelName>> models() override {
    std::vector<ModelName> found;
    RemoteRequest get;
    get.url = "/v2/_catalog?n=1000";
    get.scope = "registry:catalog:*";
    get.fine = {200, 400, 401, 403, 404, 405, 501};
    get.body_limit = catalog_limit;
    for (std::size_t pages = 0; pages < catalog_pages; ++pages) {
      auto answer = client_.send(get);
      if (!answer) return answer.error();
      const auto value = parse_json(answer->response.body, "catalog");
      const auto* list = value ? oci::member(*value, "repositories") : nullptr;
      if (answer->response.status != 200 || !value || (list != nullptr && !list->is_array() && !list->is_null()))
        return no_catalog();
      if (list != nullptr && list->is_array()) add_models(*list, found);
      const auto link = next_link(header_of(answer->response, "link"));
      if (link.empty()) break;
      auto next = follow(answer->url, link);
      if (!next) return next.error();
      get.url = std::move(*next);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  Result<bool> has_blob(const ModelName& model, const Digest& digest, std::uint64_t size) override {
    const auto repository = repository_of(client_.address(), model);
    auto there = blob_is_there(client_, repository, digest, size, push_scope(repository));
    if (there && *there) notes_.note_blob(digest, repository);
    return there;
  }

  Result<std::unique_ptr<BlobWriter>> new_blob(const ModelName& model, const BlobHint& hint) override {
    const auto place = place_of(model);
    if (hint.digest) {
      auto there = blob_is_there(client_, place.repository, *hint.digest, hint.size, push_scope(place.repository));
      if (!there) return there.error();
      if (*there) return present_blob(*hint.digest);
      for (const auto& from : notes_.repositories_with(*hint.digest)) {
        if (from == place.repository) continue;
        // Where it may not be read any more, it is sent like any other.
        auto mounted = mount_blob(place, *hint.digest, from);
        if (mounted && *mounted) return present_blob(*hint.digest);
        if (interrupted()) return interrupted_error();
      }
    }
    return start_upload(place, hint);
  }

  Result<std::unique_ptr<ByteSource>> open_blob(const ModelName& model, const Digest& digest,
                                                std::uint64_t offset) override {
    return open_remote_blob(client_, repository_of(client_.address(), model), digest, offset);
  }

  Result<std::string> read_blob(const ModelName& model, const Digest& digest, std::uint64_t limit) override {
    for (int fetched = 1;; ++fetched) {
      auto source = open_blob(model, digest, 0);
      if (!source && source.error().kind == Error::Kind::not_found)  // a manifest names it: damage, no wrong name
        return Error{Error::Kind::corrupt, to_string(model) + ": blob " + to_string(digest) + " is gone", mend};
      if (!source) return source.error();
      auto bytes = read_all(**source, limit);
      if (!bytes && bytes.error().kind != Error::Kind::usage) return bytes.error();
      if (bytes && digest_of(*bytes) == digest) return bytes;
      if (fetched < corrupt_fetches) continue;
      return Error{Error::Kind::corrupt,
                   to_string(model) + ": blob " + to_string(digest) + " is not what its digest says, fetched twice",
                   mend};
    }
  }

  Status put_blob(const ModelName& model, std::string_view bytes) override {
    auto put = put_whole(place_of(model), bytes, digest_of(bytes));
    return put ? ok() : Status(put.error());
  }

  Result<std::string> read_manifest(const ModelName& model, const Digest& digest) override {
    return manifests(model).read(digest);
  }

  Result<Published> publish(const ModelName& model, const Publication& publication,
                            const PublicationTexts& texts) override {
    auto here = manifests(model);
    const auto tag = registry_tag(publication.version);
    auto before = here.head(tag);
    if (!before) return before.error();
    if (*before && (*before)->digest != publication.model.digest)
      return other_version(model, publication, (*before)->digest);
    if (*before) {  // its tag came last: all else is there, unless somebody took it away
      if (publication.image.media_type.empty()) return Published{true};
      auto image = here.head(image_tag(publication.version));
      if (!image) return image.error();
      const bool same = texts.image.empty() || (*image && (*image)->digest == publication.image.digest);
      if (same && (texts.image.empty() || is_linked(here, publication))) return Published{true};
    }
    if (auto put = here.put(to_string(publication.model.digest), texts.model, publication.model.media_type); !put)
      return put.error();
    if (!texts.image.empty())
      if (auto put = put_image(here, publication, texts.image); !put) return put.error();
    if (*before) return Published{true};
    if (auto put = here.put(tag, texts.model, publication.model.media_type); !put) return put.error();
    auto after = here.head(tag);
    if (!after) return after.error();
    if (!*after || (*after)->digest != publication.model.digest)
      return other_version(model, publication, *after ? (*after)->digest : Digest{});
    notes_.note_facts(publication.model.digest, {texts.model.size(), publication.files, publication.bytes});
    return Published{false};
  }

  Result<std::optional<Publication>> find(const ModelName& model, const Version& version) override {
    auto here = manifests(model);
    return publication(here, model, version, true);
  }

  Result<std::vector<Publication>> publications(const ModelName& model) override {
    auto here = manifests(model);
    auto tags = here.tags();
    if (!tags) return tags.error();
    const std::set<std::string> all(tags->begin(), tags->end());
    std::vector<Version> versions;
    for (const auto& tag : *tags)
      if (auto version = version_of_registry_tag(tag)) versions.push_back(std::move(*version));
    std::vector<std::optional<Publication>> asked(versions.size());
    auto done = in_parallel(versions.size(), askers_limit, [&](std::size_t i) -> Status {
      auto one = publication(here, model, versions[i], all.count(image_tag(versions[i])) != 0);
      // What else stands under a version's name, put there by another tool, is no version.
      if (!one) return one.error().kind == Error::Kind::corrupt ? ok() : Status(one.error());
      asked[i] = std::move(*one);
      return ok();
    });
    if (!done) return done.error();
    std::vector<Publication> found;
    for (auto& one : asked)
      if (one) found.push_back(std::move(*one));
    return found;
  }

  Status put_referrer(const ModelName& model, const Digest& subject, const Descriptor& manifest,
                      std::string_view text) override {
    auto here = manifests(model);
    auto about = here.head(to_string(subject));
    if (!about) return about.error();
    if (!*about) return Error{Error::Kind::not_found, to_string(model) + ": no such digest: " + to_string(subject), ""};
    return put_linked(here, subject, manifest, text);
  }

  Result<std::vector<Descriptor>> referrers(const ModelName& model, const Digest& subject) override {
    return manifests(model).referrers(subject);
  }

 private:
  RemoteManifests manifests(const ModelName& model) { return {client_, repository_of(client_.address(), model)}; }

  UploadPlace place_of(const ModelName& model) {
    const auto repository = repository_of(client_.address(), model);
    return {&client_, repository, [this, repository](const Digest& digest) { notes_.note_blob(digest, repository); }};
  }

  [[nodiscard]] Error no_catalog() const {
    return {Error::Kind::unavailable, client_.address().host + " has no list of its repositories for us",
            "name the model: [TENANT/]NAME"};
  }

  void add_models(const nlohmann::json& repositories, std::vector<ModelName>& found) const {
    const auto& path = client_.address().path;
    const std::string prefix = path.empty() ? "" : path + "/";
    for (const auto& one : repositories) {
      const auto* text = one.get_ptr<const std::string*>();
      if (text == nullptr || text->compare(0, prefix.size(), prefix) != 0) continue;
      if (auto model = parse_model_name(std::string_view(*text).substr(prefix.size()))) found.push_back(*model);
    }
  }

  static Status put_linked(RemoteManifests& here, const Digest& subject, const Descriptor& manifest,
                           std::string_view text) {
    auto put = here.put(to_string(manifest.digest), text, manifest.media_type);
    if (!put) return put.error();
    return *put ? ok() : here.add_to_fallback(subject, manifest);
  }

  // Among what refers to the version. Where that cannot be told, a push that changes nothing goes through.
  static bool is_linked(RemoteManifests& here, const Publication& publication) {
    const auto all = here.referrers(publication.model.digest);
    return !all || std::any_of(all->begin(), all->end(),
                               [&](const auto& one) { return one.digest == publication.image.digest; });
  }

  static Status put_image(RemoteManifests& here, const Publication& publication, const std::string& text) {
    if (publication.image.media_type.empty()) return ok();  // layers that cannot be mounted
    if (auto put = put_linked(here, publication.model.digest, publication.image, text); !put) return put;
    auto put = here.put(image_tag(publication.version), text, publication.image.media_type);
    return put ? ok() : Status(put.error());
  }

  Result<Published> other_version(const ModelName& model, const Publication& publication, const Digest& there) {
    auto tags = manifests(model).tags();
    if (!tags) return tags.error();
    Version free = next_version(publication.version, Bump::patch);
    for (const auto& tag : *tags)
      if (auto version = version_of_registry_tag(tag); version && *version >= free)
        free = next_version(*version, Bump::patch);
    return other_content(model, publication.version, there, publication.model.digest, free);
  }

  Result<std::optional<Publication>> publication(RemoteManifests& here, const ModelName& model, const Version& version,
                                                 bool with_image) {
    auto head = here.head(registry_tag(version));
    if (!head) return head.error();
    if (!*head) return std::optional<Publication>();
    Publication found{version, {}, {}, 0, 0, ""};
    found.model = {oci::manifest_type, (*head)->digest, (*head)->size, oci::model_type, {}};
    if (with_image) {
      auto image = here.head(image_tag(version));
      if (!image) return image.error();
      if (*image) found.image = {oci::manifest_type, (*image)->digest, (*image)->size, "", {}};
    }
    auto facts = notes_.facts_of(found.model.digest);
    if (!facts) {
      auto text = here.read(found.model.digest);
      if (!text) return text.error();
      auto layers = parse_manifest(*text);
      if (!layers) return layers.error().context(to_string(model) + " " + to_string(version));
      facts = RemoteNotes::Facts{text->size(), 0, 0};
      for (const auto& layer : *layers)
        for (const auto& file : layer.files) {
          ++facts->files;
          facts->bytes += file.size;
        }
      notes_.note_facts(found.model.digest, *facts);
    }
    found.files = facts->files;
    found.bytes = facts->bytes;
    return std::optional(std::move(found));
  }

  RemoteClient client_;
  RemoteNotes notes_;
};

}  // namespace

std::unique_ptr<Store> open_remote_store(const RemoteAddress& address, const RemoteSettings& settings, Clock& clock) {
  return std::make_unique<RemoteStore>(address, settings, clock);
}

Status check_credentials(const RemoteAddress& address, const RemoteSettings& settings, const Credentials& credentials,
                         Clock& clock) {
  RemoteClient client(address, settings, [credentials] { return credentials; }, clock);
  RemoteRequest get;
  get.url = "/v2/";
  get.fine = {200};
  get.tries = 3;
  auto answer = client.send(get);
  if (answer) return ok();
  if (answer.error().kind == Error::Kind::not_found)
    return Error{Error::Kind::unavailable, address.host + " is no registry: it has no /v2/", ""};
  return answer.error();
}

}  // namespace mlctl::registry
