#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/commands.h"
#include "cli/parts.h"
#include "tune/suggest.h"

namespace baton {
namespace {

// Lines from stdin. Of a line that is too long to be taken only so much is kept that it is refused.
class LineReader {
 public:
  // False at the end of the input; a last line without its newline is given all the same.
  Result<bool> next(std::string& line) {
    line.clear();
    for (;;) {
      if (const char* end =
              static_cast<const char*>(std::memchr(buffer_ + at_, '\n', size_ - at_))) {
        take(line, static_cast<size_t>(end - buffer_));
        ++at_;
        return true;
      }
      take(line, size_);
      ssize_t got = read(STDIN_FILENO, buffer_, sizeof buffer_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        return Error{Code::permanent, std::string("cannot read stdin: ") + std::strerror(errno),
                     ""};
      at_ = 0;
      size_ = static_cast<size_t>(got);
      if (got == 0) return !line.empty();
    }
  }

 private:
  void take(std::string& line, size_t end) {
    if (line.size() <= kMaxSuggestLine) line.append(buffer_ + at_, end - at_);
    at_ = end;
  }

  char buffer_[1 << 16];
  size_t at_ = 0, size_ = 0;
};

Result<int> run(Context& context) {
  Suggester suggester;
  LineReader reader;
  std::string line;
  for (;;) {
    BATON_ASSIGN(bool more, reader.next(line));
    if (!more) return 0;
    if (!context.terminal.pass(false, suggester.answer(line) + "\n")) return 0;  // nobody listens
  }
}

}  // namespace

Command suggest_command() {
  Command command;
  command.name = "suggest";
  command.summary = "suggest parameters to a program: ask and tell, as JSON lines";
  command.details =
      "Reads one request a line from stdin and answers each with one line on stdout, in order.\n"
      "The operations: init, ask, tell, report, forget, add, best, pending, importance, save, "
      "load.\n"
      "Several asks may be open at once. A bad line is answered {\"error\": …} and changes "
      "nothing.";
  command.examples =
      "  $ baton suggest\n"
      "  {\"op\":\"init\",\"seed\":1,\"parameters\":{\"x\":{\"min\":0,\"max\":1}}}\n"
      "  {\"op\":\"ask\"}\n"
      "  {\"op\":\"tell\",\"id\":1,\"value\":0.12}\n"
      "  {\"op\":\"best\"}\n";
  command.run = run;
  return command;
}

}  // namespace baton
