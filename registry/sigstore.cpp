#include "registry/sigstore.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/certificates.h"
#include "base/document.h"
#include "registry/base64.h"
#include "registry/dsse.h"
#include "registry/oci.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> media_types{
    bundle_type, "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2", "application/vnd.dev.sigstore.bundle+json;version=0.3"};

Error broken(const std::string& why) {
  return {Error::Kind::corrupt, "not a signature bundle: " + why, ""};
}

std::optional<std::string> bytes_at(const json& value, const char* key) {
  auto text = oci::text(value, key);
  if (!text) return std::nullopt;
  return from_any_base64(std::move(*text));
}

bool absent(const json& value, const char* key) {
  const auto* found = oci::member(value, key);
  return found == nullptr || found->is_null();
}

Status read_certificates(const json& list, SigstoreBundle& bundle) {
  if (!list.is_array() || list.empty() || list.size() > chain_limit) return broken("no chain of 1 to 10 certificates");
  for (const auto& one : list) {
    auto der = bytes_at(one, "rawBytes");
    if (!der || der->empty()) return broken("a certificate without bytes");
    bundle.certificates.push_back(std::move(*der));
  }
  return ok();
}

Status read_material(const json& value, SigstoreBundle& bundle) {
  const auto* material = oci::member(value, "verificationMaterial");
  if (material == nullptr || !material->is_object()) return broken("no verificationMaterial");
  int kinds = 0;
  for (const char* key : {"publicKey", "x509CertificateChain", "certificate"}) kinds += absent(*material, key) ? 0 : 1;
  if (kinds != 1) return broken("it names no signer, or several");
  if (!absent(*material, "certificate")) return read_certificates(json::array({material->at("certificate")}), bundle);
  if (!absent(*material, "x509CertificateChain")) {
    const auto* list = oci::member(material->at("x509CertificateChain"), "certificates");
    return list == nullptr ? Status(broken("an empty certificate chain")) : read_certificates(*list, bundle);
  }
  const auto& key = material->at("publicKey");
  if (!key.is_object()) return broken("a publicKey that is no object");
  if (!absent(key, "hint")) {
    auto hint = oci::text(key, "hint");
    if (!hint || hint->size() > 1000) return broken("a hint that is no text");
    bundle.hint = std::move(*hint);
  }
  if (!absent(key, "rawBytes")) {
    auto raw = bytes_at(key, "rawBytes");
    if (!raw) return broken("a key that is not in base64");
    bundle.raw_key = std::move(*raw);
  }
  return ok();
}

Status read_envelope(const json& value, SigstoreBundle& bundle) {
  if (!absent(value, "messageSignature")) return broken("it signs a file's bytes, not a statement");
  const auto* envelope = oci::member(value, "dsseEnvelope");
  if (envelope == nullptr || !envelope->is_object()) return broken("no dsseEnvelope");
  if (oci::text(*envelope, "payloadType") != in_toto_type) return broken("its payload is no in-toto statement");
  auto payload = bytes_at(*envelope, "payload");
  if (!payload || payload->empty()) return broken("no payload in base64");
  bundle.payload = std::move(*payload);
  const auto* list = oci::member(*envelope, "signatures");
  if (list == nullptr || !list->is_array() || list->size() != 1) return broken("not exactly one signature");
  const auto* keyid = oci::member((*list)[0], "keyid");
  if (keyid != nullptr && !keyid->is_null() && !keyid->is_string()) return broken("a keyid that is no text");
  auto signature = bytes_at((*list)[0], "sig");
  if (!signature || signature->empty()) return broken("no signature in base64");
  bundle.signature = std::move(*signature);
  return ok();
}

}  // namespace

Result<SigstoreBundle> parse_sigstore(std::string_view text) {
  if (text.size() > bundle_limit) return broken("larger than 32 MiB");
  auto value = parse_json(text, "signature bundle");
  if (!value) return broken(value.error().message);
  const auto type = oci::text(*value, "mediaType");
  if (!type) return broken("no mediaType");
  bool known = false;
  for (const auto one : media_types) known = known || *type == one;
  if (!known) return broken("of another type: '" + type->substr(0, 100) + "'");
  SigstoreBundle bundle;
  if (auto read = read_material(*value, bundle); !read) return read.error();
  if (auto read = read_envelope(*value, bundle); !read) return read.error();
  return bundle;
}

std::string to_json(const SigstoreBundle& bundle, bool as_chain) {
  ordered_json material;
  ordered_json chain = ordered_json::array();
  for (const auto& der : bundle.certificates) chain.push_back({{"rawBytes", to_base64(der)}});
  if (chain.empty())
    material["publicKey"] = {{"hint", bundle.hint}};
  else if (chain.size() == 1 && !as_chain)
    material["certificate"] = chain[0];
  else
    material["x509CertificateChain"] = {{"certificates", std::move(chain)}};
  material["tlogEntries"] = ordered_json::array();
  ordered_json envelope;
  envelope["payload"] = to_base64(bundle.payload);
  envelope["payloadType"] = in_toto_type;
  envelope["signatures"] = ordered_json::array({{{"sig", to_base64(bundle.signature)}, {"keyid", ""}}});
  ordered_json value;
  value["mediaType"] = bundle_type;
  value["verificationMaterial"] = std::move(material);
  value["dsseEnvelope"] = std::move(envelope);
  return value.dump();
}

}  // namespace mlctl::registry
