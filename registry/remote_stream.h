// An upload in one streamed request, for registries that take no pieces: what is written goes to a thread that sends
// it. Cannot be tried again: who writes begins anew.
#pragma once
#include <memory>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"

namespace mlctl::registry {

struct UploadPlace;

class StreamedUpload {
 public:
  explicit StreamedUpload(const UploadPlace& place);
  ~StreamedUpload();
  StreamedUpload(const StreamedUpload&) = delete;
  StreamedUpload& operator=(const StreamedUpload&) = delete;
  [[nodiscard]] Status write(std::string_view bytes);
  [[nodiscard]] Result<bool> finish(const Digest& digest);  // false, as BlobWriter::commit has it

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] std::unique_ptr<StreamedUpload> open_stream(const UploadPlace& place);

}  // namespace mlctl::registry
