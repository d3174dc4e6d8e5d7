#include "base/network.h"

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>

#include "base/filesystem.h"

namespace mlctl {

static Error socket_error(const char* what) {
  return {Error::Kind::unavailable, std::string(what) + ": " + std::generic_category().message(errno), ""};
}

Result<std::vector<std::uint16_t>> free_loopback_ports(std::size_t count) {
  // All stay bound until the last is found: else the kernel could hand out the same port twice.
  std::vector<File> sockets;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    File file(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (file.fd() < 0) return socket_error("cannot open a socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(file.fd(), generic, size) != 0 || ::getsockname(file.fd(), generic, &size) != 0)
      return socket_error("cannot find a free port on 127.0.0.1");
    ports.push_back(ntohs(address.sin_port));
    sockets.push_back(std::move(file));
  }
  return ports;
}

}  // namespace mlctl
