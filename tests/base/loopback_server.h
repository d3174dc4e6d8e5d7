// For tests: an HTTP server on 127.0.0.1 that answers with whatever bytes the test says, in threads of its own.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mlctl::test {

struct RawAnswer {
  std::string bytes;   // the status line, headers and body
  bool close = false;  // the connection, after the bytes
  bool never = false;  // says nothing, holds the connection
};

class LoopbackServer {
 public:
  // `answer` gets the whole request; it is called from several threads.
  explicit LoopbackServer(std::function<RawAnswer(const std::string& request)> answer);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/") const;
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] std::vector<std::string> requests();

 private:
  void accept_all();
  void serve(int fd);

  std::function<RawAnswer(const std::string&)> answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// "HTTP/1.1 200 OK" with a body and its length.
[[nodiscard]] std::string ok_answer(const std::string& body);

}  // namespace mlctl::test
