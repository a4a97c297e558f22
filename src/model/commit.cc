#include "model/commit.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/json.h"
#include "base/text.h"
#include "model/job.h"

namespace baton {
namespace {

constexpr uint64_t kMaxTotal = std::numeric_limits<int64_t>::max();  // what off_t can hold
constexpr size_t kMaxPath = 4095;                                    // PATH_MAX without its NUL
constexpr int kMaxDepth =
    200;  // keeps a walk's open directories below the usual limit of 1024 files

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    if (error != std::errc() || end != text.data() + i + 2) return std::nullopt;
    bytes += static_cast<char>(value);
  }
  return bytes;
}

std::optional<uint64_t> hex_number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + 16) return std::nullopt;
  return value;
}

const char* kind_name(TreeEntry::Kind kind) {
  switch (kind) {
    case TreeEntry::Kind::file:
      return "file";
    case TreeEntry::Kind::directory:
      return "directory";
    case TreeEntry::Kind::symlink:
      return "symlink";
  }
  return "";
}

// "path":"…" or, where the bytes are not UTF-8, "path_hex":"…".
std::string encode_bytes(const char* key, const std::string& bytes) {
  if (is_utf8(bytes)) return fmt::format("\"{}\":{}", key, dump_json(Json(bytes)));
  return fmt::format("\"{}_hex\":\"{}\"", key, to_hex(bytes));
}

void encode_entry(std::string& out, const TreeEntry& entry) {
  out += fmt::format("{{{},\"kind\":\"{}\",\"mode\":\"{:04o}\",\"mtime_ns\":{}",
                     encode_bytes("path", entry.path), kind_name(entry.kind), entry.mode,
                     entry.mtime_ns);
  if (entry.kind == TreeEntry::Kind::symlink) out += "," + encode_bytes("target", entry.target);
  if (entry.kind == TreeEntry::Kind::file) {
    out += fmt::format(",\"size\":{},\"pieces\":[", entry.size);
    for (size_t i = 0; i < entry.pieces.size(); ++i) {
      const Piece& piece = entry.pieces[i];
      int64_t blob = piece.blob == Piece::kHole ? -1 : static_cast<int64_t>(piece.blob);
      out += fmt::format("{}[{},{},{}]", i ? "," : "", blob, piece.offset, piece.size);
    }
    out += "]";
  }
  out += "}";
}

// Reads JSON that may be anything; the first thing wrong ends it. Every getter returns a harmless
// value once that has happened.
class Decoder {
 public:
  explicit Decoder(const std::string& what) : what_(what) {}
  bool ok() const { return !error_; }
  Error error() const { return *error_; }

  void fail(const std::string& why) {
    if (!error_)
      error_ = Error{Code::corrupt, what_ + " is damaged: " + why,
                     "run baton store check to see what else is; an earlier commit may be good"};
  }

  uint64_t number(const Json& value, uint64_t least, uint64_t most, const char* name) {
    // nlohmann-json parses what is not negative as unsigned.
    uint64_t n = value.is_number_unsigned() ? value.get<uint64_t>() : most;
    if (!value.is_number_unsigned() || n < least || n > most) {
      fail(fmt::format("{} is not a number from {} to {}", name, least, most));
      return least;
    }
    return n;
  }

  uint64_t number(const Json& object, const char* key, uint64_t least, uint64_t most) {
    return number(field(object, key), least, most, key);
  }

  int64_t signed_number(const Json& object, const char* key) {
    const Json& value = field(object, key);
    if (value.is_number_integer() &&
        !(value.is_number_unsigned() && value.get<uint64_t>() > kMaxTotal))
      return value.get<int64_t>();
    fail(fmt::format("{} is not a whole number", key));
    return 0;
  }

  std::string text(const Json& value, const char* name) {
    if (value.is_string()) return value.get<std::string>();
    fail(fmt::format("{} is not text", name));
    return "";
  }
  std::string text_of(const Json& object, const char* key) { return text(field(object, key), key); }

  // The reverse of encode_bytes.
  std::string bytes(const Json& object, const char* key) {
    std::string hex_key = std::string(key) + "_hex";
    if (!object.is_object() || !object.contains(hex_key)) return text_of(object, key);
    auto value = from_hex(get_string(object, hex_key.c_str()));
    if (!value) fail(hex_key + " is not hexadecimal");
    return value.value_or("");
  }

  const Json& array(const Json& object, const char* key) {
    const Json& value = field(object, key);
    if (value.is_array()) return value;
    fail(fmt::format("{} is not a list", key));
    return empty_;
  }

 private:
  const Json& field(const Json& object, const char* key) {
    if (object.is_object()) {
      auto it = object.find(key);
      if (it != object.end()) return *it;
    }
    fail(fmt::format("{} is missing", key));
    return null_;
  }

  const std::string& what_;
  std::optional<Error> error_;
  const Json null_;
  const Json empty_ = Json::array();
};

Blob decode_blob(Decoder& in, const Json& json, int newest_attempt) {
  Blob blob;
  if (!json.is_array() || json.size() != 6) {
    in.fail("a blob is not a list of six");
    return blob;
  }
  blob.hash = in.text(json[0], "a blob's hash");
  if (in.ok() && !is_sha256_hex(blob.hash)) in.fail("a blob's hash is not a SHA-256");
  uint64_t newest = static_cast<uint64_t>(newest_attempt);
  blob.attempt = static_cast<int>(in.number(json[1], newest ? 1 : 0, newest, "a blob's attempt"));
  blob.size = in.number(json[2], 1, kMaxBlob, "a blob's size");
  blob.stored = in.number(json[3], 1, kMaxBlob, "a blob's stored size");
  std::string how = in.text(json[4], "a blob's encoding");
  blob.zstd = how == "zstd";
  if (in.ok() && how != "raw" && !blob.zstd) in.fail("a blob is neither raw nor zstd");
  if (in.ok() && (blob.zstd ? blob.stored >= blob.size : blob.stored != blob.size))
    in.fail("a blob's stored size does not fit its encoding");
  std::string sum = in.text(json[5], "a blob's sum");
  auto low = hex_number(sum.substr(0, 16)),
       high = hex_number(sum.size() == 32 ? sum.substr(16) : "");
  if (in.ok() && (!low || !high)) in.fail("a blob's sum is not 32 hexadecimal digits");
  if (low && high) blob.sum = {*low, *high};
  return blob;
}

std::vector<Piece> decode_pieces(Decoder& in, const Json& list, uint64_t file_size,
                                 const std::vector<Blob>& blobs) {
  std::vector<Piece> pieces;
  uint64_t left = file_size;
  for (const Json& json : list) {
    if (!json.is_array() || json.size() != 3) in.fail("a piece is not a list of three");
    if (!in.ok()) return pieces;
    bool hole = json[0].is_number_integer() && !json[0].is_number_unsigned();
    Piece piece;
    uint64_t most = kMaxTotal;
    if (!hole) {
      if (blobs.empty()) in.fail("a piece names a blob that is not there");
      if (!in.ok()) return pieces;
      piece.blob = static_cast<uint32_t>(in.number(json[0], 0, blobs.size() - 1, "a piece's blob"));
      most = blobs[piece.blob].size;
    } else if (json[0].get<int64_t>() != -1) {
      in.fail("a piece's blob is not -1 for a hole");
    }
    piece.offset = in.number(json[1], 0, hole ? 0 : most - 1, "a piece's offset");
    piece.size = in.number(json[2], 1, most - piece.offset, "a piece's size");
    if (in.ok() && piece.size > left) in.fail("pieces add up to more than the file's size");
    if (!in.ok()) return pieces;
    left -= piece.size;
    pieces.push_back(piece);
  }
  if (left != 0) in.fail("pieces add up to less than the file's size");
  return pieces;
}

TreeEntry decode_entry(Decoder& in, const Json& json, const std::vector<Blob>& blobs) {
  TreeEntry entry;
  entry.path = in.bytes(json, "path");
  if (in.ok() && !valid_tree_path(entry.path))
    in.fail(fmt::format("the path '{}' is not allowed", printable(entry.path.substr(0, 200))));
  std::string kind = in.text_of(json, "kind"), mode = in.text_of(json, "mode");
  auto [end, error] = std::from_chars(mode.data(), mode.data() + mode.size(), entry.mode, 8);
  if (error != std::errc() || end != mode.data() + mode.size() || mode.size() != 4 ||
      entry.mode > 0777)
    in.fail("a mode is not four octal digits up to 0777");
  entry.mtime_ns = in.signed_number(json, "mtime_ns");
  if (kind == "file") {
    entry.size = in.number(json, "size", 0, kMaxTotal);
    entry.pieces = decode_pieces(in, in.array(json, "pieces"), entry.size, blobs);
  } else if (kind == "directory") {
    entry.kind = TreeEntry::Kind::directory;
  } else if (kind == "symlink") {
    entry.kind = TreeEntry::Kind::symlink;
    entry.target = in.bytes(json, "target");
    if (entry.target.empty() || entry.target.size() > kMaxPath ||
        entry.target.find('\0') != std::string::npos)
      in.fail("a symlink's target is not allowed");
  } else {
    in.fail("an entry is neither file, directory nor symlink");
  }
  return entry;
}

Tree decode_tree(Decoder& in, const Json& json, const std::vector<Blob>& blobs, uint64_t& total) {
  Tree tree;
  tree.root = in.text_of(json, "root");
  if (tree.root != "checkpoint" && tree.root != "results" && tree.root != "metrics" &&
      tree.root != "code")
    in.fail("a root is none of checkpoint, results, metrics and code");
  std::unordered_set<std::string> directories;
  for (const Json& item : in.array(json, "entries")) {
    TreeEntry entry = decode_entry(in, item, blobs);
    if (!in.ok()) return tree;
    if (!tree.entries.empty() && tree.entries.back().path >= entry.path)
      in.fail(fmt::format("'{}' is out of order or there twice", printable(entry.path)));
    size_t slash = entry.path.rfind('/');
    if (slash != std::string::npos && !directories.contains(entry.path.substr(0, slash)))
      in.fail(fmt::format("'{}' stands in what is no directory", printable(entry.path)));
    if (entry.size > kMaxTotal - total) in.fail("the sizes add up to more than any disk holds");
    total += in.ok() ? entry.size : 0;
    if (entry.kind == TreeEntry::Kind::directory) directories.insert(entry.path);
    tree.entries.push_back(std::move(entry));
  }
  return tree;
}

bool valid_job_name(const std::string& job) {
  return job.size() <= 64 &&
         job.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

}  // namespace

uint64_t manifest_bytes(const Manifest& manifest) {
  uint64_t total = 0;
  for (const Tree& tree : manifest.trees)
    for (const TreeEntry& entry : tree.entries) total += entry.size;
  return total;
}

bool valid_tree_path(std::string_view path) {
  if (path.empty() || path.size() > kMaxPath || path.find('\0') != std::string_view::npos)
    return false;
  int depth = 0;
  for (const std::string& part : split(path, '/'))
    if (part.empty() || part == "." || part == ".." || part.size() > 255 || ++depth > kMaxDepth)
      return false;
  return true;
}

std::string commit_name(uint64_t seq, int attempt) { return fmt::format("{:08}-{}", seq, attempt); }

std::string encode_manifest(const Manifest& manifest) {
  std::string out = fmt::format(
      "{{\"format\":{},\"job\":{},\"seq\":{},\"attempt\":{},\"at_ms\":{},\"metrics_bytes\":{},"
      "\"seed\":\"{:016x}\",\n"
      "\"blobs\":[",
      kFormatVersion, dump_json(Json(manifest.job)), manifest.seq, manifest.attempt, manifest.at_ms,
      manifest.metrics_bytes, manifest.seed);
  const char* comma = "\n";
  for (const Blob& blob : manifest.blobs) {
    out +=
        fmt::format("{}[\"{}\",{},{},{},\"{}\",\"{:016x}{:016x}\"]", comma, blob.hash, blob.attempt,
                    blob.size, blob.stored, blob.zstd ? "zstd" : "raw", blob.sum[0], blob.sum[1]);
    comma = ",\n";
  }
  out += "],\n\"trees\":[";
  for (size_t i = 0; i < manifest.trees.size(); ++i) {
    const Tree& tree = manifest.trees[i];
    out += fmt::format("{}\n{{\"root\":{},\"entries\":[", i ? "," : "", dump_json(Json(tree.root)));
    for (size_t k = 0; k < tree.entries.size(); ++k) {
      out += k ? ",\n" : "\n";
      encode_entry(out, tree.entries[k]);
    }
    out += "]}";
  }
  return out + "]}\n";
}

Result<Manifest> decode_manifest(std::string_view text, const std::string& what) {
  if (text.size() > kMaxManifest)
    return Error{Code::corrupt, what + " is too long to be a manifest", ""};
  BATON_ASSIGN(Json json, parse_json(text, what));
  Decoder in(what);
  uint64_t format = in.number(json, "format", 1, std::numeric_limits<uint32_t>::max());
  if (format > static_cast<uint64_t>(kFormatVersion))
    return Error{Code::too_new,
                 fmt::format("{} has format {}, and this baton reads up to {}", what, format,
                             kFormatVersion),
                 "install a newer baton"};
  Manifest manifest;
  manifest.job = in.text_of(json, "job");
  if (!valid_job_name(manifest.job)) in.fail("the job's name is not allowed");
  uint64_t most = manifest.job.empty() ? 0 : std::numeric_limits<int32_t>::max();
  manifest.seq = in.number(json, "seq", most ? 1 : 0, most);
  manifest.attempt = static_cast<int>(in.number(json, "attempt", most ? 1 : 0, most));
  manifest.at_ms = in.signed_number(json, "at_ms");
  manifest.metrics_bytes = in.number(json, "metrics_bytes", 0, kMaxTotal);
  auto seed = hex_number(in.text_of(json, "seed"));
  if (!seed) in.fail("seed is not 16 hexadecimal digits");
  manifest.seed = seed.value_or(0);
  std::unordered_set<std::string> hashes;
  for (const Json& item : in.array(json, "blobs")) {
    manifest.blobs.push_back(decode_blob(in, item, manifest.attempt));
    if (in.ok() && !hashes.insert(manifest.blobs.back().hash).second)
      in.fail("a blob is there twice");
    if (!in.ok()) return in.error();
  }
  uint64_t total = 0;
  for (const Json& item : in.array(json, "trees")) {
    manifest.trees.push_back(decode_tree(in, item, manifest.blobs, total));
    for (size_t i = 0; i + 1 < manifest.trees.size(); ++i)
      if (manifest.trees[i].root == manifest.trees.back().root) in.fail("a root is there twice");
    if (!in.ok()) return in.error();
  }
  if (!in.ok()) return in.error();
  return manifest;
}

}  // namespace baton
