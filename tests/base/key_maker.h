// Throw-away keys and certificates for tests, made by OpenSSL in the test itself.
#pragma once
#include <memory>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlctl::test {

using Pkey = std::shared_ptr<EVP_PKEY>;
using X509Ptr = std::shared_ptr<X509>;

inline std::string taken(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

// "P-256", "P-384", "P-521", "secp256k1", "Ed25519", "X25519", "RSA"
inline Pkey make_key(const std::string& kind) {
  EVP_PKEY* key = nullptr;
  if (kind == "RSA")
    key = EVP_RSA_gen(2048U);
  else if (kind == "Ed25519" || kind == "X25519")
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, kind.c_str());
  else
    key = EVP_EC_gen(kind.c_str());
  return {key, EVP_PKEY_free};
}

inline std::string public_pem(const Pkey& key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key.get());
  return taken(bio);
}

inline std::string private_pem(const Pkey& key, const std::string& passphrase = {}) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key.get(), passphrase.empty() ? nullptr : EVP_aes_256_cbc(), passphrase.data(),
                                static_cast<int>(passphrase.size()), nullptr, nullptr);
  return taken(bio);
}

struct CertificatePlan {
  std::string name;                                          // the subject's common name
  long from = 0, until = 0;                                  // seconds since 1970
  std::vector<std::pair<int, std::string>> extensions = {};  // NID_…, as in openssl.cnf
};

// Signed by `issuer` with its key; by itself when that is null.
inline X509Ptr make_certificate(const CertificatePlan& plan, const Pkey& key, const X509Ptr& issuer,
                                const Pkey& issuer_key) {
  X509Ptr made(X509_new(), X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), static_cast<long>(plan.name.size()) + 1);
  ASN1_TIME_set(X509_getm_notBefore(made.get()), plan.from);
  ASN1_TIME_set(X509_getm_notAfter(made.get()), plan.until);
  X509_set_pubkey(made.get(), key.get());
  X509_NAME* name = X509_get_subject_name(made.get());
  if (!plan.name.empty())
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(plan.name.c_str()), -1,
                               -1, 0);
  X509_set_issuer_name(made.get(), issuer ? X509_get_subject_name(issuer.get()) : name);
  for (const auto& [nid, value] : plan.extensions) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  const bool edwards = EVP_PKEY_get_base_id(issuer_key.get()) == EVP_PKEY_ED25519;
  X509_sign(made.get(), issuer_key.get(), edwards ? nullptr : EVP_sha256());
  return made;
}

inline std::string pem_of(const X509Ptr& certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate.get());
  return taken(bio);
}

inline std::string der_of(const X509Ptr& certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  i2d_X509_bio(bio, certificate.get());
  return taken(bio);
}

// An authority, one that it vouches for, and a leaf of that one; all good for the year 2026.
struct Authority {
  static constexpr long from = 1767225600, until = 1798761600;  // 2026-01-01, 2027-01-01
  static constexpr const char* ca = "critical,CA:TRUE";
  Pkey root_key = make_key("P-256"), between_key = make_key("RSA"), leaf_key = make_key("P-256");
  X509Ptr root =
      make_certificate({"Test root", from, until, {{NID_basic_constraints, ca}}}, root_key, nullptr, root_key);
  X509Ptr between =
      make_certificate({"Test between", from, until, {{NID_basic_constraints, ca}}}, between_key, root, root_key);
  X509Ptr leaf = make_leaf({{NID_key_usage, "critical,digitalSignature"},
                            {NID_ext_key_usage, "codeSigning"},
                            {NID_subject_alt_name, "email:release@models.example"}});
  [[nodiscard]] X509Ptr make_leaf(std::vector<std::pair<int, std::string>> extensions) const {
    return make_certificate({"Release", from + 1000, until - 1000, std::move(extensions)}, leaf_key, between,
                            between_key);
  }
};

inline std::string from_hex(std::string_view text) {
  std::string bytes;
  const auto value = [](char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(value(text[i]) * 16 + value(text[i + 1]));
  return bytes;
}

}  // namespace mlctl::test
