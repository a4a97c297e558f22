// A code snapshot as one object: a line, the manifest, and one zstd frame of the manifest's blobs
// one behind the other.
//
//   baton-code 1 <bytes of the manifest>\n<manifest><zstd frame>
//
// The manifest names each distinct piece of content as a blob (attempt 0, raw); times are not kept,
// so the tree's hash, the SHA-256 of the manifest, depends on names, modes and contents alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/commit.h"

namespace baton {

constexpr size_t kCodeHeaderLimit = 64;  // the first line is shorter

std::string code_header(size_t manifest_bytes);

struct CodeHeader {
  size_t header_bytes = 0, manifest_bytes = 0;
};
// Parses the beginning of an object. Code::too_new, Code::corrupt.
Result<CodeHeader> parse_code_header(std::string_view beginning, const std::string& what);

// Decodes and checks the manifest of a code object.
Result<Manifest> decode_code_manifest(std::string_view text, const std::string& tree_hash,
                                      const std::string& what);

// "code/<xx>/<object>", where `object` is "<hash>" or "<hash>.<nonce>".
std::string code_key(const std::string& object);
// The hash in the name of an object: what stands before the dot. "" when it is none.
std::string code_hash(const std::string& object);

}  // namespace baton
