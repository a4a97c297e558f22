// A job's output as JSON lines.
#pragma once

#include <string>
#include <string_view>

namespace baton {

// {"attempt": …, "output": …} for each piece of output, as `baton logs --json` prints them. A
// character that a piece ends in the middle of stands whole in the attempt's next line.
class LogLines {
 public:
  // The lines for a piece of an attempt's output, each with its newline. None where the piece holds
  // only the beginning of a character.
  std::string add(int attempt, std::string_view bytes);
  // What was kept back, when no more of the attempt comes: a line, or nothing.
  std::string rest();

 private:
  int attempt_ = 0;
  std::string kept_;  // the first bytes of a character, 3 at most
};

}  // namespace baton
