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

static constexpr std::size_t queue_limit = 8U << 20U;  // bytes that wait to be sent

struct StreamedUpload::State {
  explicit State(UploadPlace where) : place(std::move(where)) {}

  UploadPlace place;
  std::mutex mutex;
  std::condition_variable changed;
  std::string queue;
  std::size_t begin = 0;  // of what is still to be sent
  bool ended = false, broken = false;
  std::optional<Result<RemoteAnswer>> answer;
  std::thread sender;

  [[nodiscard]] std::size_t waiting() const { return queue.size() - begin; }

  Result<std::size_t> read(char* into, std::size_t size) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting() > 0 || ended || broken; });
    if (broken) return Error{Error::Kind::interrupted, "the upload was given up", ""};
    const auto count = std::min(size, waiting());
    std::memcpy(into, queue.data() + begin, count);
    begin += count;
    if (waiting() == 0) {
      queue.clear();
      begin = 0;
    }
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
    state.changed.wait(lock, [&] { return state.waiting() < queue_limit || state.answer; });
    if (state.answer) break;
    const auto some = bytes.substr(0, queue_limit - state.waiting());
    state.queue.erase(0, state.begin);
    state.begin = 0;
    state.queue.append(some);
    bytes.remove_prefix(some.size());
    state.changed.notify_all();
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
