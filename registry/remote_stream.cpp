#include "registry/remote_stream.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "registry/remote_http.h"
#include "registry/remote_upload.h"

namespace mlctl::registry {

static constexpr std::size_t ring_size = 4U << 20U;  // bytes that wait to be sent

struct StreamedUpload::State {
  explicit State(UploadPlace where) : place(std::move(where)) {}

  UploadPlace place;
  std::mutex mutex;
  std::condition_variable changed;
  std::string ring = std::string(ring_size, '\0');
  std::size_t begin = 0, waiting = 0;  // of what is still to be sent: from where, how much
  bool ended = false, broken = false;
  std::optional<Result<RemoteAnswer>> answer;
  std::thread sender;

  Result<std::size_t> read(char* into, std::size_t size) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting > 0 || ended || broken; });
    if (broken) return Error{Error::Kind::interrupted, "the upload was given up", ""};
    const auto count = std::min({size, waiting, ring_size - begin});
    std::memcpy(into, ring.data() + begin, count);
    begin = (begin + count) % ring_size;
    waiting -= count;
    changed.notify_all();
    return count;
  }

  // As much of it as there is room for in one piece; under the lock.
  std::size_t take(std::string_view bytes) {
    const auto end = (begin + waiting) % ring_size;
    const auto count = std::min({bytes.size(), ring_size - waiting, ring_size - end});
    std::memcpy(ring.data() + end, bytes.data(), count);
    waiting += count;
    changed.notify_all();
    return count;
  }

  void send() {
    auto done = exchange();
    const std::lock_guard lock(mutex);
    answer = std::move(done);
    changed.notify_all();
  }

  Result<RemoteAnswer> exchange() {
    RemoteRequest post;
    post.method = "POST";
    post.url = "/v2/" + place.repository + "/blobs/uploads/";
    post.repository = place.repository;
    post.scope = push_scope(place.repository);
    post.fine = {202};
    auto begun = place.client->send(post);
    if (!begun) return begun;
    auto location = begun->location();
    if (!location) return location.error();
    RemoteRequest patch = post;
    patch.method = "PATCH";
    patch.url = *location;
    patch.headers = {{"Content-Type", "application/octet-stream"}};
    patch.upload = HttpUpload{std::nullopt, [this](char* into, std::size_t size) { return read(into, size); }};
    patch.limit = std::chrono::hours(24);
    patch.fine = {200, 201, 202, 204};
    return place.client->send(patch);
  }
};

StreamedUpload::StreamedUpload(const UploadPlace& place) : state_(std::make_unique<State>(place)) {
  state_->sender = std::thread([state = state_.get()] { state->send(); });
}

StreamedUpload::~StreamedUpload() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->broken = true;
    state_->changed.notify_all();
  }
  if (state_->sender.joinable()) state_->sender.join();
}

Status StreamedUpload::write(std::string_view bytes) {
  State& state = *state_;
  while (!bytes.empty()) {
    std::unique_lock lock(state.mutex);
    state.changed.wait(lock, [&] { return state.waiting < ring_size || state.answer; });
    if (state.answer) break;
    bytes.remove_prefix(state.take(bytes));
  }
  if (bytes.empty()) return ok();
  if (*state.answer)
    return Error{Error::Kind::unavailable, "the registry ended the upload before its end", "run the command again"};
  return (*state.answer).error();
}

Result<bool> StreamedUpload::finish(const Digest& digest) {
  State& state = *state_;
  {
    const std::lock_guard lock(state.mutex);
    state.ended = true;
    state.changed.notify_all();
  }
  state.sender.join();
  if (!*state.answer) return (*state.answer).error();
  const RemoteAnswer& patched = **state.answer;
  const bool moved = !header_of(patched.response, "location").empty();
  auto location = moved ? patched.location() : Result<std::string>(patched.url);
  if (!location) return location.error();
  RemoteRequest put;
  put.method = "PUT";
  put.url = with_query(*location, {{"digest", to_string(digest)}});
  put.repository = state.place.repository;
  put.scope = push_scope(state.place.repository);
  put.stall = std::chrono::minutes(15);
  put.fine = {200, 201, 202, 204};
  auto closed = state.place.client->send(put);
  if (!closed) return closed.error();
  return false;
}

std::unique_ptr<StreamedUpload> open_stream(const UploadPlace& place) {
  return std::make_unique<StreamedUpload>(place);
}

}  // namespace mlctl::registry
