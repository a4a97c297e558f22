#include "ledger/code_object.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace baton {
namespace {

constexpr const char* kMagic = "baton-code ";
constexpr const char* kHint = "submit the job again, so that the code is stored anew";

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string code_header(size_t manifest_bytes) {
  return fmt::format("{}1 {}\n", kMagic, manifest_bytes);
}

Result<CodeHeader> parse_code_header(std::string_view beginning, const std::string& what) {
  size_t newline = beginning.substr(0, kCodeHeaderLimit).find('\n');
  if (!starts_with(beginning, kMagic) || newline == std::string_view::npos)
    return Error{Code::corrupt, what + " is damaged: it does not begin as a code snapshot", kHint};
  auto words = split(beginning.substr(0, newline), ' ');
  auto format = number(words[1]);
  if (format && *format > 1)
    return Error{Code::too_new, what + " was written by a newer baton", "install a newer baton"};
  auto size = words.size() == 3 ? number(words[2]) : std::nullopt;
  if (format != 1 || !size || *size > kMaxManifest)
    return Error{Code::corrupt, what + " is damaged: its first line makes no sense", kHint};
  return CodeHeader{newline + 1, *size};
}

Result<Manifest> decode_code_manifest(std::string_view text, const std::string& tree_hash,
                                      const std::string& what) {
  if (sha256_hex(text) != tree_hash)
    return Error{Code::corrupt, what + " is damaged: it is not the tree that the job names", kHint};
  BATON_ASSIGN(Manifest manifest, decode_manifest(text, what));
  bool fits =
      manifest.job.empty() && manifest.trees.size() == 1 && manifest.trees[0].root == "code";
  for (const Blob& blob : manifest.blobs) fits = fits && !blob.zstd;
  if (!fits) return Error{Code::corrupt, what + " holds something else than code", kHint};
  return manifest;
}

std::string code_key(const std::string& object) {
  return fmt::format("code/{}/{}", object.substr(0, 2), object);
}

std::string code_hash(const std::string& object) {
  std::string hash = object.substr(0, object.find('.'));
  return is_sha256_hex(hash) ? hash : "";
}

}  // namespace baton
