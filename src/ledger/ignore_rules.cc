#include "ledger/ignore_rules.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/text.h"

namespace baton {
namespace {

// Trailing spaces do not count unless a backslash precedes them.
std::string_view strip_end(std::string_view line) {
  if (ends_with(line, "\r")) line.remove_suffix(1);
  while (!line.empty() && line.back() == ' ' && !(line.size() > 1 && line[line.size() - 2] == '\\'))
    line.remove_suffix(1);
  return line;
}

bool part_matches(const std::string& pattern, const std::string& part) {
  return fnmatch(pattern.c_str(), part.c_str(), 0) == 0;
}

}  // namespace

std::optional<IgnorePattern> parse_ignore_line(std::string_view line) {
  line = strip_end(line);
  if (line.empty() || line.front() == '#') return std::nullopt;
  IgnorePattern pattern;
  if (line.front() == '!') {
    pattern.negated = true;
    line.remove_prefix(1);
  }
  if (ends_with(line, "/")) {
    pattern.directories_only = true;
    line.remove_suffix(1);
  }
  // A slash at the beginning or in the middle ties the pattern to the file's own directory.
  const bool anchored = line.find('/') != std::string_view::npos;
  if (starts_with(line, "/")) line.remove_prefix(1);
  if (line.empty()) return std::nullopt;
  if (!anchored) pattern.parts.emplace_back("**");
  for (std::string& part : split(line, '/'))
    if (part != "**" || pattern.parts.empty() || pattern.parts.back() != "**")
      pattern.parts.push_back(std::move(part));
  return pattern;
}

bool matches(const IgnorePattern& pattern, std::string_view path, bool directory) {
  if (pattern.directories_only && !directory) return false;
  const std::vector<std::string> parts = split(path, '/');
  // reach[i]: the pattern's parts so far can match the first i parts of the path.
  std::vector<bool> reach(parts.size() + 1, false);
  reach[0] = true;
  for (size_t p = 0; p < pattern.parts.size(); ++p) {
    std::vector<bool> next(parts.size() + 1, false);
    if (pattern.parts[p] == "**") {
      // At the end it means everything inside, so at least one part.
      const bool last = p + 1 == pattern.parts.size();
      bool any = false;
      for (size_t i = 0; i <= parts.size(); ++i) {
        if (!last) any = any || reach[i];
        next[i] = any;
        if (last) any = any || reach[i];
      }
    } else {
      for (size_t i = 0; i < parts.size(); ++i)
        next[i + 1] = reach[i] && part_matches(pattern.parts[p], parts[i]);
    }
    reach = std::move(next);
  }
  return reach[parts.size()];
}

const std::vector<IgnorePattern>& IgnoreRules::rules_of(const std::string& directory) {
  auto [it, fresh] = rules_.try_emplace(directory);
  if (!fresh) return it->second;
  for (const char* name : {".gitignore", ".batonignore"})
    for (const std::string& line :
         split(read_(directory.empty() ? name : directory + "/" + name), '\n'))
      if (auto pattern = parse_ignore_line(line)) it->second.push_back(std::move(*pattern));
  return it->second;
}

bool IgnoreRules::ignored(const std::string& path, bool directory) {
  // From the deepest directory up; the first rule found from behind decides.
  for (size_t slash = path.rfind('/');;
       slash = slash ? path.rfind('/', slash - 1) : std::string::npos) {
    const bool top = slash == std::string::npos;
    const auto& rules = rules_of(top ? "" : path.substr(0, slash));
    std::string_view below = std::string_view(path).substr(top ? 0 : slash + 1);
    auto rule = std::find_if(rules.rbegin(), rules.rend(), [&](const IgnorePattern& pattern) {
      return matches(pattern, below, directory);
    });
    if (rule != rules.rend()) return !rule->negated;
    if (top) return false;
  }
}

}  // namespace baton
