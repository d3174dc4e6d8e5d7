#include "registry/copy.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "registry/remote_address.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t workers_limit = 4;  // of models, and of the blobs of each
constexpr std::size_t buffer_size = 1U << 20U;

constexpr const char* mend = "get it again from where it was copied or pushed from";

using Told = std::function<void(std::uint64_t bytes)>;

Error corrupt(const ModelName& model, const Descriptor& blob, const Store& from) {
  return {Error::Kind::corrupt,
          to_string(model) + ": blob " + to_string(blob.digest) + " of " + from.name() + " is not what its digest says",
          mend};
}

// True when it had to be sent.
Result<bool> copy_once(Store& from, Store& to, const ModelName& model, const Descriptor& blob, const Told& told) {
  const auto open = [&]() -> Result<std::unique_ptr<ByteSource>> {
    auto source = from.open_blob(model, blob.digest, 0);
    if (source || source.error().kind != Error::Kind::not_found) return source;
    return Error{Error::Kind::corrupt,  // a manifest names it: damage, no wrong name
                 to_string(model) + ": blob " + to_string(blob.digest) + " is not in " + from.name(), mend};
  };
  return send_blob(to, model, blob, open, corrupt(model, blob, from), told);
}

Result<bool> copy_blob(Store& from, Store& to, const ModelName& model, const Descriptor& blob, const Told& told) {
  const int fetches = is_remote(from.name()) ? corrupt_fetches : 1;
  for (int fetched = 1;; ++fetched) {
    auto copied = copy_once(from, to, model, blob, told);
    if (copied || copied.error().kind != Error::Kind::corrupt || fetched >= fetches) return copied;
  }
}

// The blobs of one version, several at once.
Status copy_blobs(Store& from, Store& to, const CopySet& set, const Told& told, CopyReport& report) {
  std::atomic<std::uint64_t> sent{0}, bytes{0};
  auto done = in_parallel(set.blobs.size(), workers_limit, [&](std::size_t i) -> Status {
    auto copied = copy_blob(from, to, set.model, set.blobs[i], told);
    if (!copied) return copied.error();
    if (!*copied) return ok();
    ++sent;
    bytes += set.blobs[i].size;
    return ok();
  });
  report.sent += sent;
  report.bytes_sent += bytes;
  return done;
}

// Before anything is sent: a version is never overwritten.
Result<bool> may_copy(Store& to, const CopySet& set) {
  auto there = to.find(set.model, set.publication.version);
  if (!there) return there.error();
  if (!*there) return false;
  if ((*there)->model.digest == set.publication.model.digest) return true;
  return Error{Error::Kind::conflict,
               to_string(set.model) + " " + to_string(set.publication.version) + " exists in " + to.name() +
                   " with other content\nthere " + to_string((*there)->model.digest) + "\nhere " +
                   to_string(set.publication.model.digest),
               "versions are immutable: find out which of the two is the right one"};
}

// `again` sees to it that every blob is there.
Status copy_manifests(Store& from, Store& to, const CopySet& set, const std::function<Status()>& again) {
  const auto& publication = set.publication;
  auto model = from.read_manifest(set.model, publication.model.digest);
  if (!model) return model.error();
  const bool mountable = !publication.image.media_type.empty();
  auto image = mountable ? from.read_manifest(set.model, publication.image.digest) : std::string();
  if (!image) return image.error();
  auto published = to.publish(set.model, publication, {*model, *image});
  if (!published) return published.error();
  for (const auto& referrer : set.referrers) {
    if (interrupted()) return interrupted_error();
    auto text = from.read_manifest(set.model, referrer.manifest.digest);
    if (!text) return text.error();
    if (auto there = again(); !there) return there;
    auto put = to.put_referrer(set.model, referrer.subject, referrer.manifest, *text);
    if (!put) return put;
  }
  return ok();
}

// Counts what is asked for; blobs that several versions share count once.
CopyReport asked_for(const std::vector<CopySet>& sets) {
  CopyReport report;
  std::set<std::pair<ModelName, Digest>> seen;
  for (const auto& set : sets) {
    ++report.versions;
    report.referrers += set.referrers.size();
    for (const auto& blob : set.blobs)
      if (seen.insert({set.model, blob.digest}).second) {
        ++report.blobs;
        report.bytes += blob.size;
      }
  }
  return report;
}

std::vector<std::vector<const CopySet*>> by_model(const std::vector<CopySet>& sets) {
  std::map<ModelName, std::size_t> places;
  std::vector<std::vector<const CopySet*>> out;
  for (const auto& set : sets) {
    const auto [place, is_new] = places.emplace(set.model, out.size());
    if (is_new) out.emplace_back();
    out[place->second].push_back(&set);
  }
  return out;
}

}  // namespace

Result<bool> send_blob(Store& to, const ModelName& model, const Descriptor& blob,
                       const std::function<Result<std::unique_ptr<ByteSource>>()>& open, const Error& corrupt,
                       const Told& told) {
  auto there = to.has_blob(model, blob.digest, blob.size);
  if (!there) return there.error();
  if (*there) return false;
  auto source = open();
  if (!source) return source.error();
  auto writer = to.new_blob(model, {blob.size, blob.digest, to_string(blob.digest)});
  if (!writer) return writer.error();
  Sha256 hash;
  std::string buffer(static_cast<std::size_t>(std::clamp<std::uint64_t>(blob.size, 1, buffer_size)), '\0');
  for (std::uint64_t left = blob.size;;) {
    if (interrupted()) return interrupted_error();
    auto got = (*source)->read(buffer.data(), buffer.size());
    if (!got) return got.error();
    if (*got > left || (*got == 0 && left > 0)) return corrupt;
    if (*got == 0) break;
    left -= *got;
    hash.update(buffer.data(), *got);
    if (auto written = (*writer)->write({buffer.data(), *got}); !written) return written.error();
    told(*got);
  }
  if (hash.finish() != blob.digest) return corrupt;
  auto kept = (*writer)->commit(blob.digest);
  if (!kept) return kept.error();
  return true;
}

Result<CopyReport> copy_versions(Store& from, Store& to, const std::vector<CopySet>& sets, Progress& progress) {
  CopyReport report = asked_for(sets);
  std::mutex mutex;
  std::uint64_t done = 0;
  const auto told = [&](std::uint64_t bytes) {
    const std::lock_guard guard(mutex);
    done += bytes;
    progress.update(human_bytes(done) + " of " + human_bytes(report.bytes));
  };
  std::atomic<std::uint64_t> existed{0};
  auto may = in_parallel(sets.size(), workers_limit, [&](std::size_t i) -> Status {
    auto there = may_copy(to, sets[i]);
    if (!there) return there.error();
    if (*there) ++existed;
    return ok();
  });
  if (!may) return may.error();
  report.existed = existed;
  // Where there is a collector, it may come between two manifests and take what nothing refers to yet.
  const bool collects = static_cast<bool>(to.models_with_garbage());
  const auto copy_one = [&](const CopySet& set, CopyReport& sent) -> Status {
    const auto blobs = [&] { return copy_blobs(from, to, set, told, sent); };
    if (auto copied = blobs(); !copied) return copied;
    return copy_manifests(from, to, set, [&] { return collects ? blobs() : ok(); });
  };
  // Models at once, the versions of one after each other: they share blobs, and a place for them.
  const auto models = by_model(sets);
  auto copied = in_parallel(models.size(), workers_limit, [&](std::size_t i) -> Status {
    CopyReport sent;
    Status fine = ok();
    for (const auto* set : models[i])
      if (fine) fine = copy_one(*set, sent);
    const std::lock_guard guard(mutex);
    report.sent += sent.sent;
    report.bytes_sent += sent.bytes_sent;
    return fine;
  });
  if (!copied) return copied.error();
  return report;
}

Result<CopyReport> rehearse_copy(Store& to, const std::vector<CopySet>& sets) {
  CopyReport report = asked_for(sets);
  std::set<std::pair<ModelName, Digest>> seen;
  for (const auto& set : sets) {
    auto there = may_copy(to, set);
    if (!there) return there.error();
    if (*there) ++report.existed;
    for (const auto& blob : set.blobs) {
      if (!seen.insert({set.model, blob.digest}).second) continue;
      auto has = to.has_blob(set.model, blob.digest, blob.size);
      if (!has) return has.error();
      if (*has) continue;
      ++report.sent;
      report.bytes_sent += blob.size;
    }
  }
  return report;
}

}  // namespace mlctl::registry
