#include <chrono>
#include <mutex>
#include <unistd.h>

#include "base/terminal.h"

namespace mlctl {
namespace {

class NoProgress : public Progress {
 public:
  void step(std::string_view) override {}
  void update(std::string_view) override {}
  void finish(Symbol, std::string_view) override {}
  void note(std::string_view) override {}
};

class LineProgress : public Progress {
 public:
  LineProgress(int fd, const Style& style, Clock& clock) : fd_(fd), style_(style), clock_(clock) {}
  ~LineProgress() override { erase(); }
  LineProgress(const LineProgress&) = delete;
  LineProgress& operator=(const LineProgress&) = delete;

  void step(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    name_ = escape_control(name);
    if (!style_.animated) return write(symbol(Symbol::running, style_) + " " + name_ + "\n");
    draw("");
  }

  void update(std::string_view detail) override {
    const std::lock_guard lock(mutex_);
    if (style_.animated && clock_.steady() - drawn_ >= std::chrono::milliseconds(100)) draw(escape_control(detail));
  }

  void finish(Symbol how, std::string_view summary) override {
    const std::lock_guard lock(mutex_);
    erase();
    const std::string text = escape_control(summary);
    write(symbol(how, style_) + " " + name_ + (text.empty() ? "" : ": " + text) + "\n");
  }

  void note(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    const bool shown = shown_;
    erase();
    write(symbol(Symbol::warn, style_) + " " + escape_control(line) + "\n");
    if (shown) draw("");
  }

 private:
  void draw(const std::string& detail) {
    const std::string line =
        symbol(Symbol::running, style_) + " " + name_ + (detail.empty() ? "" : paint("  " + detail, Tone::dim, style_));
    write("\r\x1b[2K" + cut_to_width(line, style_.width - 1, style_));
    shown_ = true;
    drawn_ = clock_.steady();
  }

  void erase() {
    if (shown_) write("\r\x1b[2K");
    shown_ = false;
  }

  // Nobody can be told that the terminal has gone away.
  void write(std::string_view text) const {
    while (!text.empty()) {
      const auto written = ::write(fd_, text.data(), text.size());
      if (written <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  int fd_;
  Style style_;
  Clock& clock_;
  std::string name_;
  std::mutex mutex_;
  bool shown_ = false;
  SteadyTime drawn_{};
};

}  // namespace

std::unique_ptr<Progress> make_progress(int fd, const Style& style, bool quiet, Clock& clock) {
  if (quiet) return std::make_unique<NoProgress>();
  return std::make_unique<LineProgress>(fd, style, clock);
}

Progress& no_progress() {
  static NoProgress progress;
  return progress;
}

}  // namespace mlctl
