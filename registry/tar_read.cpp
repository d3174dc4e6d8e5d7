#include "registry/tar_read.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/interrupt.h"
#include "base/terminal.h"
#include "registry/tar.h"

namespace mlctl::registry::tar {
namespace {

using std::string_view;

Error broken(const std::string& why) {
  return {Error::Kind::corrupt, "not a tar that can be read: " + why, ""};
}

// A field up to its NUL.
string_view field(string_view header, std::size_t at, std::size_t size) {
  const auto part = header.substr(at, size);
  return part.substr(0, std::min(part.find('\0'), size));
}

// Octal digits between spaces and NULs, or GNU's big-endian binary with the first bit set.
std::optional<std::uint64_t> number(string_view part) {
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(part[0]) & 0x80U) != 0) {
    if (part[0] != '\x80') return std::nullopt;  // negative, or more than 2^88
    for (const char c : part.substr(1)) {
      if (value >> 55U != 0) return std::nullopt;
      value = value << 8U | static_cast<unsigned char>(c);
    }
    return value;
  }
  const auto begin = part.find_first_not_of(' ');
  if (begin == string_view::npos) return std::nullopt;
  part.remove_prefix(begin);
  part = part.substr(0, part.find_first_of(string_view(" \0", 2)));
  const auto parsed = std::from_chars(part.data(), part.data() + part.size(), value, 8);
  if (parsed.ec != std::errc() || parsed.ptr != part.data() + part.size()) return std::nullopt;
  return value >> 63U == 0 ? std::optional(value) : std::nullopt;
}

bool is_zero(string_view bytes) {
  return bytes.find_first_not_of('\0') == string_view::npos;
}

// What precedes an entry and says more than its header can.
struct Extra {
  std::optional<std::string> path, link;
  std::optional<std::uint64_t> size;
};

// "LENGTH key=value\n", again and again.
Status read_records(string_view records, Extra& extra) {
  while (!records.empty()) {
    std::size_t length = 0;
    const auto parsed = std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<std::size_t>(parsed.ptr - records.data());
    if (parsed.ec != std::errc() || length > records.size() || length < digits + 3 || records[digits] != ' ' ||
        records[length - 1] != '\n')
      return broken("a pax record");
    const auto record = records.substr(digits + 1, length - digits - 2);
    records.remove_prefix(length);
    const auto equals = record.find('=');
    if (equals == string_view::npos) return broken("a pax record");
    const auto key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") extra.path = value;
    if (key == "linkpath") extra.link = value;
    if (key == "size") {
      std::uint64_t size = 0;
      const auto end = value.data() + value.size();
      const auto number_parsed = std::from_chars(value.data(), end, size);
      if (number_parsed.ec != std::errc() || number_parsed.ptr != end || size >> 63U != 0) return broken("a pax size");
      extra.size = size;
    }
    if (key.substr(0, 11) == "GNU.sparse.") return broken("a sparse file");
  }
  return ok();
}

std::string tidy(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  while (path.rfind("./", 0) == 0) path.erase(0, std::min(path.find_first_not_of('/', 1), path.size()));
  return path;
}

class Reader {
 public:
  Reader(ByteSource& source, const Visitor& visitor) : source_(source), visitor_(visitor) {}

  Status run() {
    Extra extra;
    for (std::size_t entries = 0;; ++entries) {
      if (interrupted()) return interrupted_error();
      if (entries > entries_limit) return broken("more than 200,000 entries");
      auto header = exactly(block);
      if (!header) return header.error();
      if (is_zero(*header)) return rest();
      if (auto checked = check(*header); !checked) return checked;
      const char type = (*header)[156];
      const auto size = number(string_view(*header).substr(124, 12));
      if (!size) return broken("a size");
      if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
        if (auto taken = take_extra(type, *size, extra); !taken) return taken;
        continue;
      }
      if (auto read = entry(*header, type, *size, extra); !read) return read;
      extra = {};
    }
  }

 private:
  Result<std::string> exactly(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t filled = 0; filled < size;) {
      auto got = source_.read(bytes.data() + filled, size - filled);
      if (!got) return got.error();
      if (*got == 0) return broken("it ends too early");
      filled += *got;
    }
    return bytes;
  }

  static Status check(const std::string& header) {
    const auto sum = number(string_view(header).substr(148, 8));
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < block; ++i)
      expected += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
    if (!sum || *sum != expected) return broken("a header with a wrong checksum");
    if (header.compare(257, 5, "ustar") != 0) return broken("a header that is not ustar");
    return ok();
  }

  // For the next entry, or (type g) for all that follow, which nothing that we look for may be set for.
  Status take_extra(char type, std::uint64_t size, Extra& extra) {
    if (size > records_limit) return broken("a header of more than 1 MiB");
    auto bytes = exactly(static_cast<std::size_t>(size));
    if (!bytes) return bytes.error();
    if (auto skipped = exactly(padding(size)); !skipped) return skipped.error();
    if (type == 'x') return read_records(*bytes, extra);
    if (type == 'g') {
      Extra all;
      if (auto read = read_records(*bytes, all); !read) return read;
      return all.path || all.link || all.size ? Status(broken("a path or size for all entries")) : ok();
    }
    bytes->resize(std::min(bytes->find('\0'), bytes->size()));
    (type == 'L' ? extra.path : extra.link) = std::move(*bytes);
    return ok();
  }

  Status entry(const std::string& header, char type, std::uint64_t size, const Extra& extra) {
    ReadEntry entry;
    const auto prefix = field(header, 345, 155);
    const bool posix = string_view(header).substr(257, 6) == string_view("ustar\0", 6);
    entry.path = field(header, 0, 100);
    if (posix && !prefix.empty()) entry.path = std::string(prefix) + "/" + entry.path;
    entry.path = tidy(extra.path.value_or(entry.path));
    const auto mode = number(string_view(header).substr(100, 8));
    if (!mode) return broken("a mode");
    entry.executable = (*mode & 0111U) != 0;
    entry.size = extra.size.value_or(size);
    if (type == '5') return entry.size == 0 ? ok() : Status(broken("a folder with a size"));
    const auto name = escape_control(entry.path.substr(0, 200));
    if (type == '2') {
      entry.link = extra.link.value_or(std::string(field(header, 157, 100)));
      if (entry.size != 0 || entry.link.empty()) return broken(name + ": a link with a size or without a target");
      entry.executable = false;
      return pass_on(entry);
    }
    if (type == '1') return broken(name + ": a hard link, which a model cannot have");
    if (type != '0' && type != '\0' && type != '7') return broken(name + ": neither a file nor a folder nor a link");
    return pass_on(entry);
  }

  Status pass_on(const ReadEntry& entry) {
    auto sink = visitor_.begin ? visitor_.begin(entry) : Result<Sink>(Sink());
    if (!sink) return sink.error();
    std::uint64_t left = entry.size;
    const auto next = [&](char* into, std::size_t room) -> Result<std::size_t> {
      if (left == 0) return std::size_t{0};
      auto got = source_.read(into, static_cast<std::size_t>(std::min<std::uint64_t>(left, room)));
      if (!got) return got;
      if (*got == 0) return broken("it ends within " + escape_control(entry.path.substr(0, 200)));
      left -= *got;
      return got;
    };
    const Sink nowhere = [](std::string_view) { return ok(); };
    if (auto pumped = pump(next, {*sink ? *sink : nowhere}, entry.size); !pumped) return pumped;
    if (auto skipped = exactly(padding(entry.size)); !skipped) return skipped.error();
    return visitor_.end ? visitor_.end(entry) : ok();
  }

  // Some tars fill their last record.
  Status rest() {
    std::string bytes(block, '\0');
    for (;;) {
      auto got = source_.read(bytes.data(), bytes.size());
      if (!got) return got.error();
      if (*got == 0) return ok();
      if (!is_zero(string_view(bytes).substr(0, *got))) return broken("something follows its end");
    }
  }

  ByteSource& source_;
  const Visitor& visitor_;
};

}  // namespace

Status read_tar(ByteSource& source, const Visitor& visitor) {
  return Reader(source, visitor).run();
}

}  // namespace mlctl::registry::tar
