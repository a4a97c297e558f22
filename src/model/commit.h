// Commit manifest: one durable, atomic capture of checkpoint, results and metrics together.
// A code snapshot is a manifest too, with the one root "code".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baton {

// A piece of a file. Its bytes stand in jobs/<job>/blobs/<attempt>/<xx>/<hash>, raw or as one zstd frame.
struct Chunk {
  std::string hash;       // sha256 of the plain bytes
  int attempt = 0;        // the attempt that wrote it: names the blob; 0 in code snapshots
  uint32_t size = 0;      // plain bytes
  uint32_t stored = 0;    // bytes of the blob
  bool zstd = false;
};

struct TreeEntry {
  enum class Kind { file, directory, symlink };
  Kind kind = Kind::file;
  std::string path;        // relative, bytes as on disk (hex-escaped in JSON where not UTF-8); no "", ".", ".." part
  uint32_t mode = 0;       // permission bits
  int64_t mtime_ns = 0;
  uint64_t size = 0;       // file
  std::string target;      // symlink
  std::vector<Chunk> chunks;  // file: in order, sizes adding up to `size`
};

struct Tree {
  std::string root;        // "checkpoint", "results", "metrics" or "code"
  std::vector<TreeEntry> entries;  // parents before children, bytewise by path
};

struct Manifest {
  std::string job;         // "" in code snapshots
  uint64_t seq = 0;        // 1, 2, 3 … over the whole job
  int attempt = 0;
  int64_t at_ms = 0;
  uint64_t metrics_bytes = 0;
  std::vector<Tree> trees;
};

std::string encode_manifest(const Manifest& manifest);
// Checks everything a hostile manifest could get wrong: paths that escape, sizes that overflow, unsorted entries.
Result<Manifest> decode_manifest(std::string_view text, const std::string& what);

// "00000012-3": sequence number and attempt.
std::string commit_name(uint64_t seq, int attempt);

}  // namespace baton
