// What .gitignore and .batonignore leave out, as gitignore(5) of Git 2.39 specifies it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baton {

// One line of an ignore file.
struct IgnorePattern {
  std::vector<std::string> parts;  // between slashes; "**" stands for any number of directories
  bool negated = false;            // '!': takes back what an earlier line left out
  bool directories_only = false;   // trailing '/'
};

// Nothing for an empty line or a comment.
std::optional<IgnorePattern> parse_ignore_line(std::string_view line);
// `path` is relative to the directory of the ignore file.
bool matches(const IgnorePattern& pattern, std::string_view path, bool directory);

// The rules of a whole tree, each directory's files read when the first name in it is asked about.
// As in Git, a later line wins over an earlier one, a deeper file over a higher one, and nothing
// below a left-out directory can be taken back; the walk sees to the last by not descending.
// .batonignore comes after .gitignore. Symlinked ignore files do not count.
class IgnoreRules {
 public:
  // Gives the text of "<directory>/.gitignore" and the like, "" where there is none.
  using Read = std::function<std::string(const std::string& path)>;
  explicit IgnoreRules(Read read) : read_(std::move(read)) {}
  bool ignored(const std::string& path, bool directory);

 private:
  const std::vector<IgnorePattern>& rules_of(const std::string& directory);
  Read read_;
  std::map<std::string, std::vector<IgnorePattern>> rules_;  // by directory, "" for the root
};

}  // namespace baton
