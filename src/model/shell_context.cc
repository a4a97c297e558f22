#include "model/shell_context.h"

#include <string_view>
#include <utility>

#include "base/text.h"

namespace baton {

void ShellContext::see(char c) {
  if (see_document(c)) return;
  bool was_escaped = std::exchange(escaped_, false);
  if (delimiter_) read_delimiter(c);
  if (was_escaped) {
  } else if (comment_) {
    comment_ = c != '\n';
  } else if (top() == '\'') {
    if (c == '\'') open_.pop_back();
  } else if (c == '\\') {
    escaped_ = true;
  } else if (c == '"' || c == '`') {
    toggle(c);
  } else if (c == '(' && last_ == '$') {
    open_ += '(';
  } else if (top() != '"') {
    see_bare(c);
  }
  if (c != '<') less_ = 0;
  if (c == '\n' && !documents_.empty() && !was_escaped && top() != '\'' && top() != '"')
    in_document_ = true;
  last_ = c;
}

std::string ShellContext::write(const std::string& value) const {
  std::string out;
  if (top() == '\'') {
    for (char c : value) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out;
  }
  if (top() != '"') return shell_quote(value);
  for (char c : value) {
    if (std::string_view("$`\"\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string ShellContext::obstacle() const {
  if (in_document_) return "a here-document";
  return open_.find('`') == std::string::npos ? "" : "backquotes";
}

void ShellContext::toggle(char quote) {
  if (top() == quote)
    open_.pop_back();
  else
    open_ += quote;
}

void ShellContext::see_bare(char c) {
  bool word_start = std::string_view(" \t\n;&|()").find(last_) != std::string_view::npos;
  if (c == '\'') open_ += '\'';
  if (c == '(') open_ += '(';
  if (c == ')' && top() == '(') open_.pop_back();
  if (c == '#' && word_start) comment_ = true;
  bool arithmetic = ends_with(open_, "((");  // where << shifts
  if (c == '<' && !arithmetic && ++less_ == 2) {
    documents_.emplace_back();
    delimiter_ = true;
  } else if (c == '<' && less_ == 3) {  // a here-string, which is one word like any other
    documents_.pop_back();
    delimiter_ = false;
  }
}

// The word after `<<`: quotes around it are not part of it, and do not matter here.
void ShellContext::read_delimiter(char c) {
  HereDocument& document = documents_.back();
  if (c == '<' || c == '\'' || c == '"' || c == '\\') return;
  if (c == '-' && document.delimiter.empty() && last_ == '<') {
    document.tabs = true;
  } else if (std::string_view(" \t\n;&|()").find(c) == std::string_view::npos) {
    document.delimiter += c;
  } else if (!document.delimiter.empty()) {
    delimiter_ = false;
  }
}

// True while the body of a here-document is being passed.
bool ShellContext::see_document(char c) {
  if (!in_document_) return false;
  if (c == '\n')
    end_line();
  else
    line_ += c;
  return true;
}

void ShellContext::end_line() {
  const HereDocument& document = documents_.front();
  std::string_view line = line_;
  while (document.tabs && starts_with(line, "\t")) line.remove_prefix(1);
  if (line == document.delimiter) documents_.erase(documents_.begin());
  in_document_ = !documents_.empty();
  line_.clear();
  last_ = '\n';
}

}  // namespace baton
