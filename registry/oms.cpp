#include "registry/oms.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "base/document.h"
#include "registry/oci.h"
#include "registry/paths.h"

namespace mlctl::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* statement_v1 = "https://in-toto.io/Statement/v1";
constexpr std::size_t resources_limit = 1'000'000;

// '/' sorts before every other character: that is the order by parts, in which `a/c` comes before `a!`.
bool before(std::string_view a, std::string_view b) {
  const auto rank = [](char c) { return c == '/' ? 0 : 1 + static_cast<int>(static_cast<unsigned char>(c)); };
  return std::ranges::lexicographical_compare(a, b, [&](char x, char y) { return rank(x) < rank(y); });
}

// What a link ends at, by path.
std::vector<OmsResource> resources_of(const std::vector<PackedFile>& files) {
  std::vector<TreePath> tree;
  std::map<std::string_view, const PackedFile*> regular;
  for (const auto& file : files) {
    tree.push_back({file.path, file.link});
    if (file.link.empty()) regular.emplace(file.path, &file);
  }
  const auto ends = link_ends(tree);
  std::vector<OmsResource> found;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (const auto at = regular.find(ends[i]); at != regular.end())
      found.push_back({files[i].path, 0, 0, at->second->digest});
  std::ranges::sort(found, [](const auto& a, const auto& b) { return before(a.path, b.path); });
  return found;
}

Digest root_of(const std::vector<OmsResource>& resources) {
  Sha256 hash;
  for (const auto& one : resources) hash.update(one.digest.bytes.data(), one.digest.bytes.size());
  return hash.finish();
}

Error broken(const std::string& why) {
  return {Error::Kind::corrupt, "not a statement of OpenSSF Model Signing: " + why, ""};
}

std::optional<Digest> digest_at(const json& value, const char* key) {
  const auto text = oci::text(value, key);
  if (!text) return std::nullopt;
  auto digest = parse_digest("sha256:" + *text);
  return digest ? std::optional(*digest) : std::nullopt;
}

// Also where protobuf wrote it as 8.0.
std::optional<std::uint64_t> size_at(const json& value, const char* key) {
  if (const auto whole = oci::count(value, key)) return whole;
  const auto* found = oci::member(value, key);
  const auto* number = found == nullptr ? nullptr : found->get_ptr<const double*>();
  if (number == nullptr || !(*number >= 1 && *number <= 9e15) || std::floor(*number) != *number) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  if (text.empty() || text.size() > 18 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

// "path:start:end"
bool split_shard(OmsResource& resource) {
  const auto second = resource.path.rfind(':');
  if (second == std::string::npos || second == 0) return false;
  const auto first = resource.path.rfind(':', second - 1);
  if (first == std::string::npos) return false;
  const std::string_view text = resource.path;
  const auto start = decimal(text.substr(first + 1, second - first - 1));
  const auto end = decimal(text.substr(second + 1));
  if (!start || !end || *start >= *end) return false;
  resource.start = *start;
  resource.end = *end;
  resource.path.resize(first);
  return true;
}

Status read_serialization(const json& predicate, OmsStatement& statement) {
  const auto* how = oci::member(predicate, "serialization");
  if (how == nullptr || !how->is_object()) return broken("no serialization");
  const auto method = oci::text(*how, "method");
  if (method == "shards") {
    const auto size = size_at(*how, "shard_size");
    if (!size || *size == 0) return broken("shards without a size");
    statement.shard_size = *size;
  } else if (method != "files") {
    return broken("neither of files nor of shards");
  }
  const auto hash = oci::text(*how, "hash_type").value_or("");
  if (hash != "sha256")
    return Error{Error::Kind::usage, "a signature over digests other than SHA-256: '" + hash.substr(0, 40) + "'",
                 "sign again with sha256"};
  if (const auto* links = oci::member(*how, "allow_symlinks"); links != nullptr && links->is_boolean())
    statement.links = links->get<bool>();
  const auto* ignored = oci::member(*how, "ignore_paths");
  if (ignored == nullptr || ignored->is_null()) return ok();
  if (!ignored->is_array() || ignored->size() > 1000) return broken("ignore_paths is no list, or too long");
  for (const auto& one : *ignored) {
    if (!one.is_string()) return broken("ignore_paths is no list of paths");
    statement.ignored.push_back(one.get<std::string>());
  }
  return ok();
}

Status read_resources(const json& predicate, OmsStatement& statement) {
  const auto* list = oci::member(predicate, "resources");
  if (list == nullptr || !list->is_array() || list->size() > resources_limit)
    return broken("no resources, or too many");
  const std::string algorithm =
      statement.shard_size == 0 ? "sha256" : "sha256-sharded-" + std::to_string(statement.shard_size);
  for (const auto& one : *list) {
    auto path = oci::text(one, "name");
    const auto digest = digest_at(one, "digest");
    if (!path || path->empty() || !digest) return broken("a resource without name or digest");
    if (oci::text(one, "algorithm") != algorithm) return broken("a resource that is not hashed with " + algorithm);
    OmsResource resource{std::move(*path), 0, 0, *digest};
    if (statement.shard_size != 0 && !split_shard(resource)) return broken("a shard without its place");
    statement.resources.push_back(std::move(resource));
  }
  return ok();
}

// Digests/v0.1: the subjects are the files.
Status read_old(const json& subjects, OmsStatement& statement) {
  if (subjects.size() > resources_limit) return broken("too many subjects");
  for (const auto& one : subjects) {
    auto path = oci::text(one, "name");
    const auto* digests = oci::member(one, "digest");
    const auto digest = digests == nullptr ? std::nullopt : digest_at(*digests, "sha256");
    if (!path || path->empty() || !digest) return broken("a subject without name or digest");
    statement.resources.push_back({std::move(*path), 0, 0, *digest});
  }
  statement.ignored = {".git", ".gitattributes", ".github", ".gitignore"};  // what its signer left out, unsaid
  return ok();
}

Status check_root(const json& subjects, const OmsStatement& statement) {
  if (subjects.size() != 1) return broken("not exactly one subject");
  const auto* digests = oci::member(subjects[0], "digest");
  const auto root = digests == nullptr ? std::nullopt : digest_at(*digests, "sha256");
  if (!root || *root != root_of(statement.resources)) return broken("its subject is not over its resources");
  return ok();
}

}  // namespace

std::string oms_statement(const std::string& name, const std::vector<PackedFile>& files) {
  const auto resources = resources_of(files);
  ordered_json list = ordered_json::array();
  for (const auto& one : resources)
    list.push_back({{"name", one.path}, {"algorithm", "sha256"}, {"digest", one.digest.hex()}});
  const bool links = std::ranges::any_of(files, [](const auto& file) { return !file.link.empty(); });
  ordered_json statement;
  statement["_type"] = statement_v1;
  statement["subject"] = ordered_json::array({{{"name", name}, {"digest", {{"sha256", root_of(resources).hex()}}}}});
  statement["predicateType"] = oms_predicate;
  statement["predicate"] = {
      {"serialization", {{"method", "files"}, {"hash_type", "sha256"}, {"allow_symlinks", links}}},
      {"resources", std::move(list)}};
  return statement.dump();
}

Result<OmsStatement> parse_oms(std::string_view text) {
  auto value = parse_json(text, "statement");
  if (!value) return broken(value.error().message);
  if (oci::text(*value, "_type") != statement_v1) return broken("no in-toto statement v1");
  const auto* subjects = oci::member(*value, "subject");
  if (subjects == nullptr || !subjects->is_array() || subjects->empty()) return broken("no subject");
  const auto type = oci::text(*value, "predicateType").value_or("");
  OmsStatement statement;
  if (type == oms_old_predicate) {
    if (auto read = read_old(*subjects, statement); !read) return read.error();
  } else {
    const auto* predicate = oci::member(*value, "predicate");
    if (type != oms_predicate || predicate == nullptr) return broken("its predicate is '" + type.substr(0, 100) + "'");
    if (auto read = read_serialization(*predicate, statement); !read) return read.error();
    if (auto read = read_resources(*predicate, statement); !read) return read.error();
    if (auto root = check_root(*subjects, statement); !root) return root.error();
  }
  std::set<std::tuple<std::string_view, std::uint64_t, std::uint64_t>> seen;
  for (const auto& one : statement.resources)
    if (!seen.emplace(one.path, one.start, one.end).second) return broken("a file twice");
  return statement;
}

}  // namespace mlctl::registry
