#include "registry/remote_pieces.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "registry/remote_http.h"
#include "registry/remote_retry.h"
#include "registry/remote_upload.h"

namespace mlctl::registry {
namespace {

constexpr int tries_limit = 6;
constexpr std::uint64_t small_piece = 4U << 20U;  // some registries take no more in one PATCH
constexpr std::uint64_t smallest_piece = 1U << 20U;

Error lost(const std::string& where, const std::string& why) {
  return {Error::Kind::unavailable, where + ": the upload was lost: " + why, "run the command again"};
}

}  // namespace

RemoteRequest Pieces::request(std::string method, std::string url) const {
  RemoteRequest out;
  out.method = std::move(method);
  out.url = std::move(url);
  out.repository = repository_;
  out.scope = push_scope(repository_);
  return out;
}

void Pieces::move_to(const RemoteAnswer& answer) {
  if (header_of(answer.response, "location").empty()) return;
  if (auto next = answer.location()) location_ = std::move(*next);
  if (session_) session_->save(location_);
}

std::uint64_t Pieces::take_up() {
  if (!session_ || session_->location().empty()) return 0;
  location_ = session_->location();
  auto state = ask();
  if (state && state->known && !state->ambiguous && state->size > 0) {
    taken_up_ = true;
    return offset_ = state->size;
  }
  location_.clear();
  return 0;
}

Status Pieces::begin() {
  auto post = request("POST", "/v2/" + repository_ + "/blobs/uploads/");
  post.fine = {202};
  auto answer = client_.send(post);
  if (!answer) return answer.error();
  auto location = answer->location();
  if (!location) return location.error().context(client_.address().host + "/" + repository_);
  location_ = std::move(*location);
  offset_ = 0;
  smallest_ = parse_count(header_of(answer->response, "oci-chunk-min-length")).value_or(0);
  if (session_) session_->save(location_);
  return ok();
}

Result<Pieces::State> Pieces::ask() {
  auto get = request("GET", location_);
  get.fine = {200, 202, 204, 400, 404, 405, 410};
  auto answer = client_.send(get);
  if (!answer) return answer.error();
  if (answer->response.status >= 400) return State{};
  // Without a Range nothing is known to be there.
  const auto range = header_of(answer->response, "range");
  const auto size = upload_range(range);
  State state{true, size.value_or(0), size == 1U};
  move_to(*answer);
  return state;
}

// What the registry has of these bytes, after something went wrong with them.
Result<Pieces::Sent> Pieces::look(std::string_view bytes, std::uint64_t& taken, const Error& why) {
  auto state = ask();
  if (!state) return state.error();
  const std::string where = client_.address().host + "/" + repository_;
  if (!state->known) {
    if (offset_ > 0) return lost(where, why.message);
    if (auto begun = begin(); !begun) return begun.error();
    return Sent::again;
  }
  std::uint64_t there = state->size;
  if (state->ambiguous && offset_ == 0) there = 0;  // where it is one byte, sending from 0 says so by 416
  if (there < offset_ || there > offset_ + bytes.size())
    return lost(where, "it has " + std::to_string(there) + " bytes, " + std::to_string(offset_) + " were sent");
  taken = there - offset_;
  return taken == bytes.size() ? Sent::all : taken > 0 ? Sent::part : Sent::again;
}

Result<Pieces::Sent> Pieces::patch(std::string_view bytes, std::uint64_t& taken) {
  auto patch = request("PATCH", location_);
  patch.fine = {200, 201, 202, 204, 400, 404, 405, 408, 411, 413, 416, 429, 500, 501, 502, 503, 504};
  patch.tries = 1;
  patch.again = false;
  patch.body = bytes;
  patch.headers = {{"Content-Type", "application/octet-stream"},
                   {"Content-Range", std::to_string(offset_) + "-" + std::to_string(offset_ + bytes.size() - 1)}};
  auto answer = client_.send(patch);
  if (!answer && !is_passing(answer.error())) return answer.error();
  if (!answer) return look(bytes, taken, answer.error());
  const int status = answer->response.status;
  if (status < 300) {
    move_to(*answer);
    // Less than we sent is believed; what makes no sense is not: the digest decides in the end.
    const auto size = upload_range(header_of(answer->response, "range"));
    const bool part = size && *size > offset_ && *size < offset_ + bytes.size();
    taken = part ? *size - offset_ : bytes.size();
    return part ? Sent::part : Sent::all;
  }
  const Error error = client_.error_of(patch, *answer);
  const bool too_long = status == 413 || status == 416;
  if (too_long || is_passing(status) || status == 404) {
    auto looked = look(bytes, taken, error);
    if (!looked || *looked != Sent::again || !too_long) return looked;
    if (bytes.size() <= smallest_piece) return error;
    piece_limit_ = bytes.size() > small_piece ? small_piece : smallest_piece;
    return Sent::again;
  }
  if (offset_ == 0 && !taken_up_) return Sent::no_pieces;
  return error;
}

Status Pieces::add(std::string_view bytes) {
  Backoff backoff(client_.clock(), tries_limit, client_.deadline());
  const auto limit_before = piece_limit_;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), piece_limit_));
    std::uint64_t taken = 0;
    auto sent = patch(piece, taken);
    if (!sent) return sent.error();
    if (*sent == Sent::no_pieces) return Error{Error::Kind::denied, "the registry takes no pieces", ""};
    if (taken > 0) {
      offset_ += taken;
      bytes.remove_prefix(taken);
      backoff.succeeded(tries_limit);
    } else if (piece_limit_ == limit_before && !backoff.wait()) {
      return Error{Error::Kind::unavailable,
                   client_.address().host + "/" + repository_ + ": a piece of the upload does not arrive, after " +
                       std::to_string(tries_limit) + " tries",
                   "run the command again: it goes on where this one stopped"};
    }
  }
  return ok();
}

Status Pieces::close(const Digest& digest) {
  auto put = request("PUT", with_query(location_, {{"digest", to_string(digest)}}));
  // The registry may read all of it again before it answers.
  put.stall = std::chrono::minutes(15);
  put.fine = {200, 201, 202, 204, 400, 404, 416};
  auto answer = client_.send(put);
  if (answer && answer->response.status < 300) {
    if (session_) session_->forget();
    return ok();
  }
  // The answer to a PUT that went through may have been lost, and the upload is gone then.
  auto there = blob_is_there(client_, repository_, digest, offset_, push_scope(repository_));
  if (there && *there) {
    if (session_) session_->forget();
    return ok();
  }
  if (!answer) return answer.error();
  cancel();
  Error error = client_.error_of(put, *answer);
  error.kind = Error::Kind::unavailable;
  error.hint = taken_up_ ? "what an earlier run had sent did not fit; run the command again: it begins anew"
                         : "run the command again";
  return error;
}

void Pieces::cancel() {
  if (session_) session_->forget();
  if (location_.empty()) return;
  auto erase = request("DELETE", std::exchange(location_, ""));
  erase.fine = {200, 202, 204, 400, 404, 405};
  erase.tries = 1;
  erase.limit = std::chrono::seconds(5);
  if (auto ignored = client_.send(erase); !ignored) return;
}

}  // namespace mlctl::registry
