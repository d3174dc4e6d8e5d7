#include "registry/folder.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "base/terminal.h"

namespace mlctl::registry {

Result<Folder> Folder::open(const std::filesystem::path& path) {
  File root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root.fd() >= 0) return Folder(path, std::move(root));
  const int code = errno;
  const std::string name = escape_control(path.string());
  if (code == ENOENT) return Error{Error::Kind::not_found, "no such folder: " + name, ""};
  if (code == ENOTDIR) return Error{Error::Kind::usage, "not a folder: " + name, ""};
  return system_error(code, "cannot open folder", path);
}

Error Folder::explain(int code, std::string_view path) const {
  const auto whole = path_ / path;
  // O_NOFOLLOW says ELOOP for a file, ENOTDIR together with O_DIRECTORY.
  if (code == ELOOP || code == ENOTDIR)
    return {Error::Kind::usage, escape_control(whole.string()) + ": a part of the path is a link or not a folder",
            "move it out of the way"};
  if (code == ENOENT) return {Error::Kind::not_found, "no such file: " + escape_control(whole.string()), ""};
  return system_error(code, "cannot open", whole);
}

Result<File> Folder::open_parent(std::string_view path, bool make) const {
  File now(::fcntl(root_.fd(), F_DUPFD_CLOEXEC, 0));
  if (now.fd() < 0) return explain(errno, path);
  for (std::string_view rest = path; rest.find('/') != std::string_view::npos;) {
    const std::string part(rest.substr(0, rest.find('/')));
    rest.remove_prefix(part.size() + 1);
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    File next(::openat(now.fd(), part.c_str(), flags));
    if (next.fd() < 0 && errno == ENOENT && make) {
      if (::mkdirat(now.fd(), part.c_str(), 0755) != 0 && errno != EEXIST) return explain(errno, path);
      next = File(::openat(now.fd(), part.c_str(), flags));
    }
    if (next.fd() < 0) return explain(errno, path);
    now = std::move(next);
  }
  return now;
}

Result<File> Folder::open_file(std::string_view path) const {
  auto parent = open_parent(path, false);
  if (!parent) return parent.error();
  // Non-blocking: a FIFO would wait for its writer.
  File file(::openat(parent->fd(), last_part(path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file.fd() < 0) return explain(errno, path);
  struct stat info{};
  if (::fstat(file.fd(), &info) != 0) return explain(errno, path);
  if (!S_ISREG(info.st_mode))
    return Error{Error::Kind::unavailable, escape_control((path_ / path).string()) + ": not a regular file", ""};
  return file;
}

}  // namespace mlctl::registry
