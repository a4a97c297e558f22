#include "ledger/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "ledger/buffer.h"
#include "ledger/tree_writer.h"
#include "os/crew.h"

namespace baton {
namespace {

// How many of its blobs a worker has the store fetch ahead.
constexpr size_t kAhead = 3;

struct Target {
  const Tree* tree = nullptr;
  TreeWriter writer;
  Remembered::mapped_type files;
};

// One place that a blob's bytes go to.
struct Place {
  Target* target = nullptr;
  const TreeEntry* entry = nullptr;
  uint64_t file_offset = 0;
  const Piece* piece = nullptr;
  HeldPiece* held = nullptr;
};

struct Worker {
  Buffer buffer;
  BlobDecoder decoder;
  OpenTarget open;
};

class Restore {
 public:
  Restore(ObjectStore& store, const Manifest& manifest, const CaptureOptions& options,
          const std::vector<BlobRef>& refs)
      : store_(store), manifest_(manifest), options_(options), refs_(refs) {}

  Result<Remembered> run(const std::vector<CaptureRoot>& roots) {
    BATON_TRY(open(roots));
    Status status = fill();
    if (status.ok()) return remember();
    for (auto& target : targets_) {
      Status undone = target->writer.undo();
      if (!undone.ok()) return status.error().within(undone.error().message);
    }
    return status.error();
  }

 private:
  // Nothing is written before all roots have been found empty.
  Status open(const std::vector<CaptureRoot>& roots) {
    for (const CaptureRoot& root : roots) {
      auto tree = std::find_if(manifest_.trees.begin(), manifest_.trees.end(),
                               [&](const Tree& candidate) { return candidate.root == root.root; });
      if (tree == manifest_.trees.end()) continue;
      BATON_ASSIGN(TreeWriter writer, TreeWriter::open(root.path));
      targets_.push_back(std::make_unique<Target>(Target{&*tree, std::move(writer), {}}));
    }
    return {};
  }

  Status fill() {
    places_.resize(manifest_.blobs.size());
    for (auto& target : targets_) {
      BATON_TRY(target->writer.create(target->tree->entries));
      for (const TreeEntry& entry : target->tree->entries) place(*target, entry);
    }
    for (uint32_t blob = 0; blob < places_.size(); ++blob)
      if (!places_[blob].empty()) order_.push_back(blob);
    int count = workers_for(options_, store_);
    std::vector<Worker> workers(static_cast<size_t>(count));
    BATON_TRY(run_crew(
        count, order_.size(),
        [&](int worker, size_t index) {
          ask_ahead(index, static_cast<size_t>(count));
          return restore_blob(workers[static_cast<size_t>(worker)], order_[index]);
        },
        [&] { return poll(); }));
    BATON_TRY(poll());
    for (auto& target : targets_) BATON_TRY(target->writer.finish(target->tree->entries));
    return {};
  }

  void place(Target& target, const TreeEntry& entry) {
    if (entry.kind != TreeEntry::Kind::file) return;
    std::vector<HeldPiece>& held = target.files[entry.path].pieces;
    held.resize(entry.pieces.size());
    uint64_t offset = 0;
    for (size_t i = 0; i < entry.pieces.size(); ++i) {
      const Piece& piece = entry.pieces[i];
      held[i].size = piece.size;
      held[i].offset = piece.offset;
      if (piece.blob != Piece::kHole)
        places_[piece.blob].push_back({&target, &entry, offset, &piece, &held[i]});
      offset += piece.size;
    }
    total_ += entry.size;
  }

  Status poll() {
    if (options_.cancelled && options_.cancelled())
      return Error{Code::cancelled, "the restoring was cancelled", ""};
    if (options_.progress) options_.progress(done_, total_);
    return {};
  }

  // Asks for blobs while others are verified and written: each for the one kAhead turns later, the
  // first of a worker for those up to there.
  void ask_ahead(size_t index, size_t workers) {
    const size_t window = kAhead * workers;
    for (size_t next = index < workers ? index + workers : index + window;
         next <= index + window && next < order_.size(); next += workers)
      store_.will_read(key_of(manifest_.blobs[order_[next]]));
  }

  std::string key_of(const Blob& blob) const {
    return blob_key(manifest_.job, blob.attempt, blob.hash);
  }

  Status restore_blob(Worker& self, uint32_t number) {
    const Blob& blob = manifest_.blobs[number];
    std::string what = fmt::format("blob {} of job {}", blob.hash, manifest_.job);
    BATON_ASSIGN(std::string_view stored, fetch(self, blob, what));
    BATON_ASSIGN(std::string_view plain, self.decoder.decode(blob, manifest_.seed, stored, what));
    for (const Place& place : places_[number]) {
      std::string_view bytes = plain.substr(place.piece->offset, place.piece->size);
      BATON_TRY(place.target->writer.write(self.open, *place.entry, place.file_offset, bytes));
      place.held->sum =
          bytes.size() == plain.size() ? blob.sum : fingerprint(bytes, manifest_.seed);
      place.held->blob = refs_[number];
      done_ += bytes.size();
    }
    return {};
  }

  Result<std::string_view> fetch(Worker& self, const Blob& blob, const std::string& what) {
    BATON_TRY(self.buffer.reserve(blob.stored));
    auto size = store_.read_into(key_of(blob), self.buffer.data(), blob.stored);
    if (size.ok()) return self.buffer.view(0, *size);
    const char* hint = "run baton store check to see which commits it belongs to";
    if (size.is(Code::not_found)) return Error{Code::corrupt, what + " is missing", hint};
    if (size.is(Code::invalid))
      return Error{Code::corrupt, what + " is longer than what was written", hint};
    return size.error();
  }

  // Pairs what was written with what it looks like now. Not settled: it is too young for that.
  Result<Remembered> remember() {
    Remembered all;
    for (auto& target : targets_) {
      BATON_ASSIGN(auto entries, scan_tree(target->writer.fd(), target->writer.path(), {}));
      for (Scanned& entry : entries) {
        auto it = target->files.find(entry.path);
        if (it != target->files.end()) it->second.seen = std::move(entry);
      }
      all[target->tree->root] = std::move(target->files);
    }
    return all;
  }

  ObjectStore& store_;
  const Manifest& manifest_;
  const CaptureOptions& options_;
  const std::vector<BlobRef>& refs_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::vector<std::vector<Place>> places_;  // by blob
  std::vector<uint32_t> order_;
  uint64_t total_ = 0;
  std::atomic<uint64_t> done_ = 0;
};

}  // namespace

Result<Remembered> restore_trees(ObjectStore& store, const Manifest& manifest,
                                 const std::vector<CaptureRoot>& roots,
                                 const CaptureOptions& options, const std::vector<BlobRef>& refs) {
  return Restore(store, manifest, options, refs).run(roots);
}

}  // namespace baton
