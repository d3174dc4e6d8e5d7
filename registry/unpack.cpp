// A layer read back. Nothing in it is parsed: the manifest says what must be there, to the byte, and anything else is
// corrupt.
#include <algorithm>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "registry/pack.h"
#include "registry/tar.h"

namespace mlctl::registry {
namespace {

Error corrupt(const PackedLayer& layer, const std::string& why) {
  return {Error::Kind::corrupt, "layer " + layer.digest.brief() + ": " + why,
          "push the version again from its files (--rehash), or restore the registry"};
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
    const auto next = [&](char* into, std::size_t room) -> Result<std::size_t> {
      if (left == 0) return std::size_t{0};
      auto got = source_.read(into, static_cast<std::size_t>(std::min<std::uint64_t>(left, room)));
      if (!got) return got;
      if (*got == 0) return short_of();
      left -= *got;
      return got;
    };
    const auto into = [](Sha256& hash) {
      return [&hash](std::string_view bytes) {
        hash.update(bytes);
        return ok();
      };
    };
    std::vector<Sink> takers{into(own), into(hash_)};
    if (sink) takers.push_back(sink);
    if (auto pumped = pump(next, takers, file.size); !pumped) return pumped;
    if (file.link.empty() && own.finish() != file.digest)
      return corrupt(layer_, file.path + " is not what its digest says");
    return ok();
  }

  [[nodiscard]] Status end() {
    char more = 0;
    auto got = source_.read(&more, 1);
    if (!got) return got.error();
    if (*got != 0) return corrupt(layer_, "more bytes than the manifest says");
    return hash_.finish() == layer_.digest ? ok() : Status(corrupt(layer_, "not what its digest says"));
  }

 private:
  [[nodiscard]] Error short_of() const { return corrupt(layer_, "fewer bytes than the manifest says"); }

  // At least one byte.
  Result<std::size_t> read(char* into, std::size_t size) {
    auto got = source_.read(into, size);
    if (!got) return got;
    if (*got == 0) return short_of();
    hash_.update(into, *got);
    return got;
  }

  const PackedLayer& layer_;
  ByteSource& source_;
  Sha256 hash_;
};

}  // namespace

Status read_layer(const PackedLayer& layer, ByteSource& source, const LayerVisitor& visitor) {
  LayerReader reader(layer, source);
  for (const auto& file : layer.files) {
    const auto name = escape_control(file.path);
    const auto head = tar::header({file.path, file.size, file.executable, file.link});
    if (auto same = reader.expect(head, "the header of " + name); !same) return same;
    Sink sink;
    if (visitor.begin) {
      auto begun = visitor.begin(file);
      if (!begun) return begun.error();
      sink = std::move(*begun);
    }
    if (auto read = reader.content(file, sink); !read) return read;
    if (visitor.end)
      if (auto ended = visitor.end(file); !ended) return ended;
    if (auto same = reader.expect(std::string(tar::padding(file.size), '\0'), "the padding of " + name); !same)
      return same;
  }
  if (auto same = reader.expect(tar::trailer(), "the end"); !same) return same;
  return reader.end();
}

}  // namespace mlctl::registry
