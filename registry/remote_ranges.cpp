#include "registry/remote_ranges.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "registry/remote_http.h"
#include "registry/remote_retry.h"
#include "registry/remote_upload.h"

namespace mlctl::registry {
namespace {

constexpr int tries_limit = 6;

// Asks for one part of a blob and checks that it is that part which comes.
class RangeFetcher {
 public:
  RangeFetcher(RemoteClient& client, std::string repository, const Digest& digest, const std::atomic<bool>& cancelled)
      : client_(client), repository_(std::move(repository)), digest_(digest), cancelled_(cancelled) {}

  // How long the blob is: some servers refuse a range that ends behind it. nullopt: the registry does not say.
  Result<std::optional<std::uint64_t>> ask_size() {
    RemoteRequest head;
    head.method = "HEAD";
    head.url = "/v2/" + repository_ + "/blobs/" + to_string(digest_);
    head.repository = repository_;
    head.scope = pull_scope(repository_);
    head.fine = {200, 404};
    auto answer = client_.send(head);
    if (!answer) return answer.error();
    if (answer->response.status == 404)
      return Error{Error::Kind::not_found,
                   client_.address().host + "/" + repository_ + ": blob " + to_string(digest_) + " is not there",
                   "push the version again from its files"};
    size_ = parse_count(header_of(answer->response, "content-length"));
    return size_;
  }

  struct Fetched {
    bool whole = false;     // the last answer was everything, from the first byte, whatever was asked
    bool unwanted = false;  // so much that it was not taken
  };

  // Bytes [first, last] go to `take` in order, each once, over as many tries as it takes. A server without ranges:
  // everything from `first` on goes to `take` if `take_whole` or where it is no more than was asked; else `unwanted`.
  Result<Fetched> fetch(std::uint64_t first, std::uint64_t last, bool take_whole,
                        const std::function<Status(std::string_view)>& take) {
    Fetched fetched;
    std::uint64_t next = first;
    Backoff backoff(client_.clock(), tries_limit, client_.deadline());
    for (;;) {
      const auto before = next;
      std::optional<Error> wrong;
      std::uint64_t skip = 0;  // of what a server without ranges sends again
      bool begun = false;
      auto request = make_request(next, last);
      request.sink = [&](const HttpResponse& so_far, std::string_view bytes) -> Status {
        if (!std::exchange(begun, true)) {
          auto seen = look(so_far, next, last, fetched);
          if (!seen) wrong = seen.error();
          if (!seen) return seen;
          if (fetched.whole) skip = next;
          fetched.unwanted = fetched.whole && !take_whole && last + 1 != size_;
        }
        if (fetched.unwanted) return stop();
        const auto some = std::min<std::uint64_t>(skip, bytes.size());
        skip -= some;
        bytes.remove_prefix(some);
        if (last != whole_blob) bytes = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), last + 1 - next));
        next += bytes.size();
        return bytes.empty() ? ok() : take(bytes);
      };
      auto answer = client_.send(request);
      if (fetched.unwanted) return fetched;
      const bool short_of = answer && last != whole_blob && next <= last;
      if (answer && !short_of) return fetched;
      if (wrong) return *wrong;
      if (!answer && !is_passing(answer.error())) return answer.error();
      if (next > before) backoff.succeeded(tries_limit);
      if (!backoff.wait()) {
        if (!answer) return answer.error();
        return Error{Error::Kind::unavailable,
                     client_.address().host + "/" + repository_ + ": blob " + to_string(digest_) + " ends too early",
                     "run the command again"};
      }
    }
  }

  static constexpr std::uint64_t whole_blob = ~std::uint64_t{0};

 private:
  static Error stop() { return {Error::Kind::interrupted, "not needed", ""}; }

  [[nodiscard]] RemoteRequest make_request(std::uint64_t first, std::uint64_t last) const {
    RemoteRequest get;
    get.url = "/v2/" + repository_ + "/blobs/" + to_string(digest_);
    get.repository = repository_;
    get.scope = pull_scope(repository_);
    get.fine = {200, 206};
    get.again = false;
    get.cancelled = &cancelled_;
    get.limit = std::chrono::hours(24);
    // A whole blob is asked for without a range: everybody understands that.
    if (last != whole_blob && (first > 0 || last + 1 != size_))
      get.headers = {{"Range", "bytes=" + std::to_string(first) + "-" + std::to_string(last)}};
    return get;
  }

  Status look(const HttpResponse& so_far, std::uint64_t first, std::uint64_t last, Fetched& fetched) const {
    fetched.whole = so_far.status != 206;  // of this answer: the next try may meet a server that knows ranges
    if (fetched.whole) return ok();
    const auto range = parse_content_range(header_of(so_far, "content-range"));
    if (!range || range->first != first || range->last > last || (range->total && size_ && range->total != size_))
      return Error{Error::Kind::unavailable,
                   client_.address().host + "/" + repository_ + ": asked for a part of blob " + to_string(digest_) +
                       ", another part comes",
                   "the registry, or a proxy before it, does not keep to HTTP"};
    return ok();
  }

  RemoteClient& client_;
  std::string repository_;
  Digest digest_;
  const std::atomic<bool>& cancelled_;
  std::optional<std::uint64_t> size_;  // of the blob
};

// Ranges in order of delivery. One thread each, no more than there are ranges.
class RangedBlob : public ByteSource {
 public:
  RangedBlob(RemoteClient& client, const std::string& repository, const Digest& digest)
      : fetcher_(client, repository, digest, cancelled_) {}
  ~RangedBlob() override {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      changed_.notify_all();
    }
    for (auto& thread : threads_) thread.join();
  }
  RangedBlob(const RangedBlob&) = delete;
  RangedBlob& operator=(const RangedBlob&) = delete;

  // The first range shows whether there are ranges.
  Status open(std::uint64_t offset) {
    auto size = fetcher_.ask_size();
    if (!size) return size.error();
    if (!*size) return stream_from(offset);
    begin_ = offset;
    end_ = **size;
    if (begin_ >= end_) return ok();
    const auto rest = end_ - begin_ - std::min<std::uint64_t>(first_range_size, end_ - begin_);
    total_parts_ = 1 + (rest + range_size - 1) / range_size;
    claimed_ = 1;
    std::string first;
    auto fetched = fetch_part(0, first);
    if (!fetched) return fetched.error();
    if (fetched->unwanted) return stream_from(offset);
    ready_.emplace(0, std::move(first));
    return ok();
  }

  Result<std::size_t> read(char* into, std::size_t size) override {
    while (taken_ == part_.size()) {
      if (delivered_ == 1 && threads_.empty())
        for (std::uint64_t i = 1; i < std::min<std::uint64_t>(total_parts_, ranges_at_once + 1); ++i)
          threads_.emplace_back([this] { work(); });
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ready_.count(delivered_) != 0 || delivered_ >= total_parts_ || failed_; });
      const auto found = ready_.find(delivered_);
      if (found == ready_.end()) return failed_ ? Result<std::size_t>(*failed_) : std::size_t{0};
      std::swap(part_, found->second);
      if (spare_.size() < ranges_at_once) spare_.push_back(std::move(found->second));
      taken_ = 0;
      ready_.erase(found);
      ++delivered_;
      changed_.notify_all();
    }
    const auto count = std::min(size, part_.size() - taken_);
    std::memcpy(into, part_.data() + taken_, count);
    taken_ += count;
    return count;
  }

 private:
  void fail(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!failed_) failed_ = error;
    changed_.notify_all();
  }

  Result<RangeFetcher::Fetched> fetch_part(std::uint64_t part, std::string& into) {
    const std::uint64_t first = part == 0 ? begin_ : begin_ + first_range_size + (part - 1) * range_size;
    const std::uint64_t last = std::min(first + (part == 0 ? first_range_size : range_size), end_) - 1;
    into.reserve(last + 1 - first);
    return fetcher_.fetch(first, last, false, [&](std::string_view bytes) {
      into.append(bytes);
      return ok();
    });
  }

  Status stream_from(std::uint64_t offset) {
    total_parts_ = ~std::uint64_t{0};
    threads_.emplace_back([this, offset] { stream(offset); });
    return ok();
  }

  void work() {
    for (;;) {
      std::uint64_t part = 0;
      std::string bytes;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] {
          return cancelled_ || failed_ || claimed_ >= total_parts_ || claimed_ < delivered_ + ranges_at_once;
        });
        if (cancelled_ || failed_ || claimed_ >= total_parts_) return;
        part = claimed_++;
        if (!spare_.empty()) {
          bytes = std::move(spare_.back());
          spare_.pop_back();
          bytes.clear();
        }
      }
      auto fetched = fetch_part(part, bytes);
      if (!fetched) return fail(fetched.error());
      if (fetched->unwanted)
        return fail({Error::Kind::unavailable, "the registry sends parts of a blob, and then no longer",
                     "run the command again"});
      const std::lock_guard lock(mutex_);
      ready_.emplace(part, std::move(bytes));
      changed_.notify_all();
    }
  }

  // Without ranges: one thread, parts of what comes, as many as may wait.
  void stream(std::uint64_t offset) {
    std::uint64_t part = 0;
    auto fetched = fetcher_.fetch(offset, RangeFetcher::whole_blob, true, [&](std::string_view bytes) -> Status {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return cancelled_ || waiting_bytes() < ranges_at_once * range_size; });
      if (cancelled_) return Error{Error::Kind::interrupted, "not needed", ""};
      ready_.emplace(part++, bytes);
      changed_.notify_all();
      return ok();
    });
    if (!fetched) return fail(fetched.error());
    const std::lock_guard lock(mutex_);
    total_parts_ = part;
    changed_.notify_all();
  }

  [[nodiscard]] std::size_t waiting_bytes() const {
    std::size_t sum = 0;
    for (const auto& [part, bytes] : ready_) sum += bytes.size();
    return sum;
  }

  std::atomic<bool> cancelled_{false};
  RangeFetcher fetcher_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::string> ready_;  // by part
  std::vector<std::string> spare_;              // to be filled again: fresh memory costs more than it seems
  std::uint64_t begin_ = 0, end_ = 0;           // of what is read, in the blob
  std::uint64_t claimed_ = 0, delivered_ = 0;   // parts
  std::uint64_t total_parts_ = 0;
  std::optional<Error> failed_;
  std::vector<std::thread> threads_;
  std::string part_;
  std::size_t taken_ = 0;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> open_remote_blob(RemoteClient& client, const std::string& repository,
                                                     const Digest& digest, std::uint64_t offset) {
  auto blob = std::make_unique<RangedBlob>(client, repository, digest);
  if (auto opened = blob->open(offset); !opened) return opened.error();
  return std::unique_ptr<ByteSource>(std::move(blob));
}

}  // namespace mlctl::registry
