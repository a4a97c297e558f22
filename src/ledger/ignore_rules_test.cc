#include "ledger/ignore_rules.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/text.h"
#include "ledger/scan.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

struct Case {
  const char* pattern;
  const char* path;
  bool directory;
  bool ignored;
};

// Each as `git check-ignore` of Git 2.39 answers.
const Case kCases[] = {
    {"*.pyc", "a.pyc", false, true},
    {"*.pyc", "x/y/a.pyc", false, true},
    {"*.pyc", "a.py", false, false},
    {"build/", "build", true, true},
    {"build/", "build", false, false},
    {"build/", "x/build", true, true},
    {"/build", "build", false, true},
    {"/build", "x/build", false, false},
    {"x/build", "x/build", true, true},
    {"x/build", "y/x/build", true, false},
    {"x/*.o", "x/a.o", false, true},
    {"x/*.o", "x/y/a.o", false, false},
    {"**/foo", "foo", false, true},
    {"**/foo", "a/b/foo", false, true},
    {"**/foo/bar", "a/foo/bar", false, true},
    {"**/foo/bar", "foo/x/bar", false, false},
    {"abc/**", "abc/x", false, true},
    {"abc/**", "abc/x/y", false, true},
    {"abc/**", "abc", true, false},
    {"a/**/b", "a/b", false, true},
    {"a/**/b", "a/x/y/b", false, true},
    {"a/**/b", "a/x/y/c", false, false},
    {"a/**/**/b", "a/b", false, true},
    {"**", "anything", false, true},
    {"foo?", "foo1", false, true},
    {"foo?", "foo/", true, false},
    {"[a-c].txt", "b.txt", false, true},
    {"[!a-c].txt", "b.txt", false, false},
    {"[!a-c].txt", "d.txt", false, true},
    {"\\#x", "#x", false, true},
    {"#x", "#x", false, false},
    {"\\!x", "!x", false, true},
    {"x  ", "x", false, true},
    {"x\\ ", "x ", false, true},
    {"x\r", "x", false, true},
    {".*", ".hidden", false, true},
    {"*", ".hidden", false, true},
    {"/", "x", false, false},
    {"", "x", false, false},
};

TEST(IgnoreRules, PatternsMatchAsInGit) {
  for (const Case& c : kCases) {
    IgnoreRules rules(
        [&](const std::string& path) { return path == ".gitignore" ? c.pattern : ""; });
    EXPECT_EQ(rules.ignored(c.path, c.directory), c.ignored)
        << "'" << c.pattern << "' on " << c.path;
  }
}

TEST(IgnoreRules, LaterLinesAndDeeperFilesWin) {
  std::map<std::string, std::string> files = {{".gitignore", "*.log\n!keep.log\n*.bin\n"},
                                              {".batonignore", "keep.log\n!model.bin\n"},
                                              {"sub/.gitignore", "!*.log\n/only\n"}};
  IgnoreRules rules([&](const std::string& path) { return files[path]; });
  EXPECT_TRUE(rules.ignored("a.log", false));
  EXPECT_TRUE(rules.ignored("keep.log", false));
  EXPECT_FALSE(rules.ignored("model.bin", false));
  EXPECT_FALSE(rules.ignored("sub/a.log", false));
  EXPECT_TRUE(rules.ignored("sub/only", false));
  EXPECT_FALSE(rules.ignored("sub/x/only", false));
  EXPECT_FALSE(rules.ignored("only", false));
}

// A pattern without empty parts, whose meaning gitignore(5) leaves open.
std::string random_pattern(std::mt19937& random) {
  static const std::vector<std::string> kPieces = {"a", "b",    "*",   "?",  "**",  "/",
                                                   "/", "[ab]", "\\a", ".c", "[!a]"};
  std::string text;
  for (size_t i = 0, n = 1 + random() % 5; i < n; ++i) {
    const std::string& piece = kPieces[random() % kPieces.size()];
    if (piece != "/" || !ends_with(text, "/")) text += piece;
  }
  return text + (random() % 4 || ends_with(text, "/") ? "" : "/");
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Files with one-letter names three levels deep, and ignore files here and there.
void make_tree(const std::string& root, std::mt19937& random) {
  for (const char* directory : {"", "a", "a/b", "b", "b/a", "b/a/b"}) {
    std::filesystem::create_directories(root + "/" + directory);
    for (const char* name : {"c", "ab", "a.c", "b.c"})
      write_text(root + "/" + directory + "/" + name, "");
    if (*directory && random() % 3) continue;
    std::string lines;
    for (size_t i = 0, n = 1 + random() % 4; i < n; ++i)
      lines += (random() % 3 ? "" : "!") + random_pattern(random) + "\n";
    write_text(root + "/" + directory + "/.gitignore", lines);
  }
}

std::string ours(const std::string& root) {
  IgnoreRules rules([&](const std::string& path) {
    return read_file(root + "/" + path).ok() ? *read_file(root + "/" + path) : "";
  });
  auto fd = open_root(root).value();
  auto entries = scan_tree(fd.get(), root,
                           {[&](const std::string& path, bool directory) {
                              return path == ".git" || rules.ignored(path, directory);
                            },
                            {}});
  EXPECT_TRUE(entries.ok());
  std::string list;
  for (const Scanned& entry : *entries)
    if (entry.kind == TreeEntry::Kind::file) list += entry.path + "\n";
  return list;
}

std::string git(const std::string& root, const std::vector<std::string>& arguments) {
  SpawnOptions options;
  options.argv = {"git", "-c", "core.excludesFile=", "-C", root};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  auto output = run_command(options, 60'000);
  EXPECT_TRUE(output.ok() && output->status.success());
  return output.ok() ? output->out : "";
}

std::string ignore_files(const std::string& root) {
  std::string all;
  for (const auto& item : std::filesystem::recursive_directory_iterator(root))
    if (item.path().filename() == ".gitignore")
      all += item.path().string() + ":\n" + *read_file(item.path().string());
  return all;
}

// Random patterns on a whole tree, with Git itself as the judge.
TEST(IgnoreRules, AgreesWithGitOnRandomPatterns) {
  if (!find_program("git")) GTEST_SKIP() << "git is not installed";
  for (unsigned seed = 0; seed < 80; ++seed) {
    std::mt19937 random(seed);
    auto dir = TempDir::create("baton-ignore").value();
    git(dir.path(), {"init", "-q"});
    make_tree(dir.path(), random);
    std::string theirs = git(dir.path(), {"ls-files", "--others", "--exclude-standard"});
    EXPECT_EQ(ours(dir.path()), theirs) << "seed " << seed << "\n" << ignore_files(dir.path());
  }
}

}  // namespace
}  // namespace baton
