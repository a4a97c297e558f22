#include "ledger/tree_copy.h"

#include <unistd.h>

#include <cerrno>

#include "ledger/tree_writer.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kChunk = 1 << 20;

// Where the next bytes are that are no hole, and where they end; size and size behind the last
// ones. Where a filesystem does not tell, all is bytes.
std::pair<uint64_t, uint64_t> next_bytes(int fd, uint64_t at, uint64_t size) {
  off_t begin = lseek(fd, static_cast<off_t>(at), SEEK_DATA);
  if (begin < 0) return errno == ENXIO ? std::pair(size, size) : std::pair(at, size);
  off_t end = lseek(fd, begin, SEEK_HOLE);
  return {static_cast<uint64_t>(begin), end < 0 ? size : static_cast<uint64_t>(end)};
}

class Copying {
 public:
  Copying(std::string from, Fd root, TreeWriter& writer)
      : from_(std::move(from)), root_(std::move(root)), writer_(writer) {}

  Status run() {
    BATON_ASSIGN(auto seen, scan_tree(root_.get(), from_, {}));
    std::vector<TreeEntry> entries;
    entries.reserve(seen.size());
    for (const Scanned& one : seen)
      entries.push_back({one.kind, one.path, one.mode, one.mtime_ns, one.size, one.target, {}});
    BATON_TRY(writer_.create(entries));
    for (size_t i = 0; i < seen.size(); ++i)
      if (seen[i].kind == TreeEntry::Kind::file) BATON_TRY(copy_file(seen[i], entries[i]));
    return writer_.finish(entries);
  }

 private:
  Status copy_file(const Scanned& file, const TreeEntry& entry) {
    BATON_ASSIGN(Fd fd, open_scanned(root_.get(), file, from_));
    OpenTarget target;
    const std::string shown = join_path(from_, file.path);
    for (uint64_t at = 0, end = 0; at < file.size;) {
      std::tie(at, end) = next_bytes(fd.get(), at, file.size);
      for (end = std::min(end, file.size); at < end;) {
        const size_t wanted = std::min<uint64_t>(kChunk, end - at);
        BATON_ASSIGN(size_t got, read_at(fd.get(), chunk_.data(), wanted, at, shown));
        if (got == 0) return changed_error(shown);
        BATON_TRY(writer_.write(target, entry, at, {chunk_.data(), got}));
        at += got;
      }
    }
    return {};
  }

  const std::string from_;
  const Fd root_;
  TreeWriter& writer_;
  std::string chunk_ = std::string(kChunk, '\0');
};

}  // namespace

Status copy_tree(const std::string& from, const std::string& to) {
  BATON_ASSIGN(Fd root, open_root(from));
  if (!root.valid()) return errno_error(ENOENT, "read " + from);
  BATON_ASSIGN(TreeWriter writer, TreeWriter::open(to));
  Status copied = Copying(from, std::move(root), writer).run();
  if (copied.ok()) return {};
  Status undone = writer.undo();
  (void)undone;  // what is wrong is said already
  return copied;
}

}  // namespace baton
