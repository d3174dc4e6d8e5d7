// References, model names, versions, digests: nothing crashes, and what is accepted means what was written.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "registry/reference.h"

using namespace mlctl;
using namespace mlctl::registry;

static void require(bool holds) {
  if (!holds) std::abort();
}

static std::string written(const ReferenceText& reference) {
  if (const auto* version = std::get_if<Version>(&reference.at)) return "@" + to_string(*version);
  if (const auto* digest = std::get_if<Digest>(&reference.at)) return "@" + to_string(*digest);
  if (const auto* part = std::get_if<DigestPart>(&reference.at)) return "@" + part->hex;
  return "#" + *std::get_if<std::string>(&reference.at);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto reference = split_reference(text)) {
    const auto again = reference->model + written(*reference);
    require(again == text || reference->model + "@sha256:" + again.substr(reference->model.size() + 1) == text);
  }
  if (auto model = parse_model_name(text)) require(to_string(*model) == text);
  if (auto version = parse_version(text)) require(to_string(*version) == text);
  if (auto digest = parse_digest(text)) require(to_string(*digest) == text);
  return 0;
}
