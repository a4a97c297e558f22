#include "ledger/tree_kit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/text.h"

namespace baton::kit {
namespace fs = std::filesystem;
namespace {

size_t pick(std::mt19937_64& random, size_t below) { return random() % below; }

size_t random_size(std::mt19937_64& random) {
  static constexpr size_t kMega = 1 << 20;
  switch (pick(random, 20)) {
    case 0:
      return 0;
    case 1:
      return kMega - 1 + pick(random, 3);  // around the limit of packing
    case 2:
      return 4 * kMega - 1 + pick(random, 3);  // around a chunk
    case 3:
      return pick(random, 9 * kMega);
    case 4:
      return pick(random, 300'000);
    default:
      return pick(random, 2000);
  }
}

std::string random_content(std::mt19937_64& random, size_t size) {
  switch (pick(random, 4)) {
    case 0:
      return std::string(size, 'x');  // compressible
    case 1: {
      std::string text = random_bytes(random, size);
      if (size > 10)
        std::fill(text.begin() + static_cast<std::ptrdiff_t>(size / 10), text.end(), '\0');
      return text;
    }
    default:
      return random_bytes(random, size);
  }
}

std::string random_name(std::mt19937_64& random) {
  static const std::vector<std::string> kOdd = {"a", "a-b",       "a.b", "größe", "\xff\xfe",
                                                " ", "new\nline", "\"",  "-rf",   "..."};
  if (pick(random, 4) == 0) return kOdd[pick(random, kOdd.size())];
  return "n" + std::to_string(pick(random, 1000));
}

std::vector<std::string> names_of(const std::string& root, fs::file_type type) {
  std::vector<std::string> names;
  for (const auto& item : fs::recursive_directory_iterator(root))
    if (item.symlink_status().type() == type)
      names.push_back(item.path().lexically_relative(root).string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string random_directory(const std::string& root, std::mt19937_64& random) {
  std::vector<std::string> directories = names_of(root, fs::file_type::directory);
  directories.push_back("");
  return join_path(root, directories[pick(random, directories.size())]);
}

void add_something(const std::string& root, std::mt19937_64& random) {
  std::string path = join_path(random_directory(root, random), random_name(random));
  if (fs::symlink_status(path).type() != fs::file_type::not_found) return;
  size_t what = pick(random, 10);
  if (what == 0) {
    fs::create_symlink(pick(random, 2) ? "/etc/passwd" : "no/such", path);
  } else if (what <= 2) {
    fs::create_directory(path);
  } else {
    write_file(path, random_content(random, random_size(random)));
    chmod(path.c_str(), pick(random, 2) ? 0600 : 0755);
  }
}

void change_file(const std::string& path, std::mt19937_64& random) {
  Fd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(fd.valid()) << path;
  auto size = static_cast<size_t>(fs::file_size(path));
  switch (pick(random, 4)) {
    case 0:
      ASSERT_EQ(ftruncate(fd.get(), static_cast<off_t>(pick(random, size + 1))), 0);
      break;
    case 1:
      ASSERT_EQ(ftruncate(fd.get(), static_cast<off_t>(size + pick(random, 5 << 20))), 0);
      break;  // a hole
    default: {
      std::string bytes = random_bytes(random, 1 + pick(random, 5000));
      auto at = static_cast<off_t>(pick(random, size + 1));
      ASSERT_EQ(pwrite(fd.get(), bytes.data(), bytes.size(), at),
                static_cast<ssize_t>(bytes.size()));
    }
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Node& node) {
  return out << node.kind << " " << std::oct << node.mode << std::dec << " " << node.mtime_ns << " "
             << node.content.size() << " bytes " << printable(node.content.substr(0, 40));
}

Nodes read_tree(const std::string& path) {
  Nodes nodes;
  if (!fs::exists(path)) return nodes;
  for (const auto& item : fs::recursive_directory_iterator(path)) {
    struct stat info {};
    EXPECT_EQ(lstat(item.path().c_str(), &info), 0);
    Node node;
    node.mode = info.st_mode & 0777;
    node.mtime_ns = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
    if (S_ISLNK(info.st_mode)) {
      node.kind = 'l';
      node.content = fs::read_symlink(item.path()).string();
    } else if (S_ISDIR(info.st_mode)) {
      node.kind = 'd';
    } else if (S_ISREG(info.st_mode)) {
      auto bytes = read_file(item.path().string(), 1ull << 30);
      EXPECT_TRUE(bytes.ok());
      node.content = *bytes;
    } else {
      continue;
    }
    nodes[item.path().lexically_relative(path).string()] = node;
  }
  return nodes;
}

std::string random_bytes(std::mt19937_64& random, size_t size) {
  std::string bytes(size + 8, '\0');
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word = random();
    memcpy(bytes.data() + i, &word, 8);
  }
  bytes.resize(size);
  return bytes;
}

void write_file(const std::string& path, const std::string& bytes) {
  auto fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ASSERT_TRUE(fd.ok()) << fd.error().text();
  ASSERT_TRUE(write_all(fd->get(), bytes, path).ok());
}

void make_random_tree(const std::string& path, std::mt19937_64& random, int files) {
  fs::create_directories(path);
  for (int i = 0; i < files; ++i) add_something(path, random);
}

void change_randomly(const std::string& path, std::mt19937_64& random, int changes) {
  for (int i = 0; i < changes; ++i) {
    std::vector<std::string> files = names_of(path, fs::file_type::regular);
    size_t what = pick(random, 8);
    if (files.empty() || what == 0) {
      add_something(path, random);
      continue;
    }
    std::string file = join_path(path, files[pick(random, files.size())]);
    if (what == 1) {
      fs::remove(file);
    } else if (what == 2) {
      std::string to = join_path(random_directory(path, random), random_name(random));
      if (fs::symlink_status(to).type() == fs::file_type::not_found) fs::rename(file, to);
    } else if (what == 3) {
      chmod(file.c_str(), 0400 | static_cast<mode_t>(pick(random, 0400)));
    } else {
      change_file(file, random);
    }
  }
}

Job::Job(std::string name)
    : name_(std::move(name)), dir_(TempDir::create("baton-commit-test").value()) {
  for (const CaptureRoot& root : roots()) fs::create_directories(root.path);
}

std::vector<CaptureRoot> Job::roots() const {
  return {{"checkpoint", root("checkpoint")}, {"results", root("results")}};
}

Result<Captured> Job::capture(Committer& committer) {
  return committer.capture(roots(), ++seq, 0, wall_ms, {});
}

Event Job::committed(const Captured& captured) const {
  Event event;
  event.type = EventType::committed;
  event.attempt = captured.manifest.attempt;
  event.commit = commit_name(captured.manifest.seq, captured.manifest.attempt);
  event.commit_hash = captured.hash;
  return event;
}

}  // namespace baton::kit
