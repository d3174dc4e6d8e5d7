#include "base/keys.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <vector>

#include "base/digest.h"
#include "base/filesystem.h"

namespace mlctl {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

struct Kind {
  const char* name;
  int type;           // EVP_PKEY_…
  const char* group;  // of an elliptic curve, as OpenSSL names it
  const EVP_MD* (*hash)();
};
constexpr std::array<Kind, 4> kinds{{{"P-256", EVP_PKEY_EC, "prime256v1", EVP_sha256},
                                     {"P-384", EVP_PKEY_EC, "secp384r1", EVP_sha384},
                                     {"P-521", EVP_PKEY_EC, "secp521r1", EVP_sha512},
                                     {"Ed25519", EVP_PKEY_ED25519, "", nullptr}}};

std::string group_of(const EVP_PKEY* key) {
  std::array<char, 64> name{};
  std::size_t size = 0;
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return "";
  return EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1 ? name.data() : "unknown";
}

const Kind* kind_of(const EVP_PKEY* key) {
  for (const auto& kind : kinds)
    if (EVP_PKEY_get_base_id(key) == kind.type && group_of(key) == kind.group) return &kind;
  return nullptr;
}

Error other_kind(const EVP_PKEY* key) {
  std::string name = group_of(key);
  if (name.empty()) {
    const char* type = EVP_PKEY_get0_type_name(key);
    name = type == nullptr ? "another kind" : type;
  }
  return {Error::Kind::usage, "a key of a kind that is not used for signing: " + name,
          "P-256, P-384, P-521 and Ed25519 are; make one with `openssl genpkey -algorithm EC -pkeyopt "
          "ec_paramgen_curve:P-256 -out signing.key`"};
}

Bio reading(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size < 0 ? 0 : size)};
}

// OpenSSL's callback for passphrases. Without one OpenSSL would ask on the terminal.
struct Passphrase {
  const std::string* text;
  bool asked = false;
};
int give_passphrase(char* into, int size, int /*writing*/, void* data) {
  auto& passphrase = *static_cast<Passphrase*>(data);
  passphrase.asked = true;
  if (passphrase.text == nullptr || passphrase.text->empty() ||
      passphrase.text->size() > static_cast<std::size_t>(size))
    return -1;
  passphrase.text->copy(into, passphrase.text->size());  // no end mark: OpenSSL takes the size
  return static_cast<int>(passphrase.text->size());
}

// A key's text, wiped when it is no longer needed.
struct Secret {
  std::string text;
  explicit Secret(std::string bytes) : text(std::move(bytes)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
};

bool verify_bytes(EVP_PKEY* key, const Kind& kind, std::string_view message, std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  const auto* proof = reinterpret_cast<const unsigned char*>(signature.data());
  const EVP_MD* hash = kind.hash == nullptr ? nullptr : kind.hash();
  const bool good = context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key) == 1 &&
                    EVP_DigestVerify(context.get(), proof, signature.size(), bytes, message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

struct PublicKey::State {
  Pkey key;
  const Kind* kind;
  std::string pem, hint;
};
struct PrivateKey::State {
  Pkey key;
  const Kind* kind;
  PublicKey shown;
};

static Result<PublicKey> public_key_of(Pkey key) {
  const Kind* kind = kind_of(key.get());
  if (kind == nullptr) return other_kind(key.get());
  // However the key was written, it has one name.
  if (kind->type == EVP_PKEY_EC) {
    EVP_PKEY_set_utf8_string_param(key.get(), "point-format", "uncompressed");
    EVP_PKEY_set_utf8_string_param(key.get(), "encoding", "named_curve");
  }
  const Bio out(BIO_new(BIO_s_mem()));
  if (out == nullptr || PEM_write_bio_PUBKEY(out.get(), key.get()) != 1) {
    ERR_clear_error();
    return Error{Error::Kind::usage, "a key that cannot be written as a public key", ""};
  }
  auto pem = contents(out.get());
  auto hint = digest_of(pem).hex();
  return PublicKey(std::make_shared<const PublicKey::State>(
      PublicKey::State{std::move(key), kind, std::move(pem), std::move(hint)}));
}

const std::string& PublicKey::pem() const {
  return state_->pem;
}

const std::string& PublicKey::hint() const {
  return state_->hint;
}

const char* PublicKey::kind() const {
  return state_->kind->name;
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  return verify_bytes(state_->key.get(), *state_->kind, message, signature);
}

const PublicKey& PrivateKey::public_key() const {
  return state_->shown;
}

Result<std::string> PrivateKey::sign(std::string_view message) const {
  const DigestContext context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  const EVP_MD* hash = state_->kind->hash == nullptr ? nullptr : state_->kind->hash();
  std::size_t size = 0;
  std::vector<unsigned char> signature;
  bool good = context != nullptr && EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, state_->key.get()) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size()) == 1;
  if (good) {
    signature.resize(size);
    good = EVP_DigestSign(context.get(), signature.data(), &size, bytes, message.size()) == 1;
  }
  ERR_clear_error();
  if (!good) return Error{Error::Kind::credentials, "the signing key does not sign", ""};
  return std::string(reinterpret_cast<const char*>(signature.data()), size);
}

Result<PrivateKey> load_private_key(const std::filesystem::path& path, const std::string& passphrase) {
  auto read = read_file(path, key_limit);
  if (!read) {
    if (read.error().kind == Error::Kind::usage) return read.error();  // too large
    return Error{Error::Kind::credentials, "signing key: " + read.error().message,
                 "name the PEM file of a private key"};
  }
  const std::string name = "signing key " + path.string();
  const Secret secret(std::move(*read));
  const auto bio = reading(secret.text);
  Passphrase given{&passphrase};
  Pkey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &given));
  ERR_clear_error();
  if (key == nullptr && given.asked)
    return Error{Error::Kind::credentials,
                 name + (passphrase.empty() ? " is encrypted" : ": the passphrase does not open it"),
                 "put its passphrase into MLCTL_SIGNING_KEY_PASSPHRASE"};
  if (key == nullptr)
    return Error{Error::Kind::usage, name + ": no private key in PEM",
                 "the file begins with `-----BEGIN PRIVATE KEY-----` or `-----BEGIN ENCRYPTED PRIVATE KEY-----`"};
  const Kind* kind = kind_of(key.get());
  if (kind == nullptr) return other_kind(key.get()).context(name);
  const Bio out(BIO_new(BIO_s_mem()));
  if (out == nullptr || PEM_write_bio_PUBKEY(out.get(), key.get()) != 1)
    return Error{Error::Kind::usage, name + ": its public half cannot be told", ""};
  auto shown = parse_public_key(contents(out.get()));
  if (!shown) return shown.error().context(name);
  return PrivateKey(std::make_shared<const PrivateKey::State>(PrivateKey::State{std::move(key), kind, *shown}));
}

std::string key_file_warning(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return "";
  return "signing key " + path.string() + ": others than its owner have access to it; `chmod 600` it";
}

Result<PublicKey> parse_public_key(std::string_view pem) {
  const Error none{
      Error::Kind::usage, "no public key in PEM",
      "the text begins with `-----BEGIN PUBLIC KEY-----`; `openssl pkey -in signing.key -pubout` writes it"};
  if (pem.size() > key_limit) return none;
  const auto bio = reading(pem);
  Passphrase no_passphrase{nullptr};
  Pkey key(PEM_read_bio_PUBKEY(bio.get(), nullptr, give_passphrase, &no_passphrase));
  ERR_clear_error();
  if (key == nullptr) return none;
  return public_key_of(std::move(key));
}

Result<PublicKey> parse_public_key_der(std::string_view der) {
  const Error none{Error::Kind::usage, "not the DER of a public key", ""};
  if (der.size() > key_limit) return none;
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = bytes + der.size();
  Pkey key(d2i_PUBKEY(nullptr, &bytes, static_cast<long>(der.size())));
  ERR_clear_error();
  if (key == nullptr || bytes != end) return none;
  return public_key_of(std::move(key));
}

}  // namespace mlctl
