// Signature bundles and certificates from anywhere: nothing crashes, nothing convinces without a trusted key, and what
// is accepted is written to the same.
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/certificates.h"
#include "registry/oms.h"
#include "registry/sign.h"
#include "registry/sigstore.h"

using namespace mlctl;
using namespace mlctl::registry;

static void require(bool holds) {
  if (!holds) std::abort();
}

// A key of nobody's: RFC 8032, 7.1, test 3.
static const Trust& trust() {
  static const Trust made = [] {
    auto key = parse_public_key(
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=\n"
        "-----END PUBLIC KEY-----\n");
    require(static_cast<bool>(key));
    return Trust{{*key}, "", {}};
  }();
  return made;
}

static void check_bundle(std::string_view text) {
  auto bundle = parse_sigstore(text);
  if (!bundle) return;
  for (const bool as_chain : {false, true}) {
    auto again = parse_sigstore(to_json(*bundle, as_chain));
    require(again && again->payload == bundle->payload && again->signature == bundle->signature &&
            again->certificates == bundle->certificates);
  }
  auto opened = open_bundle(text, trust(), WallTime{});
  require(opened && opened->state.trusted != Trusted::valid && opened->state.trusted != Trusted::unsigned_);
  static_cast<void>(parse_oms(bundle->payload));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_bundle(text);
  if (auto statement = parse_oms(text)) require(statement->resources.size() <= size);
  if (auto list = parse_certificates(text, chain_limit)) static_cast<void>(verify_chain(*list, *list, WallTime{}));
  static_cast<void>(read_certificate(text));
  static_cast<void>(parse_public_key(text));
  static_cast<void>(parse_public_key_der(text));
  return 0;
}
