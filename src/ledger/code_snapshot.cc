// Taking a code snapshot: which files, are they allowed, and packing them.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <unordered_map>

#include "base/text.h"
#include "ledger/buffer.h"
#include "ledger/capture.h"
#include "ledger/code_object.h"
#include "ledger/commits.h"
#include "ledger/ignore_rules.h"
#include "ledger/outward_links.h"
#include "ledger/scan.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kMaxIgnoreFile = 4 << 20;
constexpr int kLevel = 3;

// A file without a name, in $TMPDIR.
Result<Fd> unnamed_file() {
  const char* tmp = std::getenv("TMPDIR");
  std::string path = join_path(tmp && *tmp ? tmp : "/tmp", "baton-code-XXXXXX");
  Fd fd(mkostemp(path.data(), O_CLOEXEC));
  if (!fd.valid()) return errno_error(errno, "create " + path);
  unlink(path.c_str());
  return fd;
}

// Compresses into a file piece by piece.
class Packer {
 public:
  static Result<Packer> open() {
    BATON_ASSIGN(Fd fd, unnamed_file());
    return Packer(std::move(fd));
  }
  Status add(std::string_view bytes) {
    return stream({bytes.data(), bytes.size(), 0}, ZSTD_e_continue);
  }
  Status finish() { return stream({nullptr, 0, 0}, ZSTD_e_end); }
  int fd() const { return fd_.get(); }

 private:
  explicit Packer(Fd fd) : fd_(std::move(fd)), context_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
  }
  Status stream(ZSTD_inBuffer in, ZSTD_EndDirective end) {
    std::string chunk(ZSTD_CStreamOutSize(), '\0');
    for (bool more = true; more;) {
      ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
      size_t left = ZSTD_compressStream2(context_.get(), &out, &in, end);
      if (ZSTD_isError(left)) return Error{Code::permanent, "cannot compress the code", ""};
      BATON_TRY(write_all(fd_.get(), {chunk.data(), out.pos}, "a temporary file for the code"));
      more = end == ZSTD_e_end ? left > 0 : in.pos < in.size;
    }
    return {};
  }
  Fd fd_;
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context_;
};

class Snapshot {
 public:
  Snapshot(const std::string& directory, const CodeOptions& options)
      : directory_(absolute_path(directory)), options_(options) {}

  Result<CodeSnapshot> run() {
    BATON_ASSIGN(root_, open_root(directory_));
    if (!root_.valid())
      return Error{Code::not_found, fmt::format("the code directory {} does not exist", directory_),
                   "correct code: in the spec"};
    BATON_TRY(scan());
    BATON_TRY(check_size());
    BATON_TRY(check_links());
    if (entries_.empty()) return CodeSnapshot{};
    return pack();
  }

 private:
  Status scan() {
    Status status;  // of reading ignore files
    IgnoreRules rules([&](const std::string& path) { return ignore_file(path, status); });
    ScanOptions options;
    options.skip = [&](const std::string& path, bool is_directory) {
      return base_name(path) == ".git" || excluded(path) || rules.ignored(path, is_directory);
    };
    auto entries = scan_tree(root_.get(), directory_, options);
    BATON_TRY(status);
    if (!entries.ok()) return entries.error();
    entries_ = std::move(*entries);
    return {};
  }

  bool excluded(const std::string& path) const {
    std::string full = join_path(directory_, path);
    return std::find(options_.exclude.begin(), options_.exclude.end(), full) !=
           options_.exclude.end();
  }

  std::string ignore_file(const std::string& path, Status& status) {
    auto fd = open_beneath(root_.get(), path, O_RDONLY, directory_);
    if (fd.is(Code::transient)) return "";  // none, or a symlink, which does not count
    std::string text(kMaxIgnoreFile, '\0');
    Result<size_t> size = fd.ok() ? read_at(fd->get(), text.data(), text.size(), 0, path)
                                  : Result<size_t>(fd.error());
    if (!size.ok()) {
      if (status.ok()) status = size.error();
      return "";
    }
    text.resize(*size);
    return text;
  }

  Status check_size() const {
    uint64_t total = 0;
    std::map<std::string, uint64_t> sizes;  // by first part of the path
    for (const Scanned& entry : entries_) {
      if (entry.kind != TreeEntry::Kind::file) continue;
      total += entry.size;
      size_t slash = entry.path.find('/');
      sizes[slash == std::string::npos ? entry.path : entry.path.substr(0, slash + 1)] +=
          entry.size;
    }
    if (total <= options_.max_bytes) return {};
    std::vector<std::pair<uint64_t, std::string>> largest;
    for (const auto& [name, size] : sizes) largest.emplace_back(size, name);
    std::sort(largest.rbegin(), largest.rend());
    std::string names;
    for (size_t i = 0; i < largest.size() && i < 3; ++i)
      names += fmt::format("{}{} ({})", i ? ", " : "", printable(largest[i].second),
                           human_size(largest[i].first));
    return Error{Code::invalid,
                 fmt::format("the code directory {} holds {}, more than the {} that a snapshot may "
                             "have; the largest are {}",
                             directory_, human_size(total), human_size(options_.max_bytes), names),
                 "list what is not code in .batonignore, and mount data with data:"};
  }

  Status check_links() const {
    std::map<std::string, std::string> links;
    for (const Scanned& entry : entries_)
      if (entry.kind == TreeEntry::Kind::symlink) links[entry.path] = entry.target;
    const auto outward = outward_links(links);
    if (outward.empty()) return {};
    const std::string& path = *outward.begin();
    return Error{Code::invalid,
                 fmt::format("the symlink {} points to {}, outside of the code directory",
                             printable(join_path(directory_, path)), printable(links.at(path))),
                 "copy what it points to, mount it with data:, or list it in .batonignore"};
  }

  Result<CodeSnapshot> pack() {
    BATON_ASSIGN(Packer packer, Packer::open());
    BATON_TRY(buffer_.reserve(kChunk));
    Manifest manifest;
    manifest.trees.push_back({"code", {}});
    CodeSnapshot snapshot;
    for (const Scanned& seen : entries_) {
      TreeEntry entry{seen.kind, seen.path, seen.mode, 0, seen.size, seen.target, {}};
      if (seen.kind == TreeEntry::Kind::file) {
        BATON_TRY(pack_file(seen, packer, manifest, entry));
        snapshot.bytes += seen.size;
        ++snapshot.files;
      }
      manifest.trees[0].entries.push_back(std::move(entry));
    }
    BATON_TRY(packer.finish());
    std::string text = encode_manifest(manifest);
    snapshot.tree_hash = sha256_hex(text);
    BATON_ASSIGN(Fd object, join(text, packer.fd()));
    snapshot.packed = std::make_shared<const Fd>(std::move(object));
    return snapshot;
  }

  Status pack_file(const Scanned& seen, Packer& packer, Manifest& manifest, TreeEntry& entry) {
    BATON_ASSIGN(Fd fd, open_scanned(root_.get(), seen, directory_));
    for (uint64_t offset = 0; offset < seen.size; offset += kChunk) {
      uint64_t size = std::min(kChunk, seen.size - offset);
      BATON_ASSIGN(size_t got, read_at(fd.get(), buffer_.data(), size, offset, seen.path));
      if (got != size) return changed_error(join_path(directory_, seen.path));
      std::string_view bytes = buffer_.view(0, size);
      auto [it, fresh] =
          numbers_.try_emplace(sha256_hex(bytes), static_cast<uint32_t>(manifest.blobs.size()));
      if (fresh) {
        manifest.blobs.push_back(
            {it->first, 0, size, size, false, fingerprint(bytes, manifest.seed)});
        BATON_TRY(packer.add(bytes));
      }
      entry.pieces.push_back({it->second, 0, size});
    }
    // It must not have been written meanwhile: a file half old, half new would run as neither.
    return open_scanned(root_.get(), seen, directory_).ok()
               ? Status()
               : changed_error(join_path(directory_, seen.path));
  }

  // Header, manifest and packed content in one file.
  static Result<Fd> join(const std::string& manifest, int packed) {
    BATON_ASSIGN(Fd fd, unnamed_file());
    const char* name = "a temporary file for the code";
    BATON_TRY(write_all(fd.get(), code_header(manifest.size()) + manifest, name));
    std::string chunk(1 << 20, '\0');
    for (uint64_t offset = 0;; offset += chunk.size()) {
      BATON_ASSIGN(size_t got, read_at(packed, chunk.data(), chunk.size(), offset, name));
      BATON_TRY(write_all(fd.get(), {chunk.data(), got}, name));
      if (got < chunk.size()) return fd;
    }
  }

  const std::string directory_;
  const CodeOptions& options_;
  Fd root_;
  std::vector<Scanned> entries_;
  std::unordered_map<std::string, uint32_t> numbers_;  // blobs by hash
  Buffer buffer_;
};

}  // namespace

Result<CodeSnapshot> snapshot_code(const std::string& directory, const CodeOptions& options) {
  return Snapshot(directory, options).run();
}

}  // namespace baton
