// One upload in pieces, as the registry sees it: begun or taken up again, added to, closed. Not for several threads.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "registry/remote_client.h"
#include "registry/remote_session.h"

namespace mlctl::registry {

class Pieces {
 public:
  Pieces(RemoteClient& client, std::string repository, std::unique_ptr<UploadSession> session)
      : client_(client), repository_(std::move(repository)), session_(std::move(session)) {}

  // How many bytes an earlier process got through; 0: begin() is still to be called.
  [[nodiscard]] std::uint64_t take_up();
  [[nodiscard]] Status begin();
  [[nodiscard]] bool begun() const { return !location_.empty(); }
  // The smallest piece but the last that the registry takes (OCI-Chunk-Min-Length); 0: any.
  [[nodiscard]] std::uint64_t smallest() const { return smallest_; }
  // The bytes from offset() on. Error{denied} with nothing sent: the registry takes no pieces.
  [[nodiscard]] Status add(std::string_view bytes);
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // True always: the registry checked the digest. An upload that was taken up and does not fit is forgotten.
  [[nodiscard]] Status close(const Digest& digest);
  void cancel();                                                        // best effort
  [[nodiscard]] bool resumable() const { return session_ != nullptr; }  // by a later process
  [[nodiscard]] const std::string& location() const { return location_; }

 private:
  enum class Sent { all, part, again, no_pieces };
  struct State {
    bool known = false;      // the upload is there
    std::uint64_t size = 0;  // bytes
    bool ambiguous = false;  // "0-0": none or one
  };
  [[nodiscard]] RemoteRequest request(std::string method, std::string url) const;
  Result<State> ask();
  Result<Sent> patch(std::string_view bytes, std::uint64_t& taken);
  Result<Sent> look(std::string_view bytes, std::uint64_t& taken, const Error& why);
  void move_to(const RemoteAnswer& answer);

  RemoteClient& client_;
  std::string repository_;
  std::unique_ptr<UploadSession> session_;
  std::string location_;
  std::uint64_t offset_ = 0;
  std::uint64_t smallest_ = 0;
  std::uint64_t piece_limit_ = ~std::uint64_t{0};
  bool taken_up_ = false;
};

}  // namespace mlctl::registry
