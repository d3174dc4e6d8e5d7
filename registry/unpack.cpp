// A layer read back. Of our own tars nothing is parsed: the manifest says what must be there, to the byte, and anything
// else is corrupt. What other tools wrote is parsed, and must hold exactly the files that are expected of it.
#include <algorithm>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "registry/compression.h"
#include "registry/pack.h"
#include "registry/tar.h"
#include "registry/tar_read.h"

namespace mlctl::registry {
namespace {

Error corrupt(const PackedLayer& layer, const std::string& why) {
  return {Error::Kind::corrupt, "layer " + layer.digest.brief() + ": " + why,
          "push the version again from its files (--rehash), or restore the registry"};
}

Sink into(Sha256& hash) {
  return [&hash](std::string_view bytes) {
    hash.update(bytes);
    return ok();
  };
}

class LayerReader {
 public:
  LayerReader(const PackedLayer& layer, ByteSource& source) : layer_(layer), source_(source) {}

  // Exactly these bytes come next.
  [[nodiscard]] Status expect(const std::string& bytes, const std::string& what) {
    std::string found(bytes.size(), '\0');
    for (std::size_t filled = 0; filled < found.size();) {
      auto got = read(found.data() + filled, found.size() - filled);
      if (!got) return got.error();
      filled += *got;
    }
    return found == bytes ? ok() : Status(corrupt(layer_, what + " is not as the manifest says"));
  }

  [[nodiscard]] Status content(const PackedFile& file, const Sink& sink) {
    Sha256 own;
    std::uint64_t left = file.size;
    const auto next = [&](char* to, std::size_t room) -> Result<std::size_t> {
      if (left == 0) return std::size_t{0};
      auto got = source_.read(to, static_cast<std::size_t>(std::min<std::uint64_t>(left, room)));
      if (!got) return got;
      if (*got == 0) return short_of();
      left -= *got;
      return got;
    };
    std::vector<Sink> takers{into(own), into(hash_)};
    if (sink) takers.push_back(sink);
    if (auto pumped = pump(next, takers, file.size); !pumped) return pumped;
    if (file.link.empty() && own.finish() != file.digest)
      return corrupt(layer_, escape_control(file.path) + " is not what its digest says");
    return ok();
  }

  [[nodiscard]] Result<Digest> end() {
    char more = 0;
    auto got = source_.read(&more, 1);
    if (!got) return got.error();
    if (*got != 0) return corrupt(layer_, "more bytes than the manifest says");
    const Digest digest = hash_.finish();
    if (digest != layer_.digest) return corrupt(layer_, "not what its digest says");
    return digest;
  }

 private:
  [[nodiscard]] Error short_of() const { return corrupt(layer_, "fewer bytes than the manifest says"); }

  // At least one byte.
  Result<std::size_t> read(char* to, std::size_t size) {
    auto got = source_.read(to, size);
    if (!got) return got;
    if (*got == 0) return short_of();
    hash_.update(to, *got);
    return got;
  }

  const PackedLayer& layer_;
  ByteSource& source_;
  Sha256 hash_;
};

Result<Digest> read_exact(const PackedLayer& layer, ByteSource& source, const LayerVisitor& visitor) {
  LayerReader reader(layer, source);
  const bool is_tar = layer.kind != LayerKind::raw;
  for (const auto& file : layer.files) {
    const auto name = escape_control(file.path);
    const auto head = is_tar ? tar::header({file.path, file.size, file.executable, file.link}) : "";
    if (auto same = reader.expect(head, "the header of " + name); !same) return same.error();
    Sink sink;
    if (visitor.begin) {
      auto begun = visitor.begin(file);
      if (!begun) return begun.error();
      sink = std::move(*begun);
    }
    if (auto read = reader.content(file, sink); !read) return read.error();
    // Checked to the end before its last file is taken for good: a raw layer ends with it.
    if (!is_tar) {
      auto ended = reader.end();
      if (ended && visitor.end)
        if (auto taken = visitor.end(file); !taken) return taken.error();
      return ended;
    }
    if (visitor.end)
      if (auto ended = visitor.end(file); !ended) return ended.error();
    const std::string padding(tar::padding(file.size), '\0');
    if (auto same = reader.expect(padding, "the padding of " + name); !same) return same.error();
  }
  if (auto same = reader.expect(tar::trailer(), "the end"); !same) return same.error();
  return reader.end();
}

// Hashes what is read through it, and never reads more than the layer is said to have.
class HashedSource : public ByteSource {
 public:
  HashedSource(ByteSource& source, std::uint64_t limit) : source_(source), left_(limit) {}
  Result<std::size_t> read(char* to, std::size_t size) override {
    auto got = source_.read(to, size);
    if (!got) return got;
    if (*got > left_) return Error{Error::Kind::corrupt, "more bytes than the manifest says", ""};
    left_ -= *got;
    hash_.update(to, *got);
    return got;
  }
  // To the end.
  Result<Digest> finish() {
    std::string buffer(64U << 10U, '\0');
    for (;;) {
      auto got = read(buffer.data(), buffer.size());
      if (!got) return got.error();
      if (*got == 0) return hash_.finish();
    }
  }

 private:
  ByteSource& source_;
  std::uint64_t left_;
  Sha256 hash_;
};

Compression compression_of(LayerKind kind) {
  if (kind == LayerKind::tar_gzip) return Compression::gzip;
  return kind == LayerKind::tar_zstd ? Compression::zstd : Compression::none;
}

// Any tar, compressed or not. The digest of the plain tar.
Result<Digest> parse_tar(const PackedLayer& layer, ByteSource& source, const tar::Visitor& visitor) {
  HashedSource stored(source, layer.size);
  const auto opened = decompressed(stored, compression_of(layer.kind));
  HashedSource plain(*opened, ~std::uint64_t{0});
  if (auto read = tar::read_tar(plain, visitor); !read)
    return read.error().kind == Error::Kind::corrupt ? corrupt(layer, read.error().message) : read.error();
  auto content = plain.finish();
  if (!content) return content.error();
  auto digest = stored.finish();
  if (!digest) return digest.error();
  if (*digest != layer.digest) return corrupt(layer, "not what its digest says");
  return content;
}

Result<Digest> read_parsed(const PackedLayer& layer, ByteSource& source, const LayerVisitor& visitor) {
  std::size_t at = 0;
  Sha256 own;
  const Error other = corrupt(layer, "it does not hold the files that it should");
  tar::Visitor parsed;
  parsed.begin = [&](const tar::ReadEntry& entry) -> Result<Sink> {
    if (at == layer.files.size()) return other;
    const auto& file = layer.files[at];
    if (entry.path != file.path || entry.size != file.size || entry.link != file.link ||
        entry.executable != file.executable)
      return other;
    auto begun = visitor.begin ? visitor.begin(file) : Result<Sink>(Sink());
    if (!begun) return begun;
    own = Sha256();
    return Sink([&own, sink = std::move(*begun)](std::string_view bytes) {
      own.update(bytes);
      return sink ? sink(bytes) : ok();
    });
  };
  parsed.end = [&](const tar::ReadEntry&) -> Status {
    const auto& file = layer.files[at++];
    if (file.link.empty() && own.finish() != file.digest)
      return corrupt(layer, escape_control(file.path) + " is not what its digest says");
    return visitor.end ? visitor.end(file) : ok();
  };
  auto content = parse_tar(layer, source, parsed);
  if (content && at != layer.files.size()) return other;
  return content;
}

}  // namespace

Result<Digest> read_layer(const PackedLayer& layer, ByteSource& source, const LayerVisitor& visitor) {
  const bool compared = layer.kind == LayerKind::raw || (layer.kind == LayerKind::tar && layer.exact);
  return compared ? read_exact(layer, source, visitor) : read_parsed(layer, source, visitor);
}

Result<std::vector<PackedFile>> list_files(const PackedLayer& layer, ByteSource& source) {
  std::vector<PackedFile> files;
  Sha256 own;
  tar::Visitor visitor;
  visitor.begin = [&](const tar::ReadEntry& entry) -> Result<Sink> {
    if (files.size() == files_limit) return corrupt(layer, "more than 10,000 files");
    files.push_back({entry.path, layer.role, entry.size, entry.executable, entry.link, {}});
    own = Sha256();
    return into(own);
  };
  visitor.end = [&](const tar::ReadEntry&) {
    files.back().digest = own.finish();
    return ok();
  };
  if (auto read = parse_tar(layer, source, visitor); !read) return read.error();
  return files;
}

Result<std::unique_ptr<ByteSource>> open_layer(Store& store, const ModelName& model, const PackedLayer& layer,
                                               std::uint64_t offset) {
  auto source = store.open_blob(model, layer.digest, offset);
  if (source || source.error().kind != Error::Kind::not_found) return source;
  return Error{Error::Kind::corrupt, to_string(model) + ": blob " + to_string(layer.digest) + " is gone",
               "push the version again from its files (--rehash), or restore the registry"};
}

}  // namespace mlctl::registry
