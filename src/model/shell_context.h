// How a value must be written at a place in a shell command (POSIX shell, 2.2 and 2.7.4).
#pragma once

#include <string>
#include <vector>

namespace baton {

// Follows the command as it is copied, character by character.
class ShellContext {
 public:
  void see(char c);
  // The value, written so that it stays one piece of text here.
  std::string write(const std::string& value) const;
  // "backquotes" or "a here-document", where no way of writing keeps every value whole; else "".
  std::string obstacle() const;

 private:
  // A `<<` that was seen: its delimiter, and whether tabs before it are passed over.
  struct HereDocument {
    std::string delimiter;
    bool tabs = false;
  };
  char top() const { return open_.empty() ? ' ' : open_.back(); }
  void toggle(char quote);
  void see_bare(char c);
  bool see_document(char c);
  void read_delimiter(char c);
  void end_line();

  std::string open_;  // quotes and parentheses that are open, innermost last
  char last_ = '\n';
  bool escaped_ = false;
  bool comment_ = false;
  int less_ = 0;                         // of the `<` before this character
  bool delimiter_ = false;               // a delimiter is being read
  std::vector<HereDocument> documents_;  // that begin at the next line, or have begun
  bool in_document_ = false;             // in the body of the first of them
  std::string line_;                     // of the body, so far
};

}  // namespace baton
