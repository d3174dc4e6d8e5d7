#include "registry/sign.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/certificates.h"
#include "base/document.h"
#include "base/filesystem.h"
#include "registry/dsse.h"
#include "registry/oci.h"
#include "registry/oms.h"
#include "registry/sign_detail.h"
#include "registry/sigstore.h"

namespace mlctl::registry {
namespace {

Result<std::vector<std::string>> chain_of(const Signer& signer) {
  std::vector<std::string> chain;
  for (const auto& pem : signer.chain_pem) {
    auto one = parse_certificates(pem, 1);
    if (!one) return one.error().context("signing certificate");
    chain.push_back(std::move((*one)[0]));
  }
  return chain;
}

// The message that is signed. What was signed before Model Signing 1.0 is another one.
bool proves(const PublicKey& key, const SigstoreBundle& bundle, bool before_1_0) {
  if (key.verify(pae(in_toto_type, bundle.payload), bundle.signature)) return true;
  return before_1_0 && key.verify(pae_before_1_0(in_toto_type, bundle.payload), bundle.signature);
}

bool is_before_1_0(const SigstoreBundle& bundle) {
  auto statement = parse_json(bundle.payload, "statement");
  return statement && oci::text(*statement, "predicateType") == oms_old_predicate;
}

bool trusts(const Trust& trust, const PublicKey& key) {
  return std::ranges::find(trust.keys, key) != trust.keys.end();
}

std::string key_name(std::string_view hint) {
  return "key " + std::string(hint.substr(0, 12));
}

Result<SignatureState> judge_certificate(const SigstoreBundle& bundle, const Trust& trust, WallTime now, bool old) {
  auto facts = read_certificate(bundle.certificates[0]);
  if (!facts) return SignatureState{Trusted::invalid, "", facts.error().message};
  const std::string who = facts->identity.empty() ? key_name(facts->key.hint()) : facts->identity;
  if (!proves(facts->key, bundle, old))
    return SignatureState{Trusted::invalid, who, "the signature is not over this statement by its certificate's key"};
  if (trusts(trust, facts->key)) return SignatureState{Trusted::valid, who, ""};
  if (trust.roots_pem.empty())
    return SignatureState{Trusted::untrusted, who, "signed with a certificate, and no roots are trusted"};
  auto roots = parse_certificates(trust.roots_pem, roots_limit);
  if (!roots) return roots.error().context("trusted roots");
  if (auto leads = verify_chain(bundle.certificates, *roots, now); !leads)
    return SignatureState{Trusted::untrusted, who, leads.error().message};
  const bool named = trust.identities.empty() ||
                     (!facts->identity.empty() && std::ranges::count(trust.identities, facts->identity) != 0);
  if (!named) return SignatureState{Trusted::untrusted, who, "not among the identities that are trusted"};
  return SignatureState{Trusted::valid, who, ""};
}

SignatureState judge_key(const SigstoreBundle& bundle, const Trust& trust, bool old) {
  for (const auto& key : trust.keys)
    if (proves(key, bundle, old)) return {Trusted::valid, key_name(key.hint()), ""};
  if (!bundle.raw_key.empty()) {
    auto key = parse_public_key(bundle.raw_key);
    if (!key) key = parse_public_key_der(bundle.raw_key);
    if (!key) return {Trusted::invalid, "", key.error().message};
    const bool good = proves(*key, bundle, old);
    return {good ? Trusted::untrusted : Trusted::invalid, key_name(key->hint()),
            good ? "by a key that is not trusted" : "the signature is not over this statement by the key beside it"};
  }
  for (const auto& key : trust.keys)
    if (key.hint() == bundle.hint)
      return {Trusted::invalid, key_name(bundle.hint), "the signature is not over this statement by its key"};
  return {Trusted::untrusted, key_name(bundle.hint.empty() ? "unnamed" : bundle.hint), "by a key that is not trusted"};
}

// Better said before the signature than by everybody who checks it.
Status check_usable(std::string_view der, const CertificateFacts& facts, WallTime now) {
  if (now > facts.until)
    return Error{Error::Kind::usage, "it ended on " + rfc3339(facts.until), "sign with one that is valid"};
  if (now < facts.from)
    return Error{Error::Kind::usage, "it is valid from " + rfc3339(facts.from) + " on", "sign with one that is valid"};
  const auto may = check_may_sign(der);
  return may ? ok() : Status(Error{Error::Kind::usage, may.error().message, "sign with one that may sign code"});
}

}  // namespace

const char* to_string(Trusted trusted) {
  switch (trusted) {
    case Trusted::unsigned_:
      return "unsigned";
    case Trusted::valid:
      return "valid";
    case Trusted::untrusted:
      return "untrusted";
    case Trusted::invalid:
      return "invalid";
  }
  return "invalid";
}

Result<std::optional<Signer>> signer_from(const std::string& key_path, const std::string& chain_path,
                                          const std::string& passphrase, WallTime now) {
  if (key_path.empty() && chain_path.empty()) return std::optional<Signer>();
  if (key_path.empty())
    return Error{Error::Kind::usage, "a signing certificate without a key", "name the key too: MLCTL_SIGNING_KEY"};
  auto key = load_private_key(key_path, passphrase);
  if (!key) return key.error();
  Signer signer{std::move(*key), {}};
  if (chain_path.empty()) return std::optional(std::move(signer));
  auto pem = read_file(chain_path, certificates_limit);
  if (!pem) return pem.error().context("signing certificate");
  auto chain = parse_certificates(*pem, chain_limit);
  if (!chain) return chain.error().context("signing certificate " + chain_path);
  auto leaf = read_certificate((*chain)[0]);
  if (!leaf) return leaf.error().context("signing certificate " + chain_path);
  if (leaf->key != signer.key.public_key())
    return Error{Error::Kind::usage, "signing certificate " + chain_path + ": the first one is not the key's",
                 "the key's own certificate comes first, then those that vouch for it"};
  if (auto usable = check_usable((*chain)[0], *leaf, now); !usable)
    return usable.error().context("signing certificate " + chain_path);
  for (const auto& der : *chain) signer.chain_pem.push_back(certificate_pem(der));
  return std::optional(std::move(signer));
}

Result<std::string> sign_as(const Signer& signer, std::string_view statement, BundleForm form) {
  SigstoreBundle bundle;
  bundle.payload = statement;
  auto signature = signer.key.sign(pae(in_toto_type, bundle.payload));
  if (!signature) return signature.error();
  bundle.signature = std::move(*signature);
  bundle.hint = signer.key.public_key().hint();
  auto chain = chain_of(signer);
  if (!chain) return chain.error();
  bundle.certificates = std::move(*chain);
  // Whoever checks has the root already; without it most chains are of one, which v0.3 wants by itself.
  auto& list = bundle.certificates;
  if (form == BundleForm::sigstore && list.size() > 1 && is_self_issued(list.back())) list.pop_back();
  return to_json(bundle, form == BundleForm::oms);
}

bool is_by(std::string_view bundle, const Signer& signer, std::string_view statement) {
  auto parsed = parse_sigstore(bundle);
  if (!parsed || parsed->payload != statement || !proves(signer.key.public_key(), *parsed, false)) return false;
  const auto chain = chain_of(signer);
  if (!chain || chain->empty() || parsed->certificates.empty())
    return chain && chain->empty() == parsed->certificates.empty();
  return parsed->certificates[0] == (*chain)[0];
}

Result<std::string> sign_statement(const Signer& signer, std::string_view statement) {
  return sign_as(signer, statement, BundleForm::sigstore);
}

Result<OpenedBundle> open_bundle(std::string_view text, const Trust& trust, WallTime now) {
  auto bundle = parse_sigstore(text);
  if (!bundle) return bundle.error();
  const bool old = is_before_1_0(*bundle);
  OpenedBundle opened;
  if (bundle->certificates.empty()) {
    opened.state = judge_key(*bundle, trust, old);
  } else {
    auto state = judge_certificate(*bundle, trust, now, old);
    if (!state) return state.error();
    opened.state = std::move(*state);
  }
  opened.statement = std::move(bundle->payload);
  return opened;
}

}  // namespace mlctl::registry
