#include "registry/tar.h"

#include <algorithm>
#include <cstring>

namespace mlctl::registry::tar {
namespace {

constexpr std::size_t name_limit = 100;
constexpr std::size_t prefix_limit = 155;
constexpr std::uint64_t size_limit = 1ULL << 33U;  // eleven octal digits

struct Ustar {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6];
  char version[2];
  char user[32];
  char group[32];
  char device_major[8];
  char device_minor[8];
  char prefix[155];
  char unused[12];
};
static_assert(sizeof(Ustar) == block);

// Octal digits and a NUL.
template <std::size_t n>
void octal(char (&field)[n], std::uint64_t value) {
  for (std::size_t i = n - 1; i-- > 0; value >>= 3U) field[i] = static_cast<char>('0' + (value & 7U));
  field[n - 1] = '\0';
}

template <std::size_t n>
void text(char (&field)[n], std::string_view value) {
  if (!value.empty()) std::memcpy(field, value.data(), std::min(n, value.size()));
}

bool is_ascii(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Where to cut a path that is longer than a name: the slash that leaves at most 155 bytes before and 100 after it.
std::size_t cut_of(std::string_view path) {
  for (auto slash = path.find('/'); slash != std::string_view::npos && slash <= prefix_limit;
       slash = path.find('/', slash + 1))
    if (path.size() - slash - 1 <= name_limit) return slash;
  return std::string_view::npos;
}

std::string plain_header(std::string_view prefix, std::string_view name, char type, std::uint64_t size, unsigned mode,
                         std::string_view link) {
  Ustar head;
  std::memset(&head, 0, sizeof head);
  text(head.name, name);
  octal(head.mode, mode);
  octal(head.uid, 0);
  octal(head.gid, 0);
  octal(head.size, size);
  octal(head.mtime, 0);
  head.type = type;
  text(head.link, link);
  text(head.magic, {"ustar\0", 6});
  text(head.version, "00");
  octal(head.device_major, 0);
  octal(head.device_minor, 0);
  text(head.prefix, prefix);
  std::memset(head.checksum, ' ', sizeof head.checksum);
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  unsigned sum = 0;
  for (const char c : bytes) sum += static_cast<unsigned char>(c);
  // Six octal digits, NUL, space: what every tar writes.
  for (std::size_t i = 6; i-- > 0; sum >>= 3U) head.checksum[i] = static_cast<char>('0' + (sum & 7U));
  head.checksum[6] = '\0';
  return {reinterpret_cast<const char*>(&head), sizeof head};
}

// "LENGTH key=value\n", where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() != length) length = rest + std::to_string(length).size();
  return std::to_string(length) + " " + std::string(key) + "=" + std::string(value) + "\n";
}

}  // namespace

std::size_t padding(std::uint64_t size) {
  return static_cast<std::size_t>((block - size % block) % block);
}

std::string trailer() {
  return std::string(2 * block, '\0');
}

std::string header(const Entry& entry) {
  std::string records;
  std::string_view prefix, name = entry.path, link = entry.link;
  const auto cut = cut_of(entry.path);
  if (!is_ascii(entry.path) || (entry.path.size() > name_limit && cut == std::string_view::npos)) {
    records += pax_record("path", entry.path);
    name = name.substr(0, name_limit);
  } else if (entry.path.size() > name_limit) {
    prefix = entry.path.substr(0, cut);
    name = entry.path.substr(cut + 1);
  }
  if (!is_ascii(link) || link.size() > name_limit) {
    records += pax_record("linkpath", link);
    link = link.substr(0, name_limit);
  }
  std::uint64_t size = entry.size;
  if (size >= size_limit) {
    records += pax_record("size", std::to_string(size));
    size = 0;
  }
  std::string bytes;
  if (!records.empty()) {
    bytes = plain_header("", "PaxHeader", 'x', records.size(), 0644, "");
    bytes += records;
    bytes.append(padding(records.size()), '\0');
  }
  const unsigned mode = entry.executable || !entry.link.empty() ? 0755 : 0644;
  return bytes + plain_header(prefix, name, entry.link.empty() ? '0' : '2', size, mode, link);
}

}  // namespace mlctl::registry::tar
