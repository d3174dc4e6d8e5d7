// The files of a model: which they are, what each is for, and how to read them, from a folder or from a commit.
// What a file is follows from its content before its name. Content that nobody knows counts as weights, and weights of
// an unknown format stop a release. `model.yaml` and the gate's data are never packed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/result.h"

namespace mlctl::registry {

struct Git;

enum class Role { weights, config, code, doc };
[[nodiscard]] const char* to_string(Role role);
[[nodiscard]] std::optional<Role> role_named(std::string_view name);

enum class Format {
  safetensors,
  onnx,
  gguf,
  xgboost_json,
  xgboost_ubj,
  pickle,
  pytorch_zip,  // weights
  json,
  yaml,
  toml,
  python,
  shell,
  markdown,
  text,
  csv,
  image,
  unknown,
};
[[nodiscard]] const char* to_string(Format format);  // "xgboost-json"
inline constexpr std::size_t detect_bytes = 4096;    // how much of a file detect_format wants to see
// Never reads more than it is given; `first_bytes` may be the whole file or its beginning.
[[nodiscard]] Format detect_format(std::string_view path, std::string_view first_bytes);
[[nodiscard]] Role role_of(Format format);  // unknown: weights

// A stream of bytes, read once.
struct ByteSource {
  virtual ~ByteSource() = default;
  // At most `size` bytes into `into`; 0 at the end.
  virtual Result<std::size_t> read(char* into, std::size_t size) = 0;
};
[[nodiscard]] std::unique_ptr<ByteSource> bytes_source(std::string bytes);
// Everything, or Error{usage} when there is more than `limit`.
[[nodiscard]] Result<std::string> read_all(ByteSource& source, std::uint64_t limit);

class DigestCache;

// Tells one state of a file from every other: `stamp` belongs to `key`, and when it is the same, so are the bytes.
struct FileIdentity {
  std::string key;           // "": the file has none
  std::string stamp;         // device, inode, size and times; "" for what never changes
  std::int64_t changed = 0;  // when it last did, nanoseconds since 1970
};

struct ModelFile {
  std::string path;  // relative to the model's folder, '/' between parts, UTF-8
  Role role = Role::weights;
  Format format = Format::unknown;
  std::uint64_t size = 0;   // bytes; 0 for links
  bool executable = false;  // mode 0755, else 0644
  std::string link;         // target of a symbolic link, relative to the link; "" for a regular file
  // Opens the content from its beginning; each call gives a fresh stream. Ends in Error{unavailable} when the file is
  // not the one that was collected (changed while it is read).
  std::function<Result<std::unique_ptr<ByteSource>>()> open;
  FileIdentity identity;
  std::shared_ptr<DigestCache> cache;  // may be null: what it hashes to is looked up there, and kept
};

// A file's path inside a model: relative, no empty, "." or ".." part, no control characters, no backslash, UTF-8, at
// most 1,024 bytes and 255 a part, and none that an image layer takes for a deletion (".wh.").
[[nodiscard]] Status check_path(std::string_view path);

struct FilePattern {
  std::string path;  // a file, a folder (all below it), or a pattern: * and ? within a part, ** over parts
  std::optional<Role> role;
  Position position;
};
struct FileRules {
  std::vector<FilePattern> patterns;  // empty: everything
  std::vector<std::string> excluded;  // the gate's data, relative to the folder
};
// The `files:` section: its table and what it decodes to. `excluded` is the caller's to fill.
[[nodiscard]] Field files_table();
[[nodiscard]] Result<FileRules> decode_files(const Node& model);
// The `name:` field.
[[nodiscard]] Field name_field();

// From a folder on disk, sorted by path. `git` (may be null) tells which files are ignored. Error{usage}: a pattern
// that matches nothing, a link that leaves the folder, is absolute or leads to what is not packed; a socket or device;
// no file at all. Error{unavailable}: unreadable. What `cache` knows is not read again.
[[nodiscard]] Result<std::vector<ModelFile>> collect_files(const std::filesystem::path& folder, const FileRules& rules,
                                                           const Git* git = nullptr,
                                                           const std::shared_ptr<DigestCache>& cache = nullptr);
// From the tree of a commit; `folder` is relative to the repository's root. Error{usage} with the hint `mlctl push`:
// a named file is not there, or is a pointer of Git LFS.
[[nodiscard]] Result<std::vector<ModelFile>> collect_files(const Git& git, const std::string& commit,
                                                           const std::string& folder, const FileRules& rules,
                                                           const std::shared_ptr<DigestCache>& cache = nullptr);

}  // namespace mlctl::registry
