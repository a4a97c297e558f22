// Commit manifests: whatever is accepted keeps every promise of the format, and comes back the
// same.
#include <cstdint>
#include <cstdlib>
#include <set>

#include "model/commit.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_tree(const baton::Tree& tree, const std::vector<baton::Blob>& blobs) {
  std::set<std::string> directories;
  const std::string* last = nullptr;
  for (const baton::TreeEntry& entry : tree.entries) {
    require(baton::valid_tree_path(entry.path));
    require(!last || *last < entry.path);
    last = &entry.path;
    size_t slash = entry.path.rfind('/');
    require(slash == std::string::npos || directories.count(entry.path.substr(0, slash)) == 1);
    if (entry.kind == baton::TreeEntry::Kind::directory) directories.insert(entry.path);
    uint64_t sum = 0;
    for (const baton::Piece& piece : entry.pieces) {
      sum += piece.size;
      if (piece.blob == baton::Piece::kHole) continue;
      require(piece.blob < blobs.size());
      require(piece.size <= blobs[piece.blob].size &&
              piece.offset <= blobs[piece.blob].size - piece.size);
    }
    require(sum == entry.size && entry.mode <= 0777);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto manifest = baton::decode_manifest({reinterpret_cast<const char*>(data), size}, "input");
  if (!manifest.ok()) return 0;
  for (const baton::Blob& blob : manifest->blobs)
    require(blob.size > 0 && blob.size <= baton::kMaxBlob);
  for (const baton::Tree& tree : manifest->trees) check_tree(tree, manifest->blobs);
  std::string text = baton::encode_manifest(*manifest);
  auto again = baton::decode_manifest(text, "again");
  require(again.ok() && baton::encode_manifest(*again) == text);
  return 0;
}
