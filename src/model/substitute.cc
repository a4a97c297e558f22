#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "model/spec.h"
#include "model/spec_reader.h"
#include "model/spec_rules.h"

namespace baton {
namespace {

// Follows a shell command as it is copied, to know how a value must be written where it stands
// (POSIX shell, 2.2).
class ShellContext {
 public:
  void see(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (comment_) {
      comment_ = c != '\n';
    } else if (top() == '\'') {
      if (c == '\'') open_.pop_back();
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      toggle_double();
    } else if (c == '(' && last_ == '$') {
      open_ += '(';
    } else if (top() != '"') {
      see_bare(c);
    }
    last_ = c;
  }

  std::string write(const std::string& value) const {
    if (top() == '\'') return replace_quote(value);
    if (top() != '"') return shell_quote(value);
    std::string out;
    for (char c : value) {
      if (std::string_view("$`\"\\").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
    return out;
  }

 private:
  char top() const { return open_.empty() ? ' ' : open_.back(); }

  void toggle_double() {
    if (top() == '"')
      open_.pop_back();
    else
      open_ += '"';
  }

  void see_bare(char c) {
    bool word_start = std::string_view(" \t\n;&|()").find(last_) != std::string_view::npos;
    if (c == '\'') open_ += '\'';
    if (c == '(') open_ += '(';
    if (c == ')' && top() == '(') open_.pop_back();
    if (c == '#' && word_start) comment_ = true;
  }

  static std::string replace_quote(const std::string& value) {
    std::string out;
    for (char c : value) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out;
  }

  std::string open_;  // quotes and parentheses that are open, innermost last
  char last_ = '\n';
  bool escaped_ = false;
  bool comment_ = false;
};

Error unknown(const std::string& name, const std::vector<std::pair<std::string, Json>>& params) {
  std::vector<std::string> names;
  names.reserve(params.size());
  for (const auto& [known, value] : params) names.push_back(known);
  std::string shown = printable(name);
  if (!is_param_name(name))
    return {
        Code::invalid,
        fmt::format("${{{0}}} names no parameter; write $${{{0}}} to leave it to the shell", shown),
        ""};
  std::string hint = suggestion(name, names);
  if (hint.empty())
    hint = fmt::format("; add it to params, or write $${{{}}} for a shell variable", shown);
  return {Code::invalid, fmt::format("${{{}}} names no parameter{}", shown, hint), ""};
}

}  // namespace

Result<std::string> substitute(const std::string& text,
                               const std::vector<std::pair<std::string, Json>>& params,
                               bool quote) {
  std::string out;
  ShellContext shell;
  for (size_t i = 0; i < text.size();) {
    if (text.compare(i, 3, "$${") == 0) {
      shell.see('{');
      out += "${";
      i += 3;
      continue;
    }
    if (text.compare(i, 2, "${") != 0) {
      shell.see(text[i]);
      out += text[i++];
      continue;
    }
    size_t end = text.find('}', i);
    if (end == std::string::npos)
      return Error{Code::invalid, "\"${\" has no closing \"}\"; write $${ to leave it to the shell",
                   ""};
    std::string name = text.substr(i + 2, end - i - 2);
    auto param =
        std::find_if(params.begin(), params.end(), [&](const auto& p) { return p.first == name; });
    if (param == params.end()) return unknown(name, params);
    std::string value = param_text(param->second);
    out += quote ? shell.write(value) : value;
    shell.see('x');
    i = end + 1;
  }
  return out;
}

}  // namespace baton
