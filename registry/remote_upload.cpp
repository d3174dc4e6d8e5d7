#include "registry/remote_upload.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/interrupt.h"
#include "registry/remote_http.h"
#include "registry/remote_notes.h"
#include "registry/remote_pieces.h"
#include "registry/remote_stream.h"

namespace mlctl::registry {
namespace {

constexpr std::uint64_t largest_piece = 32U << 20U;  // a registry that wants larger ones gets one stream

// Pieces while it can, one stream where the registry takes no pieces.
class Upload : public BlobWriter {
 public:
  Upload(UploadPlace place, const BlobHint& hint, std::unique_ptr<UploadSession> session)
      : place_(std::move(place)),
        size_(hint.size),
        pieces_(*place_.client, place_.repository, std::move(session)),
        skip_(pieces_.take_up()) {
    buffer_.reserve(hint.size == 0 ? upload_piece : std::min<std::uint64_t>(hint.size, upload_piece));
  }
  ~Upload() override {
    if (sending_.valid()) sending_.wait();
    if (!closed_ && pieces_.begun() && !pieces_.resumable()) pieces_.cancel();
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  [[nodiscard]] bool worth_again() const override { return broken_; }

  Status write(std::string_view bytes) override {
    auto taken = take(bytes);
    if (!taken) note(taken.error());
    return taken;
  }

  Result<bool> commit(const Digest& digest) override {
    auto kept = finish(digest);
    if (!kept) note(kept.error());
    closed_ = static_cast<bool>(kept);
    if (kept && place_.stored) place_.stored(digest);
    return kept;
  }

 private:
  void note(const Error& error) {
    broken_ = error.kind == Error::Kind::unavailable || error.kind == Error::Kind::timeout;
  }

  Status take(std::string_view bytes) {
    written_ += bytes.size();
    const auto known = std::min<std::uint64_t>(skip_, bytes.size());
    skip_ -= known;
    bytes.remove_prefix(known);
    if (stream_) return stream_->write(bytes);
    while (!bytes.empty()) {
      const auto room = bytes.substr(0, piece_ - buffer_.size());
      buffer_.append(room);
      bytes.remove_prefix(room.size());
      // The last piece waits for commit(): a blob of one piece needs no upload in pieces.
      if (buffer_.size() < piece_ || (bytes.empty() && written_ == size_)) continue;
      if (auto sent = flush(); !sent) return sent;
      if (stream_) return stream_->write(bytes);
    }
    return ok();
  }

  Result<bool> finish(const Digest& digest) {
    if (stream_) return stream_->finish(digest);
    if (auto sent = wait(); !sent) return sent.error();
    if (!pieces_.begun()) return put_whole(place_, buffer_, digest);
    if (written_ < pieces_.offset()) {
      pieces_.cancel();
      return Error{Error::Kind::unavailable, "the registry has more of an upload than there is",
                   "run the command again: it begins anew"};
    }
    // Somebody may have sent it meanwhile, or ever: then nothing needs to be closed.
    auto there = blob_is_there(*place_.client, place_.repository, digest, written_, push_scope(place_.repository));
    if (there && *there) {
      pieces_.cancel();
      return true;
    }
    if (!buffer_.empty())
      if (auto sent = pieces_.add(buffer_); !sent) return sent.error();
    if (auto closed = pieces_.close(digest); !closed) return closed.error();
    return false;
  }

  Status wait() { return sending_.valid() ? sending_.get() : ok(); }

  // Hands the full buffer over and gives an empty one back.
  Status flush() {
    if (auto sent = wait(); !sent) return sent;
    if (interrupted()) return interrupted_error();
    const bool first = !pieces_.begun();
    if (first) {
      const RemoteNotes notes(place_.client->settings().cache, place_.client->address().host);
      if (notes.takes_no_pieces()) return turn_to_stream();
      if (auto begun = pieces_.begin(); !begun) return begun;
      if (pieces_.smallest() > largest_piece) return turn_to_stream();
      if (pieces_.smallest() > piece_) {
        piece_ = pieces_.smallest();
        return ok();
      }
    }
    if (pieces_.offset() == 0) {
      // The first piece is waited for: what the registry thinks of pieces shows in it, and everything is still here.
      auto sent = pieces_.add(buffer_);
      if (!sent && sent.error().kind == Error::Kind::denied) {
        RemoteNotes(place_.client->settings().cache, place_.client->address().host).note_no_pieces();
        return turn_to_stream();
      }
      buffer_.clear();
      return sent;
    }
    std::swap(buffer_, on_the_way_);
    buffer_.clear();
    sending_ = std::async(std::launch::async, [this] { return pieces_.add(on_the_way_); });
    return ok();
  }

  Status turn_to_stream() {
    if (pieces_.begun()) pieces_.cancel();
    stream_ = open_stream(place_);
    auto sent = stream_->write(buffer_);
    buffer_ = {};
    return sent;
  }

  UploadPlace place_;
  std::uint64_t size_;
  Pieces pieces_;
  std::uint64_t skip_;  // what the registry has
  std::uint64_t piece_ = upload_piece;
  std::uint64_t written_ = 0;
  bool closed_ = false, broken_ = false;
  std::string buffer_, on_the_way_;
  std::future<Status> sending_;
  std::unique_ptr<StreamedUpload> stream_;
};

class PresentBlob : public BlobWriter {
 public:
  explicit PresentBlob(const Digest& digest) : digest_(digest) {}
  Status write(std::string_view) override { return ok(); }
  Result<bool> commit(const Digest& digest) override {
    if (digest == digest_) return true;
    return Error{Error::Kind::unavailable, "bytes are not those that were announced: a file changed while it was read",
                 "run the command again when nothing writes to it"};
  }

 private:
  Digest digest_;
};

}  // namespace

std::string pull_scope(const std::string& repository) {
  return "repository:" + repository + ":pull";
}

std::string push_scope(const std::string& repository) {
  return "repository:" + repository + ":pull,push";
}

std::unique_ptr<BlobWriter> present_blob(const Digest& digest) {
  return std::make_unique<PresentBlob>(digest);
}

Result<bool> blob_is_there(RemoteClient& client, const std::string& repository, const Digest& digest,
                           std::uint64_t size, const std::string& scope) {
  RemoteRequest head;
  head.method = "HEAD";
  head.url = "/v2/" + repository + "/blobs/" + to_string(digest);
  head.repository = repository;
  head.scope = scope;
  head.fine = {200, 404};
  auto answer = client.send(head);
  if (!answer) return answer.error();
  const auto length = parse_count(header_of(answer->response, "content-length"));
  return answer->response.status == 200 && (!length || *length == size);
}

Result<bool> mount_blob(const UploadPlace& place, const Digest& digest, const std::string& from) {
  RemoteRequest post;
  post.method = "POST";
  post.url = with_query("/v2/" + place.repository + "/blobs/uploads/", {{"mount", to_string(digest)}, {"from", from}});
  post.repository = place.repository;
  post.scope = push_scope(place.repository) + " " + pull_scope(from);
  post.fine = {201, 202};
  auto answer = place.client->send(post);
  if (!answer) return answer.error();
  if (answer->response.status == 201) {
    if (place.stored) place.stored(digest);
    return true;
  }
  if (auto location = answer->location()) {  // an upload that nobody will go on with
    RemoteRequest erase = post;
    erase.method = "DELETE";
    erase.url = *location;
    erase.scope = push_scope(place.repository);
    erase.fine = {200, 202, 204, 400, 404, 405};
    erase.tries = 1;
    if (auto ignored = place.client->send(erase); !ignored) return false;
  }
  return false;
}

Result<bool> put_whole(const UploadPlace& place, std::string_view bytes, const Digest& digest) {
  auto there = blob_is_there(*place.client, place.repository, digest, bytes.size(), push_scope(place.repository));
  if (!there || *there) return there;
  for (int tries = 1;; ++tries) {
    RemoteRequest post;
    post.method = "POST";
    post.url = "/v2/" + place.repository + "/blobs/uploads/";
    post.repository = place.repository;
    post.scope = push_scope(place.repository);
    post.fine = {202};
    auto answer = place.client->send(post);
    if (!answer) return answer.error();
    auto location = answer->location();
    if (!location) return location.error();
    RemoteRequest put = post;
    put.method = "PUT";
    put.url = with_query(*location, {{"digest", to_string(digest)}});
    put.headers = {{"Content-Type", "application/octet-stream"}};
    put.body = bytes;
    put.fine = {200, 201, 202, 204, 404, 416};
    auto done = place.client->send(put);
    if (!done) return done.error();
    if (done->response.status < 300) return false;
    // A PUT that was sent twice because its answer was lost finds its upload gone; the blob may be there or not.
    there = blob_is_there(*place.client, place.repository, digest, bytes.size(), push_scope(place.repository));
    if (!there) return there;
    if (*there) return false;
    if (tries == 3) return place.client->error_of(put, *done);
  }
}

Result<std::unique_ptr<BlobWriter>> start_upload(const UploadPlace& place, const BlobHint& hint) {
  const auto& client = *place.client;
  std::unique_ptr<UploadSession> session;
  if (hint.size == 0 || hint.size > upload_piece)
    session = UploadSession::open(client.settings().cache, client.address().host, place.repository, hint.key);
  return std::unique_ptr<BlobWriter>(std::make_unique<Upload>(place, hint, std::move(session)));
}

}  // namespace mlctl::registry
