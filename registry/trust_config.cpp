#include "registry/trust_config.h"

#include "base/filesystem.h"

namespace mlctl::registry {
namespace {

constexpr std::uint64_t roots_limit = 1U << 20U;

Status some_text(std::string_view text) {
  if (!text.empty()) return ok();
  return Error{Error::Kind::usage, "is empty", ""};
}

Field texts(const char* name, const char* doc) {
  return {.name = name, .type = Field::Type::list, .doc = doc, .fields = {{.rule = some_text}}};
}

Error refused(const std::string& path, const std::string& what, const std::string& hint) {
  return {Error::Kind::usage, "trust: " + path + " " + what, hint};
}

// The text of a file that may hold nothing secret.
Result<std::string> public_text(const std::string& path, const std::filesystem::path& folder, std::uint64_t limit) {
  auto text = read_file(folder / path, limit);
  if (!text && !text.error().hint.empty()) return text.error().context("trust");
  if (!text)
    return Error{Error::Kind::usage, "trust: " + text.error().message,
                 "in mlctl.yaml a path is relative to it, on the command line to the current folder"};
  if (text->find("PRIVATE KEY-----") != std::string::npos)
    return refused(path, "holds a private key",
                   "it belongs into no repository: make a new one where it was shared, and name its public half: "
                   "`openssl pkey -in " +
                       path + " -pubout`");
  return text;
}

}  // namespace

Field trust_table() {
  return {.name = "trust",
          .type = Field::Type::object,
          .doc =
              "Whose signatures count, here or (in an environment, instead of these) there: public keys, and "
              "certificates.",
          .fields = {texts("keys", "Files of public keys in PEM, relative to this file."),
                     texts("roots", "Files of certificates in PEM that vouch for others, relative to this file."),
                     texts("identities",
                           "Who among those that `roots` vouch for: e-mail or URI of the "
                           "certificate, without subjectAltName its common name; without identities everybody.")}};
}

Result<TrustConfig> decode_trust(const Node& node) {
  TrustConfig config{get_strings(node, "keys"), get_strings(node, "roots"), get_strings(node, "identities")};
  if (config.keys.empty() && config.roots.empty())
    return Error{Error::Kind::usage, to_string(node.position) + ": trust names nobody",
                 "give it `keys: [path.pem]` or `roots: [ca.pem]`"};
  if (config.identities.empty() && node.find("identities") != nullptr)
    return Error{Error::Kind::usage, to_string(node.position) + ": identities of nobody",
                 "name them, or leave `identities` out: then everybody counts whom the roots vouch for"};
  if (!config.identities.empty() && config.roots.empty())
    return Error{Error::Kind::usage, to_string(node.position) + ": identities without roots that vouch for them",
                 "add `roots: [ca.pem]`"};
  return config;
}

Result<Trust> load_trust(const TrustConfig& config, const std::filesystem::path& folder) {
  Trust trust;
  for (const auto& path : config.keys) {
    auto text = public_text(path, folder, key_limit);
    if (!text) return text.error();
    auto key = parse_public_key(*text);
    if (!key) return refused(path, "is no public key that mlctl can use: " + key.error().message, key.error().hint);
    trust.keys.push_back(std::move(*key));
  }
  for (const auto& path : config.roots) {
    auto text = public_text(path, folder, roots_limit);
    if (!text) return text.error();
    if (text->find("-----BEGIN CERTIFICATE-----") == std::string::npos)
      return refused(path, "holds no certificate in PEM", "");
    trust.roots_pem += *text + "\n";
  }
  trust.identities = config.identities;
  return trust;
}

}  // namespace mlctl::registry
