#include "ledger/capture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "ledger/buffer.h"
#include "os/clock.h"
#include "os/crew.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kSlice =
    256 << 10;  // read, fingerprinted and hashed while in the second-level cache
constexpr int64_t kCoarsestTickMs =
    3000;  // FAT keeps even seconds; Linux's own tick is 10 ms at most

struct File {
  const Scanned* seen = nullptr;
  const RememberedFile* before = nullptr;
  bool settled = false;
  std::vector<HeldPiece> pieces;
};

struct Root {
  const CaptureRoot* name = nullptr;
  Fd fd;
  std::vector<Scanned> entries;
  std::vector<File> files;  // in the order of entries
};

// Piece `piece` of one large file, or (pack) `count` small files whole.
struct Task {
  Root* root = nullptr;
  bool pack = false;
  size_t first = 0, count = 0;
  uint64_t size = 0;
  size_t piece = 0;
};

// What a thread needs; freed when the capture ends.
struct Worker {
  Buffer buffer;
  BlobEncoder encoder;
  Sha256 sha;
  Fingerprinter fingerprinter;
  const File* open_file = nullptr;
  Fd fd;
};

bool usable(const HeldPiece& piece) { return !piece.blob || piece.blob->usable; }

bool all_zero(std::string_view bytes) {
  return bytes.front() == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// True when no process has the file open for writing or mapped so: the kernel grants a read lease
// only then. The breaking of a lease sends SIGIO, which kills, unless it is another signal: SIGURG
// is ignored by default.
bool nobody_writes(int fd) {
  if (fcntl(fd, F_SETSIG, SIGURG) != 0 || fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return false;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return true;
}

class Capture {
 public:
  Capture(BlobPool& pool, const CaptureInput& input) : pool_(pool), input_(input) {}

  Result<CaptureOutput> run() {
    BATON_TRY(scan());
    find_thin_blobs();
    for (Root& root : roots_) BATON_TRY(plan(root));
    BATON_TRY(work());
    BATON_TRY(poll());
    BATON_TRY(check_unchanged());
    return assemble();
  }

 private:
  // A file written in the very tick in which it is looked at could be written again without a
  // trace, so everything has to be older than the look. What goes on being written is no commit
  // yet.
  Status scan() {
    int64_t before = file_time_ns();
    BATON_TRY(look());
    const Scanned* newest = newest_entry();
    if (newest && newest->ctime_ns >= before && wait_for_later_file_time(newest->ctime_ns)) {
      before = file_time_ns();
      BATON_TRY(look());
      newest = newest_entry();
      if (newest && newest->ctime_ns >= before) return changed_error(newest->path);
    }
    for (Root& root : roots_) remember(root);
    return {};
  }

  Status look() {
    roots_.clear();
    roots_.resize(input_.roots.size());
    for (size_t i = 0; i < roots_.size(); ++i) {
      Root& root = roots_[i];
      root.name = &input_.roots[i];
      BATON_ASSIGN(root.fd, open_root(root.name->path));
      if (!root.fd.valid()) continue;
      BATON_ASSIGN(root.entries,
                   scan_tree(root.fd.get(), root.name->path, {{}, input_.options.cancelled}));
    }
    return {};
  }

  const Scanned* newest_entry() const {
    const Scanned* newest = nullptr;
    for (const Root& root : roots_)
      for (const Scanned& entry : root.entries)
        if (!newest || entry.ctime_ns > newest->ctime_ns) newest = &entry;
    return newest;
  }

  // Pairs each file with what is remembered of it.
  void remember(Root& root) {
    auto known = input_.before.find(root.name->root);
    for (const Scanned& entry : root.entries) {
      if (entry.kind != TreeEntry::Kind::file) continue;
      total_ += entry.size;
      File file;
      file.seen = &entry;
      if (known != input_.before.end()) {
        auto it = known->second.find(entry.path);
        if (it != known->second.end()) file.before = &it->second;
      }
      root.files.push_back(std::move(file));
    }
  }

  // A shared blob of which less than half is still in use is given up: its files are written anew.
  void find_thin_blobs() {
    std::unordered_map<const PooledBlob*, uint64_t> used;
    for (const Root& root : roots_)
      for (const File& file : root.files)
        if (file.before && file.before->seen.size < kPackBelow)
          for (const HeldPiece& piece : file.before->pieces)
            if (piece.blob) used[piece.blob.get()] += piece.size;
    for (auto [blob, bytes] : used)
      if (bytes < blob->blob.size / 2) thin_.insert(blob);
  }

  bool reusable(const HeldPiece& piece) const {
    return usable(piece) && !thin_.contains(piece.blob.get());
  }

  Status plan(Root& root) {
    Task pack{&root, true};
    for (size_t i = 0; i < root.files.size(); ++i) {
      File& file = root.files[i];
      BATON_ASSIGN(bool unchanged, surely_unchanged(root, file));
      if (unchanged) {
        file.pieces = file.before->pieces;
        done_ += file.seen->size;
      } else if (file.seen->size >= kPackBelow) {
        plan_large(root, i);
      } else if (file.seen->size > 0) {
        if (pack.count > 0 &&
            (pack.size + file.seen->size > kChunk || pack.first + pack.count != i))
          flush(pack);
        if (pack.count == 0) pack.first = i;
        ++pack.count;
        pack.size += file.seen->size;
      }
    }
    if (pack.count > 0) flush(pack);
    return {};
  }

  void flush(Task& pack) {
    tasks_.push_back(pack);
    pack.count = 0;
    pack.size = 0;
  }

  void plan_large(Root& root, size_t index) {
    uint64_t size = root.files[index].seen->size;
    size_t count = (size + kChunk - 1) / kChunk;
    root.files[index].pieces.resize(count);
    for (size_t i = 0; i < count; ++i)
      tasks_.push_back({&root, false, index, 1, std::min(kChunk, size - i * kChunk), i});
  }

  // Also finds out whether the file is settled from now on, which only older files can be.
  Result<bool> surely_unchanged(const Root& root, File& file) {
    if (file.seen->ctime_ns / 1'000'000 > input_.wall_ms - kCoarsestTickMs) return false;
    if (file.before && file.before->settled && file.before->seen == *file.seen) {
      file.settled = true;
      return std::all_of(file.before->pieces.begin(), file.before->pieces.end(),
                         [this](const HeldPiece& piece) { return reusable(piece); });
    }
    BATON_ASSIGN(Fd fd, open_scanned(root.fd.get(), *file.seen, root.name->path));
    file.settled = nobody_writes(fd.get());
    return false;
  }

  Status work() {
    int count = workers_for(input_.options, pool_.store());
    std::vector<Worker> workers(static_cast<size_t>(count));
    return run_crew(
        count, tasks_.size(),
        [&](int worker, size_t index) -> Status {
          Worker& self = workers[static_cast<size_t>(worker)];
          const Task& task = tasks_[index];
          BATON_TRY(self.buffer.reserve(kChunk));
          BATON_TRY(task.pack ? capture_pack(self, task) : capture_chunk(self, task));
          done_ += task.size;
          return {};
        },
        [&] { return poll(); });
  }

  Status poll() {
    if (input_.options.cancelled && input_.options.cancelled())
      return Error{Code::cancelled, "the capture was cancelled", ""};
    if (input_.options.progress) input_.options.progress(done_, total_);
    return {};
  }

  Result<int> open(Worker& self, const Root& root, const File& file) {
    if (self.open_file != &file) {
      self.open_file = nullptr;
      BATON_ASSIGN(self.fd, open_scanned(root.fd.get(), *file.seen, root.name->path));
      self.open_file = &file;
    }
    return self.fd.get();
  }

  Status read(Worker& self, int fd, const File& file, char* to, uint64_t size, uint64_t offset) {
    BATON_ASSIGN(size_t got, read_at(fd, to, size, offset, file.seen->path));
    if (got == size) return {};
    self.open_file = nullptr;
    return changed_error(file.seen->path);
  }

  Status capture_chunk(Worker& self, const Task& task) {
    File& file = task.root->files[task.first];
    HeldPiece& piece = file.pieces[task.piece];
    piece.size = task.size;
    BATON_ASSIGN(int fd, open(self, *task.root, file));
    if (is_hole(fd, task.piece * kChunk, task.size)) return {};
    BATON_ASSIGN(bool same, reuse(self, fd, task, file, piece));
    if (same) return {};
    self.fingerprinter.start(input_.seed);
    for (uint64_t at = 0; at < task.size; at += kSlice) {
      uint64_t size = std::min(kSlice, task.size - at);
      BATON_TRY(read(self, fd, file, self.buffer.data() + at, size, task.piece * kChunk + at));
      self.fingerprinter.update(self.buffer.view(at, size));
      self.sha.update(self.buffer.view(at, size));
    }
    std::string_view plain = self.buffer.view(0, task.size);
    std::string hash = self.sha.finish_hex();
    if (all_zero(plain)) return {};
    piece.sum = self.fingerprinter.finish();
    BATON_ASSIGN(piece.blob, pool_.write(hash, piece.sum, plain, self.encoder));
    return {};
  }

  static bool is_hole(int fd, uint64_t offset, uint64_t size) {
    off_t data = lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
    return data < 0 ? errno == ENXIO : static_cast<uint64_t>(data) >= offset + size;
  }

  // True when the chunk is what it was: a pass at the memory's speed, with one slice of buffer.
  Result<bool> reuse(Worker& self, int fd, const Task& task, const File& file, HeldPiece& piece) {
    if (!file.before || task.piece >= file.before->pieces.size()) return false;
    const HeldPiece& old = file.before->pieces[task.piece];
    // Chunks of large files start at multiples of kChunk; a file that was small before has one
    // piece of another size.
    if (!old.blob || old.size != task.size || !reusable(old)) return false;
    self.fingerprinter.start(input_.seed);
    for (uint64_t at = 0; at < task.size; at += kSlice) {
      uint64_t size = std::min(kSlice, task.size - at);
      BATON_TRY(read(self, fd, file, self.buffer.data(), size, task.piece * kChunk + at));
      self.fingerprinter.update(self.buffer.view(0, size));
    }
    if (self.fingerprinter.finish() != old.sum) return false;
    piece = old;
    return true;
  }

  // Small files one behind the other; those that changed end up in one new blob.
  Status capture_pack(Worker& self, const Task& task) {
    uint64_t end = 0;
    std::vector<File*> changed;
    for (size_t i = task.first; i < task.first + task.count; ++i) {
      File& file = task.root->files[i];
      BATON_ASSIGN(int fd, open(self, *task.root, file));
      uint64_t size = file.seen->size;
      BATON_TRY(read(self, fd, file, self.buffer.data() + end, size, 0));
      HeldPiece piece{nullptr, end, size, fingerprint(self.buffer.view(end, size), input_.seed)};
      if (file.before && file.before->pieces.size() == 1 && file.before->pieces[0].blob &&
          file.before->pieces[0].size == size && file.before->pieces[0].sum == piece.sum &&
          reusable(file.before->pieces[0])) {
        file.pieces = file.before->pieces;
        continue;
      }
      file.pieces = {piece};
      changed.push_back(&file);
      end += size;
    }
    if (end == 0) return {};
    std::string_view plain = self.buffer.view(0, end);
    self.sha.update(plain);
    BATON_ASSIGN(BlobRef blob, pool_.write(self.sha.finish_hex(), fingerprint(plain, input_.seed),
                                           plain, self.encoder));
    for (File* file : changed) file->pieces[0].blob = blob;
    return {};
  }

  Status check_unchanged() {
    for (const Root& root : roots_) {
      BATON_ASSIGN(Fd fd, open_root(root.name->path));
      if (fd.valid() != root.fd.valid()) return changed_error(root.name->path);
      if (!fd.valid()) continue;
      BATON_ASSIGN(auto again,
                   scan_tree(fd.get(), root.name->path, {{}, input_.options.cancelled}));
      auto [was, is] =
          std::mismatch(root.entries.begin(), root.entries.end(), again.begin(), again.end());
      if (was == root.entries.end() && is == again.end()) continue;
      return changed_error(
          join_path(root.name->path, was != root.entries.end() ? was->path : is->path));
    }
    return {};
  }

  CaptureOutput assemble() {
    CaptureOutput out;
    std::unordered_map<const PooledBlob*, uint32_t> numbers;
    for (Root& root : roots_) {
      Tree tree{root.name->root, {}};
      auto& remembered = out.now[root.name->root];
      auto file = root.files.begin();
      for (const Scanned& seen : root.entries) {
        TreeEntry entry{seen.kind, seen.path, seen.mode, seen.mtime_ns, seen.size, seen.target, {}};
        if (seen.kind == TreeEntry::Kind::file) {
          for (const HeldPiece& piece : file->pieces)
            append(entry.pieces, piece, numbers, out.blobs);
          remembered[seen.path] = {seen, file->settled, std::move(file->pieces)};
          ++file;
        }
        tree.entries.push_back(std::move(entry));
      }
      out.trees.push_back(std::move(tree));
    }
    return out;
  }

  static void append(std::vector<Piece>& pieces, const HeldPiece& held,
                     std::unordered_map<const PooledBlob*, uint32_t>& numbers,
                     std::vector<Blob>& blobs) {
    if (!held.blob) {
      if (!pieces.empty() && pieces.back().blob == Piece::kHole)
        pieces.back().size += held.size;
      else
        pieces.push_back({Piece::kHole, 0, held.size});
      return;
    }
    auto [it, fresh] = numbers.try_emplace(held.blob.get(), static_cast<uint32_t>(blobs.size()));
    if (fresh) blobs.push_back(held.blob->blob);
    pieces.push_back({it->second, held.offset, held.size});
  }

  BlobPool& pool_;
  const CaptureInput& input_;
  std::vector<Root> roots_;
  std::vector<Task> tasks_;
  std::unordered_set<const PooledBlob*> thin_;
  uint64_t total_ = 0;
  std::atomic<uint64_t> done_ = 0;
};

}  // namespace

Result<CaptureOutput> capture_trees(BlobPool& pool, const CaptureInput& input) {
  return Capture(pool, input).run();
}

}  // namespace baton
