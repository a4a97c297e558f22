#include "model/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace baton {
namespace {

const std::pair<const char*, const char*> kExplained[] = {
    {"illegal map value",
     "a \":\" that YAML cannot place; indent with care, and put a value that contains \": \" in "
     "quotes"},
    {"illegal block entry", "a list item (\"- …\") cannot start here; put it on a line of its own"},
    {"illegal map key", "a key cannot start here; check the indentation"},
    {"end of map not found", "unexpected text; quote the whole value or correct the indentation"},
    {"end of sequence not found", "unexpected text, expected another list item (\"- …\")"},
    {"end of map flow not found",
     "the \"{\" of this map has no \"}\"; quote items that contain { } [ ] ,"},
    {"end of sequence flow not found",
     "the \"[\" of this list has no \"]\"; quote items that contain { } [ ] ,"},
    {"illegal EOF in scalar", "the quoted text has no end; add the closing quote"},
    {"unknown token", "a value cannot start with this character; put the value in quotes"},
    {"the referenced anchor is not defined", "the alias (\"*…\") has no anchor (\"&…\") before it"},
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Past "&anchor" and "!tag" and the space after them.
size_t skip_properties(std::string_view text, size_t i) {
  while (i < text.size() && (text[i] == '&' || text[i] == '!')) {
    while (i < text.size() && !is_space(text[i])) ++i;
    while (i < text.size() && is_space(text[i])) ++i;
  }
  return i;
}

}  // namespace

std::optional<YamlProblem> check_yaml_bytes(std::string_view text) {
  if (text.size() > kMaxYamlBytes)
    return YamlProblem{{},
                       fmt::format("{} long, expected at most {}", human_size(text.size()),
                                   human_size(kMaxYamlBytes))};
  int number = 0;
  for (const auto& line : split(text, '\n')) {
    ++number;
    if (size_t nul = line.find('\0'); nul != std::string::npos)
      return YamlProblem{{number, static_cast<int>(nul) + 1, -1},
                         "a NUL byte, expected text in UTF-8"};
    if (!is_utf8(line))
      return YamlProblem{{number, 1, -1}, "the line is not UTF-8; save the file as UTF-8"};
  }
  return std::nullopt;
}

YamlLines::YamlLines(std::string_view text) : text_(text) {
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    lines_.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

std::string_view YamlLines::line(const Place& place) const {
  auto index = static_cast<size_t>(place.line) - 1;  // line 0 wraps, and is out of range too
  return index < lines_.size() ? lines_[index] : std::string_view();
}

Place YamlLines::in_characters(Place place) const {
  std::string_view before =
      line(place).substr(0, static_cast<size_t>(std::max(place.column - 1, 0)));
  place.column -= static_cast<int>(std::count_if(before.begin(), before.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;  // a continuation byte
  }));
  return place;
}

YamlProblem YamlLines::explain(const Place& place, const std::string& message) const {
  std::string_view indent = line(place).substr(0, line(place).find_first_not_of(" \t"));
  if (size_t tab = indent.find('\t'); tab != std::string_view::npos)
    return {{place.line, static_cast<int>(tab) + 1, -1},
            "a tab in the indentation; YAML takes spaces only"};
  for (const auto& [theirs, ours] : kExplained)
    if (message == theirs) return {in_characters(place), ours};
  return {in_characters(place), printable(message)};
}

bool YamlLines::never_closed(const Place& place) const {
  if (line(place).empty()) return false;
  auto begin = static_cast<size_t>(line(place).data() - text_.data() + place.column - 1);
  size_t i = skip_properties(text_, begin);
  if (i >= text_.size() || (text_[i] != '"' && text_[i] != '\'')) return false;
  char quote = text_[i++];
  for (; i < text_.size(); ++i) {
    if (quote == '"' && text_[i] == '\\') {
      ++i;
    } else if (text_[i] == quote) {
      bool doubled = quote == '\'' && i + 1 < text_.size() && text_[i + 1] == quote;
      if (!doubled) return false;
      ++i;
    }
  }
  return true;
}

}  // namespace baton
