// Terminal: everything that baton prints. The program's output passes through untouched; baton's
// own lines go to stderr and begin with "baton: ".
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "cli/write_behind.h"
#include "os/clock.h"

namespace baton {

enum class Colour { plain, bold, dim, red, green, yellow };

// How much baton says about what it does. Errors are always said.
enum class Talk {
  quiet,    // nothing else
  normal,   // its lines and progress bars, but only where stderr is a terminal
  verbose,  // its lines also where stderr is a file or a pipe
};

struct TerminalSize {
  int width = 80, height = 24;  // columns and rows; >= 1
};

struct TerminalOptions {
  int out_fd = 1;
  int err_fd = 2;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool colours = false;  // allowed where the stream is a terminal
  bool unicode = false;  // the terminal shows more than ASCII
  bool moves = true;     // its cursor can be moved: $TERM is not "dumb"
  // stderr's terminal as it is now; it may change at any time.
  std::function<TerminalSize()> size = [] { return TerminalSize(); };
};

// What the descriptors are, and $NO_COLOR, $TERM, $LC_ALL, $LC_CTYPE and $LANG.
TerminalOptions detect_terminal(
    const std::function<std::optional<std::string>(const std::string&)>& environment);

// `text`, which may have come from outside, for a terminal: its control characters are made
// visible, and lines behind the first one (an error's hint) are set in.
std::string shown_lines(const std::string& text);

// Thread-safe. Writes directly, without buffers, so that both streams stay in order on a terminal;
// between write_behind() and catch_up() a thread does so, in the same order.
class Terminal {
 public:
  Terminal(const TerminalOptions& options, Clock& clock) : options_(options), clock_(clock) {}

  // A command's answer, to stdout.
  void print(std::string_view text);
  // The program's output, to stdout or stderr, byte for byte. False once the stream cannot be
  // written.
  bool pass(bool is_stderr, std::string_view bytes);
  // One line of baton's own, to stderr, as far as talk() allows.
  void say(const std::string& line);
  // The same whatever talk() says: errors, and what the user must know.
  void insist(const std::string& line);
  // An error: its message, and its hint on a line of its own.
  void fail(const Error& error);

  // `text` in a colour where stdout (or stderr) shows one.
  std::string paint(Colour colour, const std::string& text, bool on_stderr = false) const;
  // Draws, replaces or (with "") removes the one line at the bottom of stderr's terminal.
  void bar(const std::string& line);
  // The same with several lines, as many as there is room for; none removes them. A block and a bar
  // are not shown together.
  void block(const std::vector<std::string>& lines);

  // From here on nothing that is printed or said waits for whoever reads it.
  void write_behind();
  // True while much waits to be read.
  bool behind() const;
  // Waits until all is written; once `hurried` says true, only as long as it is read. Writes
  // directly again.
  void catch_up(const std::function<bool()>& hurried);

  const TerminalOptions& options() const { return options_; }
  Clock& clock() { return clock_; }
  void set_talk(Talk talk) { talk_ = talk; }
  // Why something that was to be written to stdout is lost: its disk is full, say, or nobody has
  // read it in time. None where it was closed by whoever reads it: that is an answer too.
  std::optional<Error> lost_output() const;
  // True where say() prints.
  bool talks() const;

 private:
  void erase_bar();
  size_t block_rows() const;
  int write(bool is_stderr, std::string_view bytes);
  static int write_fd(int fd, std::string_view bytes);

  const TerminalOptions options_;
  Clock& clock_;
  Talk talk_ = Talk::normal;
  mutable std::mutex mutex_;
  int out_error_ = 0;  // errno of the first failure
  bool bar_shown_ = false;
  std::vector<size_t> block_;    // the width of each line shown
  bool middle_of_line_ = false;  // of the program's output on the terminal
  bool closed_[2] = {false, false};
  bool unread_ = false;  // some of what was to go to stdout
  bool given_up_[2] = {false, false};
  std::unique_ptr<WriteBehind> behind_;
};

// Progress as a bar on stderr's terminal; nothing is drawn elsewhere. The bar appears when
// something takes longer than half a second. Thread-safe.
class TerminalProgress : public Progress {
 public:
  explicit TerminalProgress(Terminal& terminal) : terminal_(terminal) {}
  void update(const std::string& what, uint64_t done, uint64_t total,
              const std::string& unit) override;
  void detail(const std::string& line) override;
  void finish(const std::string& summary) override;

 private:
  void draw();

  Terminal& terminal_;
  std::mutex mutex_;
  std::string what_, unit_, detail_;
  uint64_t done_ = 0, total_ = 0;
  int64_t began_ms_ = -1, drawn_ms_ = 0;
};

// Diagnostics on stderr: warnings and errors always, the rest when verbose.
class TerminalLog : public Log {
 public:
  TerminalLog(Terminal& terminal, bool verbose) : terminal_(terminal), verbose_(verbose) {}
  void write(Level level, const std::string& message) override;

 private:
  Terminal& terminal_;
  bool verbose_;
};

}  // namespace baton
