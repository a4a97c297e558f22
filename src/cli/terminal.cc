#include "cli/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kMuch = 4 << 20;      // so much waits for its reader, and the program waits too
constexpr size_t kTooMuch = 64 << 20;  // so much of one that is to end, and the rest is lost

const char* escape(Colour colour) {
  switch (colour) {
    case Colour::plain:
      return "";
    case Colour::bold:
      return "\x1b[1m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
  }
  return "";
}

bool says_utf8(std::string locale) {
  std::transform(locale.begin(), locale.end(), locale.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
}

// Characters, not bytes.
size_t columns_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

TerminalSize size_of_stderr() {
  TerminalSize result;
  winsize size{};
  if (ioctl(2, TIOCGWINSZ, &size) != 0) return result;
  if (size.ws_col > 0) result.width = size.ws_col;
  if (size.ws_row > 0) result.height = size.ws_row;
  return result;
}

// Cuts text after `columns` characters, never inside one.
std::string cut(const std::string& text, size_t columns) {
  size_t seen = 0;
  for (size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && ++seen > columns)
      return text.substr(0, i);
  return text;
}

}  // namespace

std::string shown_lines(const std::string& text) {
  std::string shown;
  for (const auto& line : split(text, '\n'))
    shown += (shown.empty() ? "" : "\n  ") + printable(std::string(trim(line)));
  return shown;
}

TerminalOptions detect_terminal(
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  TerminalOptions options;
  bool dumb = environment("TERM").value_or("dumb") == "dumb";
  options.out_is_terminal = isatty(1) == 1;
  options.err_is_terminal = isatty(2) == 1;
  options.colours = !dumb && environment("NO_COLOR").value_or("").empty();
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    auto value = environment(name);
    if (!value || value->empty()) continue;
    options.unicode = says_utf8(*value);
    break;
  }
  options.moves = !dumb;
  if (options.err_is_terminal) options.size = size_of_stderr;
  return options;
}

// errno of the stream, as far as it is known, or 0.
int Terminal::write(bool is_stderr, std::string_view bytes) {
  if (given_up_[is_stderr]) return 0;
  if (!behind_) return write_fd(is_stderr ? options_.err_fd : options_.out_fd, bytes);
  behind_->put(is_stderr, bytes);
  return behind_->failed(is_stderr);
}

void Terminal::write_behind() {
  std::lock_guard lock(mutex_);
  behind_ = WriteBehind::start(options_.out_fd, options_.err_fd);
}

bool Terminal::behind() const {
  std::lock_guard lock(mutex_);
  return behind_ && behind_->waiting() > kMuch;
}

void Terminal::catch_up(const std::function<bool()>& hurried) {
  if (!behind_) return;
  behind_->drain(hurried);
  std::lock_guard lock(mutex_);
  if (out_error_ == 0) out_error_ = behind_->failed(false);
  unread_ = unread_ || behind_->gave_up(false);
  for (bool is_stderr : {false, true}) {
    given_up_[is_stderr] = behind_->gave_up(is_stderr);
    if (behind_->failed(is_stderr) != 0 || given_up_[is_stderr]) closed_[is_stderr] = true;
  }
  behind_.reset();
}

// errno, or 0. Who shares the stream may have made it non-blocking: then it is waited for here.
int Terminal::write_fd(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      pollfd room{fd, POLLOUT, 0};
      poll(&room, 1, -1);
      continue;
    }
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

// Terminals that have become narrower since break the lines anew.
size_t Terminal::block_rows() const {
  const auto width = static_cast<size_t>(options_.size().width);
  size_t rows = 0;
  for (const size_t columns : block_) rows += std::max<size_t>(1, (columns + width - 1) / width);
  return rows;
}

void Terminal::erase_bar() {
  if (!block_.empty()) write(true, fmt::format("\x1b[{}A\x1b[J", block_rows()));
  block_.clear();
  if (bar_shown_) write(true, "\r\x1b[K");
  bar_shown_ = false;
}

bool Terminal::pass(bool is_stderr, std::string_view bytes) {
  std::lock_guard lock(mutex_);
  if (closed_[is_stderr] || bytes.empty()) return !closed_[is_stderr];
  if (behind_ && behind_->waiting() + bytes.size() > kTooMuch) {
    unread_ = unread_ || !is_stderr;
    return true;
  }
  erase_bar();
  if (is_stderr ? options_.err_is_terminal : options_.out_is_terminal)
    middle_of_line_ = bytes.back() != '\n';
  int failed = behind_ ? behind_->failed(is_stderr) : 0;
  if (failed == 0) failed = write(is_stderr, bytes);
  closed_[is_stderr] = failed != 0;
  if (!is_stderr && out_error_ == 0) out_error_ = failed;
  return failed == 0;
}

std::optional<Error> Terminal::lost_output() const {
  std::lock_guard lock(mutex_);
  if (unread_)
    return Error{Code::permanent, "cannot write all of the output: nobody has read it in time",
                 "`baton logs` shows what a job has printed"};
  if (out_error_ == 0 || out_error_ == EPIPE) return std::nullopt;
  return errno_error(out_error_, "write all of the output");
}

void Terminal::print(std::string_view text) { pass(false, text); }

bool Terminal::talks() const {
  return talk_ == Talk::verbose || (talk_ == Talk::normal && options_.err_is_terminal);
}

void Terminal::say(const std::string& line) {
  if (talks()) insist(line);
}

void Terminal::insist(const std::string& line) {
  std::string text = paint(Colour::dim, "baton:", true) + " " + line + "\n";
  std::lock_guard lock(mutex_);
  erase_bar();
  if (middle_of_line_ && options_.err_is_terminal) text.insert(0, "\n");
  middle_of_line_ = false;
  write(true, text);
}

void Terminal::fail(const Error& error) {
  insist(paint(Colour::red, shown_lines(error.text()), true));
}

std::string Terminal::paint(Colour colour, const std::string& text, bool on_stderr) const {
  bool terminal = on_stderr ? options_.err_is_terminal : options_.out_is_terminal;
  if (!options_.colours || !terminal || colour == Colour::plain || text.empty()) return text;
  return escape(colour) + text + "\x1b[0m";
}

void Terminal::bar(const std::string& line) {
  if (!options_.err_is_terminal || !options_.moves || talk_ == Talk::quiet) return;
  std::lock_guard lock(mutex_);
  if (behind_ && behind_->waiting() > kMuch) return;
  if (line.empty() || middle_of_line_) {
    erase_bar();
    return;
  }
  bar_shown_ = true;
  const auto width = static_cast<size_t>(options_.size().width - 1);
  write(true, "\r" + cut(line, width) + "\x1b[K");
}

void Terminal::block(const std::vector<std::string>& lines) {
  if (!options_.err_is_terminal || !options_.moves || talk_ == Talk::quiet) return;
  std::lock_guard lock(mutex_);
  const TerminalSize size = options_.size();
  std::string text = block_.empty() ? "" : fmt::format("\x1b[{}A\x1b[J", block_rows());
  block_.clear();
  for (const auto& line : lines) {
    // The cursor stands in a row of its own below; what has scrolled away cannot be drawn anew.
    if (block_.size() + 1 >= static_cast<size_t>(size.height)) break;
    std::string shown = cut(line, static_cast<size_t>(size.width - 1));
    block_.push_back(columns_of(shown));
    text += shown + "\n";
  }
  write(true, text);
}

void TerminalProgress::update(const std::string& what, uint64_t done, uint64_t total,
                              const std::string& unit) {
  std::lock_guard lock(mutex_);
  if (began_ms_ < 0 || what != what_) began_ms_ = terminal_.clock().mono_ms();
  if (what != what_) detail_.clear();
  what_ = what;
  unit_ = unit;
  done_ = done;
  total_ = total;
  draw();
}

void TerminalProgress::detail(const std::string& line) {
  std::lock_guard lock(mutex_);
  if (began_ms_ < 0) began_ms_ = terminal_.clock().mono_ms();
  detail_ = printable(trim(line));
  draw();
}

void TerminalProgress::draw() {
  constexpr int64_t kPatience = 500, kPeriod = 100;
  int64_t now = terminal_.clock().mono_ms();
  if (now - began_ms_ < kPatience || now - drawn_ms_ < kPeriod) return;
  drawn_ms_ = now;
  std::string line = "baton: " + what_;
  auto amount = [&](uint64_t n) {
    return unit_ == "bytes" ? human_size(n)
                            : fmt::format("{}{}{}", n, unit_.empty() ? "" : " ", unit_);
  };
  if (total_ > 0) {
    constexpr uint64_t kCells = 20;
    uint64_t done = std::min(done_, total_);
    auto cells =
        static_cast<size_t>(static_cast<double>(done) / static_cast<double>(total_) * kCells);
    line += " [" + std::string(cells, '=') + std::string(kCells - cells, ' ') + "] " +
            amount(done_) + " of " + amount(total_);
  } else if (done_ > 0) {
    line += " " + amount(done_);
  } else {
    line += " " + human_duration_ms(now - began_ms_);
  }
  if (!detail_.empty()) line += "  " + detail_;
  terminal_.bar(line);
}

void TerminalProgress::finish(const std::string& summary) {
  std::lock_guard lock(mutex_);
  terminal_.bar("");
  bool worth_it = began_ms_ >= 0 && !summary.empty();
  began_ms_ = -1;
  what_.clear();
  detail_.clear();
  if (worth_it) terminal_.say(printable(summary));
}

void TerminalLog::write(Level level, const std::string& message) {
  const std::string line = shown_lines(message);
  if (level == Level::error) return terminal_.insist(terminal_.paint(Colour::red, line, true));
  if (level == Level::warn) return terminal_.insist(terminal_.paint(Colour::yellow, line, true));
  if (verbose_) terminal_.insist(terminal_.paint(Colour::dim, line, true));
}

}  // namespace baton
