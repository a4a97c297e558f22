// Writes a manifest's tree into an empty directory and never outside of it, whatever the manifest
// says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/scan.h"
#include "model/commit.h"
#include "os/fd.h"

namespace baton {

// An open file being written; one per thread, to save opening it for every piece.
struct OpenTarget {
  const TreeEntry* entry = nullptr;
  Fd fd;
};

// Thread-safe after create(). Everything is made with O_EXCL and O_NOFOLLOW below the root's
// descriptor.
class TreeWriter {
 public:
  // Makes the directory if it is absent; Code::exists when it holds anything.
  static Result<TreeWriter> open(const std::string& path);
  // Directories, symlinks and files: these with their size, all zeros, and their modification times
  // to come.
  Status create(const std::vector<TreeEntry>& entries);
  Status write(OpenTarget& target, const TreeEntry& entry, uint64_t offset, std::string_view bytes);
  // Modes and times, directories last, deepest first: a read-only directory could not be filled.
  Status finish(const std::vector<TreeEntry>& entries);
  // Empties the directory again.
  Status undo();
  int fd() const { return root_.get(); }
  const std::string& path() const { return path_; }

 private:
  TreeWriter(std::string path, Fd root) : path_(std::move(path)), root_(std::move(root)) {}
  Status create_one(int parent, const TreeEntry& entry);
  std::string path_;
  Fd root_;
};

}  // namespace baton
