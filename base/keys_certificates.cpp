#include <cstdio>
#include <ctime>
#include <memory>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/certificates.h"

namespace mlctl {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
void free_chain(STACK_OF(X509) * chain) {
  sk_X509_pop_free(chain, X509_free);
}
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using Chain = std::unique_ptr<STACK_OF(X509), Freer<free_chain>>;
using Store = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

constexpr std::uint64_t certificate_limit = 64U << 10U;  // bytes of one, in DER

X509Ptr from_der(std::string_view der) {
  if (der.size() > certificate_limit) return nullptr;
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = bytes + der.size();
  X509Ptr certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  ERR_clear_error();
  return bytes == end ? std::move(certificate) : nullptr;
}

std::string to_der(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return "";
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

Error no_certificate() {
  return {Error::Kind::usage, "not an X.509 certificate", ""};
}

std::string text_of(const ASN1_STRING* value) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) {
    ERR_clear_error();
    return "";
  }
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

// Certificates are not encrypted; without this OpenSSL would ask for a passphrase on the terminal.
int no_passphrase(char* /*into*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

// A name with a zero byte in it is meant to look like another one.
bool plain(const std::string& text) {
  return !text.empty() && text.find('\0') == std::string::npos;
}

std::string identity_of(const X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_EMAIL && name->type != GEN_URI) continue;
    if (auto text = text_of(name->d.ia5); plain(text)) return text;
  }
  // Who issues certificates checks the names there; a common name beside them may be anybody's (RFC 9525, 6.3).
  if (X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0) return "";
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return "";
  auto text = text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  return plain(text) ? text : "";
}

WallTime time_of(const ASN1_TIME* value) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(value, &parts) != 1) return WallTime{};
  return WallTime{} + std::chrono::seconds(timegm(&parts));
}

Error denied(const std::string& why) {
  return {Error::Kind::denied, why, ""};
}

Status may_sign(X509* leaf) {
  // Both say "everything" where the certificate has no such extension.
  if ((X509_get_key_usage(leaf) & static_cast<std::uint32_t>(KU_DIGITAL_SIGNATURE)) == 0)
    return denied("its certificate is not for signatures (keyUsage)");
  if ((X509_get_extended_key_usage(leaf) & static_cast<std::uint32_t>(XKU_CODE_SIGN)) == 0)
    return denied("its certificate is not for signing code (extendedKeyUsage)");
  return ok();
}

Result<Chain> chain_of(const std::vector<std::string>& ders, std::size_t from) {
  Chain chain(sk_X509_new_null());
  for (std::size_t i = from; chain != nullptr && i < ders.size(); ++i) {
    auto one = from_der(ders[i]);
    if (one == nullptr) return no_certificate();
    if (sk_X509_push(chain.get(), one.get()) > 0)
      one.release();  // NOLINT(bugprone-unused-return-value): it is the chain's
  }
  return chain;
}

}  // namespace

Result<std::vector<std::string>> parse_certificates(std::string_view pem, std::size_t limit) {
  if (pem.size() > certificates_limit) return Error{Error::Kind::usage, "certificates of more than 4 MiB", ""};
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<std::string> found;
  while (bio != nullptr) {
    const X509Ptr one(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (one == nullptr) break;
    found.push_back(to_der(one.get()));
    if (found.size() > limit || found.back().size() > certificate_limit) {
      ERR_clear_error();
      return Error{Error::Kind::usage, "more than " + std::to_string(limit) + " certificates, or a huge one", ""};
    }
  }
  const bool at_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_the_end) return Error{Error::Kind::usage, "a broken certificate in PEM", ""};
  if (found.empty())
    return Error{Error::Kind::usage, "no certificate in PEM", "the text begins with `-----BEGIN CERTIFICATE-----`"};
  return found;
}

std::string certificate_pem(std::string_view der) {
  const auto certificate = from_der(der);
  const Bio out(BIO_new(BIO_s_mem()));
  if (certificate == nullptr || out == nullptr || PEM_write_bio_X509(out.get(), certificate.get()) != 1) return "";
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size < 0 ? 0 : size)};
}

Status check_may_sign(std::string_view der) {
  const auto certificate = from_der(der);
  return certificate == nullptr ? Status(no_certificate()) : may_sign(certificate.get());
}

Result<CertificateFacts> read_certificate(std::string_view der) {
  const auto certificate = from_der(der);
  if (certificate == nullptr) return no_certificate();
  unsigned char* bytes = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &bytes);
  if (size <= 0) return no_certificate();
  auto key = parse_public_key_der({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  OPENSSL_free(bytes);
  if (!key) return key.error().context("certificate");
  return CertificateFacts{*key, identity_of(certificate.get()), time_of(X509_get0_notBefore(certificate.get())),
                          time_of(X509_get0_notAfter(certificate.get()))};
}

bool is_self_issued(std::string_view der) {
  const auto certificate = from_der(der);
  return certificate != nullptr &&
         X509_NAME_cmp(X509_get_subject_name(certificate.get()), X509_get_issuer_name(certificate.get())) == 0;
}

Status verify_chain(const std::vector<std::string>& chain, const std::vector<std::string>& roots, WallTime now) {
  if (chain.empty()) return denied("no certificate");
  if (chain.size() > chain_limit) return denied("a chain of more than 10 certificates");
  const auto leaf = from_der(chain[0]);
  auto between = chain_of(chain, 1);
  const Store store(X509_STORE_new());
  const StoreContext context(X509_STORE_CTX_new());
  if (leaf == nullptr || !between || store == nullptr || context == nullptr) return denied("no X.509 certificate");
  for (const auto& root : roots) {
    const auto one = from_der(root);
    if (one == nullptr) return denied("a root that is no X.509 certificate");
    X509_STORE_add_cert(store.get(), one.get());
  }
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), between->get()) != 1)
    return denied("its certificate cannot be judged");
  X509_STORE_CTX_set_time(context.get(), 0, now.time_since_epoch().count());
  const int verdict = X509_verify_cert(context.get());
  const int why = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (verdict != 1) return denied(std::string("its certificate: ") + X509_verify_cert_error_string(why));
  return may_sign(leaf.get());
}

}  // namespace mlctl
