#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <unistd.h>
#include <utility>

#include "base/terminal.h"

namespace mlctl {
namespace {

class NoProgress : public Progress {
 public:
  void step(std::string_view) override {}
  void update(std::string_view) override {}
  void finish(Symbol, std::string_view) override {}
  void note(std::string_view) override {}
  void event(std::string_view) override {}
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

  bool show(const Picture& picture) override {
    const std::lock_guard lock(mutex_);
    if (!style_.animated) return false;
    if (clock_.steady() - drawn_ < std::chrono::milliseconds(100)) return true;
    if (const Style now = style_of(fd_); now.terminal) style_.width = now.width;  // the window may be another one
    const auto lines = std::max<std::size_t>(height_of(fd_), 3) - 2;
    const auto text = picture(style_, lines);
    draw("");
    for (std::size_t start = 0; start < text.size() && below_ < lines;) {
      const auto end = std::min(text.find('\n', start), text.size());
      write("\n" + cut_to_width(std::string_view(text).substr(start, end - start), style_.width - 1, style_));
      ++below_;
      start = end + 1;
    }
    return true;
  }

  void finish(Symbol how, std::string_view summary) override {
    const std::lock_guard lock(mutex_);
    erase();
    const std::string text = escape_control(summary);
    write(symbol(how, style_) + " " + name_ + (text.empty() ? "" : ": " + text) + "\n");
  }

  void note(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    stay(symbol(Symbol::warn, style_) + " " + escape_control(line) + "\n");
  }

  void event(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    stay(escape_control(line) + "\n");
  }

 private:
  void stay(const std::string& line) {
    const bool shown = shown_;
    erase();
    write(line);
    if (shown) draw("");
  }

  void draw(const std::string& detail) {
    const std::string line =
        symbol(Symbol::running, style_) + " " + name_ + (detail.empty() ? "" : paint("  " + detail, Tone::dim, style_));
    write(over_all() + cut_to_width(line, style_.width - 1, style_));
    shown_ = true;
    drawn_ = clock_.steady();
  }

  void erase() {
    if (shown_) write(over_all());
    shown_ = false;
  }

  // To the beginning of what was drawn, which goes.
  std::string over_all() {
    const auto below = std::exchange(below_, 0);
    return below == 0 ? "\r\x1b[2K" : "\r\x1b[" + std::to_string(below) + "A\x1b[J";
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
  std::size_t below_ = 0;  // lines that stand below that of the step; the cursor is in the last one
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
