// Commit manifest: one durable, atomic capture of checkpoint, results and metrics together.
// A code snapshot is a manifest too, with the one root "code".
//
// docs/store-format.md, "Commits", specifies the encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace baton {

constexpr uint64_t kMaxManifest = 512ull << 20;  // bytes; a longer one is refused unread
constexpr uint64_t kMaxBlob = 64ull << 20;       // plain bytes of one blob

// Stored content: jobs/<job>/blobs/<attempt>/<xx>/<hash>, raw or as one zstd frame. A large file is
// cut into blobs; many small files share one.
struct Blob {
  std::string hash;     // sha256 of the plain bytes: the name
  int attempt = 0;      // the attempt that wrote it; 0 in code snapshots
  uint64_t size = 0;    // plain bytes, 1..kMaxBlob
  uint64_t stored = 0;  // bytes of the object
  bool zstd = false;
  Fingerprint sum{};  // XXH3-128 of the plain bytes under Manifest::seed: verified on every read
};

// A part of a file: `size` bytes from `offset` in the plain bytes of a blob, or a hole (zeros).
struct Piece {
  static constexpr uint32_t kHole = UINT32_MAX;
  uint32_t blob = kHole;  // index into Manifest::blobs
  uint64_t offset = 0;    // 0 in a hole
  uint64_t size = 0;      // at least 1; in a hole up to 2^63 - 1
};

struct TreeEntry {
  enum class Kind { file, directory, symlink };
  Kind kind = Kind::file;
  std::string
      path;  // relative, bytes as on disk (hex in JSON where not UTF-8); no "", "." or ".." part
  uint32_t mode = 0;          // permission bits, 0..0777; set-id and sticky bits are not kept
  int64_t mtime_ns = 0;       // since 1970; 0 in code snapshots
  uint64_t size = 0;          // file
  std::string target;         // symlink, 1..4095 bytes without NUL
  std::vector<Piece> pieces;  // file: in order, sizes adding up to `size`
};

struct Tree {
  std::string root;  // "checkpoint", "results", "metrics" or "code"
  std::vector<TreeEntry>
      entries;  // strictly ascending bytewise by path, so parents before children
};

struct Manifest {
  std::string job;   // "" in code snapshots
  uint64_t seq = 0;  // 1, 2, 3 … over the whole job; 0 in code snapshots
  int attempt = 0;
  int64_t at_ms = 0;
  uint64_t metrics_bytes = 0;
  uint64_t seed = 0;  // of the fingerprints; random, the same over a job's commits
  std::vector<Blob> blobs;
  std::vector<Tree> trees;
};

// Plain bytes of all files.
uint64_t manifest_bytes(const Manifest& manifest);

std::string encode_manifest(const Manifest& manifest);
// Checks everything a hostile manifest could get wrong: paths that escape, sizes that overflow,
// unsorted entries, children of what is no directory. Code::too_new for a later format, else
// Code::corrupt naming `what`.
Result<Manifest> decode_manifest(std::string_view text, const std::string& what);

// True for a path that an entry may have: relative, parts of 1..255 bytes, none "." or "..", no
// NUL, 4095 bytes at most.
bool valid_tree_path(std::string_view path);

// "00000012-3": sequence number and attempt.
std::string commit_name(uint64_t seq, int attempt);

}  // namespace baton
