#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "model/shell_context.h"
#include "model/spec.h"
#include "model/spec_reader.h"
#include "model/spec_rules.h"

namespace baton {
namespace {

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
    if (std::string place = shell.obstacle(); quote && !place.empty())
      return Error{
          Code::invalid,
          fmt::format("${{{}}} stands in {}, where a value cannot be quoted; write ${} there", name,
                      place, param_variable(name)),
          ""};
    std::string value = param_text(param->second);
    out += quote ? shell.write(value) : value;
    shell.see('x');
    i = end + 1;
  }
  return out;
}

}  // namespace baton
