// What changed between two versions: files by digest, tensors by the headers of their files, what people and gates said
// about them. The comparing itself is pure; only headers are read, never weights.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "base/terminal.h"
#include "registry/pack.h"
#include "registry/store.h"
#include "release/metadata.h"
#include "release/reference.h"
#include "validate/formats/tensors.h"

namespace mlctl::release {

enum class Change { added, removed, changed, renamed, mode };
[[nodiscard]] const char* to_string(Change change);

struct FileChange {
  Change change = Change::changed;
  std::string path;
  std::string from;  // of what was renamed: its path before
  std::optional<registry::PackedFile> before, after;
};
// Pure; sorted by path. A file that went and one that came with the same content, mode and link are one that was
// renamed.
[[nodiscard]] std::vector<FileChange> compare_files(const std::vector<registry::PackedFile>& before,
                                                    const std::vector<registry::PackedFile>& after);

struct TensorChange {
  Change change = Change::changed;
  std::string name;
  std::string before, after;  // "F32 [4096, 32000]"; "" where it is not
};
struct ValueChange {
  std::string key;
  std::optional<std::string> before, after;
};
// Tensors that belong together: of one file, or of all shards in one folder.
struct TensorGroup {
  std::string where;  // "model.safetensors", "models/*.safetensors"
  std::vector<TensorChange> changes;
  std::uint64_t same = 0;             // tensors with the same name, type and shape, whatever their values
  std::vector<ValueChange> metadata;  // of the header
  std::string unread;                 // why nothing could be compared; "": it was
  bool one_sided = false;             // its files are all new, or all gone: people need not read every line
};
// Pure; sorted by name.
[[nodiscard]] std::vector<TensorChange> compare_tensors(const std::vector<validate::TensorLine>& before,
                                                        const std::vector<validate::TensorLine>& after);

[[nodiscard]] std::vector<ValueChange> compare_values(const Values& before, const Values& after);

struct Measured {
  double value = 0;
  std::string unit;
  auto operator<=>(const Measured&) const = default;
};
struct MetricChange {
  std::string name;  // "training auc", "prod latency: p99 candidate"
  std::optional<Measured> before, after;
};

struct ComparedSide {
  std::string model, version;  // the version may be ""
  Digest digest;
  std::uint64_t bytes = 0, files = 0;  // bytes of the files
};
struct Comparison {
  ComparedSide before, after;
  std::vector<FileChange> files;
  std::uint64_t same_files = 0;
  std::vector<TensorGroup> tensors;
  std::vector<ValueChange> metadata;  // that people gave: `push --metadata`
  std::vector<MetricChange> metrics;  // of training and of gates
  [[nodiscard]] bool equal() const { return files.empty() && metadata.empty() && metrics.empty(); }
};
[[nodiscard]] Result<Comparison> compare(registry::Store& store, const Found& before, const Found& after);

inline constexpr std::size_t lines_shown = 20;  // of each part, unless all are asked for
[[nodiscard]] std::string to_text(const Comparison& comparison, bool all, const Style& style);
// For pull requests; what comes from outside is escaped.
[[nodiscard]] std::string to_markdown(const Comparison& comparison, bool all);
[[nodiscard]] nlohmann::ordered_json to_json(const Comparison& comparison);

}  // namespace mlctl::release
