#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "control/scaffold.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kMostNames = 2000;
constexpr size_t kMostFiles = 60;
constexpr size_t kMostBytes = 64 << 10;

bool worth_reading(const std::string& name) {
  static const char* kEndings[] = {".py", ".m", ".R", ".r", ".sh"};
  return name == "requirements.txt" ||
         std::any_of(std::begin(kEndings), std::end(kEndings),
                     [&](const char* ending) { return ends_with(name, ending); });
}

// The beginning of a regular file; "" if it is none or cannot be read, as a suggestion can do
// without.
std::string beginning(const std::string& path) {
  // O_NONBLOCK: a pipe must not hold us up.
  auto file = open_file(path, O_RDONLY | O_NONBLOCK);
  struct stat info {};
  if (!file.ok() || fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) return "";
  std::string text(kMostBytes, '\0');
  auto size = read_at(file->get(), text.data(), text.size(), 0, path);
  text.resize(size.ok() ? *size : 0);
  return text;
}

enum class Kind { file, directory, other };

Kind kind_of(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return Kind::other;
  if (S_ISDIR(info.st_mode)) return Kind::directory;
  if (S_ISLNK(info.st_mode) && stat(path.c_str(), &info) != 0) return Kind::other;
  return S_ISREG(info.st_mode) ? Kind::file : Kind::other;
}

void read_contents(const std::string& directory, const std::string& prefix,
                   const std::vector<std::string>& files, ScaffoldFacts& facts) {
  for (const auto& name : files)
    if (worth_reading(name) && facts.contents.size() < kMostFiles)
      facts.contents.emplace_back(prefix + name, beginning(join_path(directory, name)));
}

}  // namespace

Result<ScaffoldFacts> look_at(const std::string& directory) {
  ScaffoldFacts facts;
  facts.directory = base_name(absolute_path(directory));
  BATON_ASSIGN(std::vector<std::string> names, list_dir(directory));
  if (names.size() > kMostNames) names.resize(kMostNames);
  for (const auto& name : names) {
    if (!is_utf8(name)) continue;
    Kind kind = kind_of(join_path(directory, name));
    if (kind == Kind::file) facts.files.push_back(name);
    if (kind == Kind::directory) facts.directories.push_back(name);
  }
  read_contents(directory, "", facts.files, facts);
  for (const auto& name : facts.directories) {
    std::string inner = join_path(directory, name);
    auto files = list_dir(inner);
    if (name[0] == '.' || !files.ok() || files->size() > kMostNames) continue;
    std::vector<std::string> readable;
    for (const auto& file : *files)
      if (is_utf8(file) && kind_of(join_path(inner, file)) == Kind::file) readable.push_back(file);
    read_contents(inner, name + "/", readable, facts);
  }
  return facts;
}

}  // namespace baton
