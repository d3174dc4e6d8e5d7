#include "deploy/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "base/digest.h"
#include "base/units.h"

namespace mlctl::deploy {
namespace {

bool is_lower(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alphanumeric(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}
bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

// Letters and digits at both ends, and those or one of `inner` between.
bool is_word(std::string_view text, std::string_view inner, std::size_t longest, bool (*good)(char)) {
  if (text.empty() || text.size() > longest || !good(text.front()) || !good(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return good(c) || is_one_of(c, inner); });
}

bool is_label(std::string_view text) {
  return is_word(text, "-", 63, is_lower);
}

// True when every piece between separators is `good`; an empty text has one empty piece.
template <typename Predicate>
bool all_pieces(std::string_view text, char separator, Predicate good) {
  while (true) {
    const auto end = text.find(separator);
    if (!good(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

// Pieces of a subdomain may be longer than a label, as in Kubernetes.
bool is_subdomain(std::string_view text) {
  return text.size() <= 253 && all_pieces(text, '.', [](std::string_view p) { return is_word(p, "-", 253, is_lower); });
}

// [PREFIX/]NAME of labels and resources.
bool is_qualified(std::string_view text) {
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    if (!is_subdomain(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return is_word(text, "-_.", 63, is_alphanumeric);
}

// A path of an OCI repository: components of lower case with single . _ or __ or dashes between.
bool is_repository(std::string_view text) {
  return text.size() <= 200 && all_pieces(text, '/', [](std::string_view piece) {
           return is_word(piece, "._-", 200, is_lower) && piece.find("..") == std::string_view::npos &&
                  piece.find("___") == std::string_view::npos;
         });
}

bool is_registry_host(std::string_view text) {
  const auto colon = text.find(':');
  const auto host = text.substr(0, colon);
  if (!all_pieces(host, '.', [](std::string_view piece) { return is_word(piece, "-", 63, is_alphanumeric); }))
    return false;
  if (colon == std::string_view::npos) return host.size() <= 253;
  const auto port = parse_integer(text.substr(colon + 1));
  return port && *port >= 1 && *port <= 65535;
}

Status verdict(bool good, const char* message, const char* hint = "") {
  if (good) return ok();
  return Error{Error::Kind::usage, message, hint};
}

}  // namespace

Status short_name(std::string_view text) {
  return verdict(is_word(text, "-", 32, is_lower), "a name here is lower-case letters, digits and dashes, at most 32");
}

Status dns_label(std::string_view text) {
  return verdict(is_label(text), "Kubernetes takes lower-case letters, digits and dashes here, at most 63");
}

Status dns_subdomain(std::string_view text) {
  return verdict(is_subdomain(text), "Kubernetes takes lower-case letters, digits, dashes and dots here, at most 253");
}

Status namespace_name(std::string_view text) {
  if (text.starts_with("kube-")) return verdict(false, "namespaces that begin with kube- belong to Kubernetes");
  return dns_label(text);
}

Status host_name(std::string_view text) {
  auto name = text;
  if (name.starts_with("*.")) name.remove_prefix(2);
  const bool labels = name.size() <= 253 && all_pieces(name, '.', is_label);
  const bool address = name.find_first_not_of("0123456789.") == std::string_view::npos;
  return verdict(labels && !address, "not a host name: lower case, no port and no address", "e.g. models.example.com");
}

Status namespaced_name(std::string_view text) {
  const auto slash = text.find('/');
  return verdict(
      slash != std::string_view::npos && is_label(text.substr(0, slash)) && is_subdomain(text.substr(slash + 1)),
      "written NAMESPACE/NAME");
}

Status label_key(std::string_view text) {
  if (text == "app.kubernetes.io/name" || text == "app.kubernetes.io/managed-by" || text.starts_with("mlctl.dev/"))
    return verdict(false, "mlctl sets this label itself");
  return verdict(is_qualified(text), "not the key of a Kubernetes label",
                 "[PREFIX/]NAME: letters, digits and -_. between them, at most 63");
}

Status label_value(std::string_view text) {
  return verdict(text.empty() || is_word(text, "-_.", 63, is_alphanumeric), "not the value of a Kubernetes label",
                 "letters, digits and -_. between them, at most 63");
}

Status variable_name(std::string_view text) {
  const bool first = !text.empty() && text.size() <= 253 && !(text.front() >= '0' && text.front() <= '9');
  return verdict(first && std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '_'; }),
                 "not the name of an environment variable", "letters, digits and _, no digit first");
}

Status secret_key(std::string_view text) {
  const bool characters =
      std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || is_one_of(c, "-_."); });
  return verdict(!text.empty() && text.size() <= 253 && characters && !text.starts_with("..") && text != ".",
                 "not a key of a Secret", "letters, digits and -_.");
}

Status resource_name(std::string_view text) {
  static constexpr std::array<std::string_view, 3> known{"cpu", "memory", "ephemeral-storage"};
  if (text.starts_with("nvidia.com/")) return verdict(false, "GPUs are asked for by serving.gpu", "`gpu: {count: 1}`");
  const bool plain = text.find('/') == std::string_view::npos;
  const bool native = std::find(known.begin(), known.end(), text) != known.end() || text.starts_with("hugepages-");
  const bool reserved = text.find("kubernetes.io/") != std::string_view::npos || text.starts_with("requests.");
  return verdict(is_qualified(text) && (plain ? native : !reserved), "not a resource of a container",
                 "known: cpu, memory, ephemeral-storage, hugepages-SIZE, DOMAIN/NAME");
}

Status quota_name(std::string_view text) {
  static constexpr std::array<std::string_view, 18> known{"cpu",
                                                          "memory",
                                                          "ephemeral-storage",
                                                          "requests.cpu",
                                                          "requests.memory",
                                                          "requests.ephemeral-storage",
                                                          "requests.storage",
                                                          "limits.cpu",
                                                          "limits.memory",
                                                          "limits.ephemeral-storage",
                                                          "pods",
                                                          "services",
                                                          "secrets",
                                                          "configmaps",
                                                          "persistentvolumeclaims",
                                                          "replicationcontrollers",
                                                          "services.loadbalancers",
                                                          "services.nodeports"};
  const bool plain = text.find('/') == std::string_view::npos;
  const bool native = std::find(known.begin(), known.end(), text) != known.end() || text.starts_with("hugepages-") ||
                      text.starts_with("requests.hugepages-");
  return verdict(is_qualified(text) && (!plain || native), "not a resource of a ResourceQuota",
                 "e.g. requests.cpu, limits.memory, pods, requests.nvidia.com/gpu, count/jobs.batch");
}

Status image_by_digest(std::string_view text) {
  const auto at = text.rfind('@');
  const bool digest = at != std::string_view::npos && bool(parse_digest(text.substr(at + 1)));
  auto name = text.substr(0, at);
  bool tag = true;  // beside a digest it says nothing, but people have it there
  if (const auto colon = name.rfind(':');
      colon != std::string_view::npos && name.find('/', colon) == std::string_view::npos) {
    tag = is_word(name.substr(colon + 1), "-_.", 128, is_alphanumeric);
    name = name.substr(0, colon);
  }
  const auto slash = name.find('/');
  const bool hosted = slash != std::string_view::npos && is_registry_host(name.substr(0, slash)) &&
                      is_repository(name.substr(slash + 1));
  return verdict(digest && tag && (hosted || is_repository(name)),
                 "an image is named by its digest, not by a tag alone",
                 "write it as NAME@sha256:… (64 hex digits), e.g. from `skopeo inspect docker://NAME:TAG`");
}

Status registry_url(std::string_view text) {
  bool good = text.starts_with("oci://");
  if (good) {
    const auto name = text.substr(6);
    const auto slash = name.find('/');
    good = is_registry_host(name.substr(0, slash)) &&
           (slash == std::string_view::npos || is_repository(name.substr(slash + 1)));
  }
  return verdict(good, "a registry that pods pull from is written oci://HOST/PATH");
}

Status folder_path(std::string_view text) {
  const auto piece = [](std::string_view name) {
    const bool visible =
        std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || is_one_of(c, "-_. +"); });
    return !name.empty() && name.size() <= 255 && visible && name != "." && name != ".." && !name.starts_with(".git");
  };
  return verdict(text.size() <= 1024 && all_pieces(text, '/', piece), "not a folder of the repository",
                 "relative to its root, without .., e.g. deploy/staging");
}

Status branch_name(std::string_view text) {
  const auto piece = [](std::string_view name) {
    const bool visible =
        std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || is_one_of(c, "-_.+"); });
    return visible && !name.empty() && name.front() != '.' && name.front() != '-' && name.back() != '.' &&
           name.find("..") == std::string_view::npos && !name.ends_with(".lock");
  };
  return verdict(text.size() <= 200 && text != "HEAD" && !text.starts_with("refs/") && all_pieces(text, '/', piece),
                 "not the name of a branch", "e.g. deploy");
}

Status replica_count(std::string_view text) {
  const auto value = parse_integer(text);
  return verdict(value && *value >= 1 && *value <= 100'000, "must be a whole number from 1 to 100000");
}

Status utilisation(std::string_view text) {
  const auto value = parse_percent(text);
  return verdict(value && *value >= 0.01 && *value <= 10, "must be from 1% to 1000%");
}

Status traffic_share(std::string_view text) {
  const auto value = parse_percent(text);
  return verdict(value && *value > 0 && *value <= 1, "must be above 0% and at most 100%");
}

Status capability(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto dot = text.find('.');
  bool good = text.starts_with(">=") && dot != std::string_view::npos && dot > 2 && dot <= 4 && text.size() == dot + 2;
  for (std::size_t i = 2; good && i < text.size(); ++i) good = i == dot || digit(text[i]);
  return verdict(good && text[2] != '0', "a compute capability is written \">=8.0\"");
}

Status metric_title(std::string_view text) {
  const bool good =
      !text.empty() && text.size() <= 40 && is_alphanumeric(text.front()) &&
      std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || is_one_of(c, "-_ "); });
  return verdict(good, "a metric's name has letters, digits, spaces, - and _, at most 40", "e.g. declined");
}

Status not_empty(std::string_view text) {
  if (!text.empty()) return ok();
  return Error{Error::Kind::usage, "is empty", "a variable of a template that was not set?"};
}

Status promql(std::string_view text) {
  const bool good = !text.empty() && text.size() <= 2000 && std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f);
  });
  return verdict(good, "not an expression of at most 2,000 printable characters",
                 "e.g. `sum by (pod) (accepted_total{namespace=\"{namespace}\", pod=~\"{pods}\"})`");
}

Status series_name(std::string_view text) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || is_one_of(c, "_:"); };
  const bool good = !text.empty() && text.size() <= 200 && letter(text.front()) &&
                    std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || is_alphanumeric(c); });
  return verdict(good, "not a name that Prometheus knows", "letters, digits, _ and :");
}

}  // namespace mlctl::deploy
