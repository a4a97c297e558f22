// For tests: trees of files as values, made at random, written, changed and read back.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "ledger/commits.h"
#include "os/files.h"

namespace baton::kit {

// What one name in a directory is: everything that a commit promises to keep.
struct Node {
  char kind = 'f';  // f, d, l
  uint32_t mode = 0644;
  int64_t mtime_ns = 0;
  std::string content;  // of a file; target of a symlink
  friend bool operator==(const Node&, const Node&) = default;
};
std::ostream& operator<<(std::ostream& out, const Node& node);
using Nodes = std::map<std::string, Node>;

Nodes read_tree(const std::string& path);
std::string random_bytes(std::mt19937_64& random, size_t size);
void write_file(const std::string& path, const std::string& bytes);
// Files of all sizes around the limits that matter, with holes, odd names, links and modes.
void make_random_tree(const std::string& path, std::mt19937_64& random, int files);
// Overwrites, appends to, truncates, adds, removes, renames and re-modes some.
void change_randomly(const std::string& path, std::mt19937_64& random, int changes);

// A job's directories and a store, and the events that its commits would have.
class Job {
 public:
  explicit Job(std::string name = "261122-013422-k3f9q2");
  std::vector<CaptureRoot> roots() const;
  std::string root(const std::string& name) const { return join_path(dir_.path(), name); }
  Result<Captured> capture(Committer& committer);
  Event committed(const Captured& captured) const;
  const std::string& name() const { return name_; }
  uint64_t seq = 0;
  int64_t wall_ms = 4'000'000'000'000;  // far in the future: files count as old

 private:
  std::string name_;
  TempDir dir_;
};

}  // namespace baton::kit
