// The adapter to libcurl, with http_curl_transfer.cpp: nobody else includes it. Many transfers at once.
#include <algorithm>
#include <array>
#include <cerrno>
#include <curl/curl.h>
#include <deque>
#include <map>
#include <mutex>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/filesystem.h"
#include "base/http.h"
#include "base/http_curl_transfer.h"
#include "base/http_detail.h"
#include "base/interrupt.h"

namespace mlctl {
using http_detail::check_request;
using http_detail::error_of;
using http_detail::origin_of;
using http_detail::set_up;
using http_detail::Transfer;
namespace {

using Request = std::shared_ptr<const HttpRequest>;

constexpr long http2_connections = 16;  // to one host: more only where it turns out to speak HTTP/1.1 alone

struct Waiting {
  std::uint64_t id = 0;
  Request request;
  SteadyTime started;
};

SteadyTime now() {
  return system_clock().steady();
}

class CurlMultiplexer : public HttpMultiplexer {
 public:
  CurlMultiplexer(std::size_t exchanges, HttpSettings settings)
      : exchanges_(std::max<std::size_t>(exchanges, 1)),
        settings_(std::move(settings)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    multi_ = curl_multi_init();
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(4 * exchanges_));
    if (settings_.http2) curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, http2_connections);
    watch(timer_.fd(), EPOLLIN);
  }
  ~CurlMultiplexer() override {
    for (auto& [easy, transfer] : busy_) curl_multi_remove_handle(multi_, easy);
    busy_.clear();
    free_.clear();
    curl_multi_cleanup(multi_);
  }
  CurlMultiplexer(const CurlMultiplexer&) = delete;
  CurlMultiplexer& operator=(const CurlMultiplexer&) = delete;

  void start(std::uint64_t id, Request request) override {
    const SteadyTime started = now();
    if (auto fine = check_request(*request); !fine) {
      done_.push_back({id, fine.error(), started, started});
      return;
    }
    Host& host = hosts_[origin_of(request->url)];
    host.waiting.push_back({id, std::move(request), started});
    ++waiting_;
    send_waiting(host);
    act(CURL_SOCKET_TIMEOUT, 0);
  }

  std::vector<HttpExchange> poll(SteadyTime until) override {
    if (!interrupt_watched_ && interrupt_fd() >= 0) {
      watch(interrupt_fd(), EPOLLIN);
      interrupt_watched_ = true;
    }
    // At least one look at the sockets, however late the caller is.
    do {
      if (now() >= due_) {
        due_ = SteadyTime::max();
        act(CURL_SOCKET_TIMEOUT, 0);
      }
      wait(done_.empty() && !poured_ ? std::min(due_, until) : SteadyTime());
    } while (done_.empty() && !poured_ && !interrupted() && now() < until);
    poured_ = false;
    return std::exchange(done_, {});
  }

  [[nodiscard]] std::size_t in_flight() const override { return busy_.size() + waiting_ + done_.size(); }

 private:
  struct Host {
    std::deque<Waiting> waiting;
    std::size_t busy = 0;
  };

  static int on_socket(CURL*, curl_socket_t socket, int what, void* user, void*) {
    auto& self = *static_cast<CurlMultiplexer*>(user);
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(self.epoll_.fd(), EPOLL_CTL_DEL, socket, nullptr);
    } else {
      const bool in = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
      const bool out = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
      self.watch(socket, (in ? EPOLLIN : 0U) | (out ? EPOLLOUT : 0U));
    }
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* user) {
    auto& self = *static_cast<CurlMultiplexer*>(user);
    self.due_ = milliseconds < 0 ? SteadyTime::max() : now() + std::chrono::milliseconds(milliseconds);
    return 0;
  }

  void watch(int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
      ::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event);
  }

  // poll(2) and epoll_wait(2) count in milliseconds; a timer descriptor in nanoseconds.
  void wait(SteadyTime until) {
    const Duration longest = std::chrono::minutes(1);
    const SteadyTime time = now();
    const SteadyTime wake = until > time + longest ? time + longest : until;
    const Duration since = std::max(wake.time_since_epoch(), Duration(1));  // 0 would switch it off
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    itimerspec setting{};
    setting.it_value = {seconds.count(), (since - seconds).count()};
    ::timerfd_settime(timer_.fd(), TFD_TIMER_ABSTIME, &setting, nullptr);
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_.fd(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == timer_.fd() || event.data.fd == interrupt_fd()) continue;
      const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
      act(event.data.fd, ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                             ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) | (broken ? CURL_CSELECT_ERR : 0));
    }
  }

  void act(curl_socket_t socket, int events) {
    int running = 0;
    curl_multi_socket_action(multi_, socket, events, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left))
      if (message->msg == CURLMSG_DONE) complete(message->easy_handle, message->data.result);
  }

  void complete(CURL* easy, CURLcode code) {
    const SteadyTime completed = now();
    curl_multi_remove_handle(multi_, easy);
    auto transfer = std::move(busy_.at(easy));
    busy_.erase(easy);
    HttpExchange exchange{transfer->id, error_of(*transfer, code), transfer->sent, completed};
    if (code == CURLE_OK) {
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      transfer->answer.response.status = static_cast<int>(status);
      exchange.response = std::move(transfer->answer.response);
    }
    done_.push_back(std::move(exchange));
    Host& host = hosts_.at(transfer->origin);
    --host.busy;
    transfer->request.reset();
    free_.push_back(std::move(transfer));
    send_waiting(host);
  }

  void send_waiting(Host& host) {
    while (!host.waiting.empty() && host.busy < exchanges_) {
      const Waiting next = std::move(host.waiting.front());
      host.waiting.pop_front();
      --waiting_;
      send(next, host);
    }
  }

  void send(const Waiting& next, Host& host) {
    const SteadyTime time = now();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next.started + next.request->limit - time);
    std::unique_ptr<Transfer> transfer;
    if (free_.empty()) {
      transfer = std::make_unique<Transfer>();
    } else {
      transfer = std::move(free_.back());
      free_.pop_back();
    }
    transfer->id = next.id;
    transfer->request = next.request;
    transfer->origin = origin_of(next.request->url);
    transfer->answer = {};
    transfer->answer.body_limit = next.request->body_limit;
    if (next.request->sink)
      transfer->answer.sink = [this, &sink = next.request->sink](const HttpResponse& so_far, std::string_view bytes) {
        poured_ = true;
        return sink(so_far, bytes);
      };
    transfer->unread.reset();
    transfer->sent = time;
    if (left.count() <= 0) {
      done_.push_back({next.id, error_of(*transfer, CURLE_OPERATION_TIMEDOUT), time, time});
      return free_.push_back(std::move(transfer));
    }
    set_up(*transfer, left, settings_);
    CURL* easy = transfer->easy;
    ++host.busy;
    busy_.emplace(easy, std::move(transfer));
    curl_multi_add_handle(multi_, easy);
  }

  std::size_t exchanges_;
  HttpSettings settings_;
  File epoll_;
  File timer_;
  CURLM* multi_ = nullptr;
  SteadyTime due_ = SteadyTime::max();  // when libcurl wants to be called next
  bool interrupt_watched_ = false;
  bool poured_ = false;  // into a sink, since poll() returned
  std::map<std::string, Host> hosts_;
  std::size_t waiting_ = 0;
  std::map<CURL*, std::unique_ptr<Transfer>> busy_;
  std::vector<std::unique_ptr<Transfer>> free_;
  std::vector<HttpExchange> done_;
};

}  // namespace

std::unique_ptr<HttpMultiplexer> make_http_multiplexer_with(const HttpSettings& settings, std::size_t exchanges) {
  return std::make_unique<CurlMultiplexer>(exchanges, settings);
}

std::unique_ptr<HttpMultiplexer> make_http_multiplexer(std::size_t exchanges) {
  return make_http_multiplexer_with({}, exchanges);
}

}  // namespace mlctl
