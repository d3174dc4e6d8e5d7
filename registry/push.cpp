#include "registry/push.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "registry/oci.h"
#include "registry/pack.h"
#include "registry/push_statements.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t workers_limit = 4;
constexpr int tries_limit = 3;  // of one layer, where the way to the registry breaks

struct SentLayers {
  std::vector<PackedLayer> layers;  // in the order of the plans
  std::uint64_t bytes_written = 0;
};

// Names a layer's bytes before anybody has read them: as long as the files are what they were, it is the same. ""
// when that cannot be told.
std::string key_of(const LayerPlan& plan) {
  std::string text = std::to_string(static_cast<int>(plan.kind));
  for (const auto& file : plan.files) {
    if (file.identity.key.empty() && file.link.empty()) return "";
    for (const auto& part : {file.path, file.link, file.identity.key, file.identity.stamp})
      text += std::to_string(part.size()) + ":" + part;
    text += file.executable ? "x" : "-";
  }
  return to_string(digest_of(text));
}

// Several layers at once: SHA-256 is serial within one.
class Sender {
 public:
  Sender(Store& store, const ModelName& model, const std::vector<LayerPlan>& plans, Progress& progress)
      : store_(store), model_(model), plans_(plans), progress_(progress), results_(plans.size()) {
    for (const auto& plan : plans) total_ += plan.size;
  }

  Result<SentLayers> send() {
    // One waits for the disk, or for the other side, while others hash.
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    const auto count = std::min({workers_limit, cores + 1, plans_.size()});
    std::vector<std::thread> workers;
    for (std::size_t i = 1; i < count; ++i) workers.emplace_back([this] { work(); });
    work();
    for (auto& worker : workers) worker.join();
    SentLayers sent;
    sent.bytes_written = written_;
    for (auto& result : results_)
      if (result && !*result) return result->error();
    for (auto& result : results_) sent.layers.push_back(std::move(**result));
    return sent;
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < plans_.size() && !failed_; i = next_++) {
      results_[i] = send_one(plans_[i]);
      if (!*results_[i]) failed_ = true;
    }
  }

  Result<PackedLayer> send_one(const LayerPlan& plan) {
    auto known = known_layer(plan);
    if (known) {
      auto there = store_.has_blob(model_, known->digest, known->size);
      if (!there) return there.error();
      if (*there) {
        report(plan.size);
        return std::move(*known);
      }
    }
    for (int tries = 1;; ++tries) {
      bool again = false;
      auto layer = send_bytes(plan, known, again);
      if (layer || !again || tries == tries_limit) return layer;
    }
  }

  Result<PackedLayer> send_bytes(const LayerPlan& plan, const std::optional<PackedLayer>& known, bool& again) {
    // Nobody knows how long a compressed layer gets.
    BlobHint hint{plan.kind == LayerKind::tar_zstd ? 0 : plan.size, std::nullopt, key_of(plan)};
    if (known) hint = {known->size, known->digest, hint.key};
    auto blob = store_.new_blob(model_, hint);
    if (!blob) return blob.error();
    std::uint64_t given = 0;
    auto layer = pack_layer(plan, [&](std::string_view bytes) {
      report(bytes.size());
      given += bytes.size();
      return (*blob)->write(bytes);
    });
    again = (*blob)->worth_again();
    if (again) report(0 - given);
    if (!layer) return layer.error();
    // A store may have counted on what it was told.
    if (known && known->digest != layer->digest)
      return Error{Error::Kind::unavailable, "files changed without a trace: they are not what they hashed to before",
                   "run the command again"};
    auto existed = (*blob)->commit(layer->digest);
    again = !existed && (*blob)->worth_again();
    if (again) report(0 - given);
    if (!existed) return existed.error();
    if (!*existed) written_ += layer->size;
    return layer;
  }

  void report(std::uint64_t bytes) {
    const std::lock_guard guard(mutex_);
    done_ += bytes;
    progress_.update(human_bytes(done_) + " of " + human_bytes(total_));
  }

  Store& store_;
  const ModelName& model_;
  const std::vector<LayerPlan>& plans_;
  Progress& progress_;
  std::vector<std::optional<Result<PackedLayer>>> results_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> written_{0};
  std::mutex mutex_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

Result<StoredFiles> store_files(Store& store, const ModelName& model, const std::vector<ModelFile>& files,
                                Progress& progress, LayerKind kind) {
  auto plans = plan_layers(files, kind);
  if (!plans) return plans.error().context(to_string(model));
  auto sent = Sender(store, model, *plans, progress).send();
  if (!sent) return sent.error();
  auto packed = pack_manifests(sent->layers);
  if (!packed) return packed.error();
  for (const auto& text : {packed->config, packed->image_config})
    if (!text.empty())
      if (auto put = store.put_blob(model, text); !put) return put.error();
  StoredFiles stored{std::move(*packed), files.size(), 0, sent->bytes_written};
  for (const auto& file : files) stored.bytes += file.size;
  return stored;
}

Result<PushReport> publish_files(Store& store, const ModelName& model, const StoredFiles& stored,
                                 const Version& version, const PushMetadata& metadata, Clock& clock) {
  auto statements = statements_of(metadata);
  if (!statements) return statements.error();
  const auto& packed = stored.packed;
  const std::string created = rfc3339(clock.wall());
  Publication publication{version, {}, {}, stored.bytes, stored.files, created};
  publication.model = {oci::manifest_type, packed.digest, packed.manifest.size(), oci::model_type, {}};
  if (!packed.image_manifest.empty())
    publication.image = {oci::manifest_type, packed.image, packed.image_manifest.size(), "", {}};
  auto published = store.publish(model, publication, {packed.manifest, packed.image_manifest});
  if (!published) return published.error();
  if (auto kept = attach_all(store, model, version, packed.digest, *statements, metadata, clock.wall()); !kept)
    return kept.error().context(to_string(model) + " " + to_string(version) +
                                " is in the registry, and what is said of it is not (push it again)");
  return PushReport{packed.digest, packed.image, published->existed, stored.files, stored.bytes, stored.bytes_written};
}

Result<PushReport> push(Store& store, const ModelName& model, const std::vector<ModelFile>& files,
                        const Version& version, const PushMetadata& metadata, Progress& progress, Clock& clock) {
  // What cannot be attached is refused before anything is written.
  if (auto statements = statements_of(metadata); !statements) return statements.error();
  auto stored = store_files(store, model, files, progress);
  if (!stored) return stored.error();
  return publish_files(store, model, *stored, version, metadata, clock);
}

}  // namespace mlctl::registry
