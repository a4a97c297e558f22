// Storing a code snapshot beside submitters and collectors (docs/store-format.md, "Code"), and
// restoring it.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <unordered_set>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/check_job.h"
#include "ledger/code_object.h"
#include "ledger/commits.h"
#include "ledger/tree_writer.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kCompareUpTo = 64ull << 20;
constexpr uint64_t kReadSize = 1 << 20;
constexpr int kReadings = 3;

// Ranges of an object come without a checksum of their own: what does not fit is read again, as it
// may have been damaged on its way.
template <class Read>
auto read_again(Read read) -> decltype(read()) {
  for (int reading = 1;; ++reading) {
    auto result = read();
    const bool damaged = result.is(Code::corrupt) || result.is(Code::too_new);
    if (!damaged || reading == kReadings) return result;
  }
}

// A whole file as memory.
class Mapping {
 public:
  static Result<Mapping> of(int fd) {
    struct stat info {};
    if (fstat(fd, &info) != 0) return errno_error(errno, "read the packed code");
    auto size = static_cast<size_t>(info.st_size);
    void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) return errno_error(errno, "read the packed code");
    return Mapping(static_cast<const char*>(memory), size);
  }
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (data_) munmap(const_cast<char*>(data_), size_);
  }
  std::string_view view() const { return {data_, size_}; }

 private:
  Mapping(const char* data, size_t size) : data_(data), size_(size) {}
  const char* data_;
  size_t size_;
};

// Objects of the hash that a collector may be about to delete.
Result<std::unordered_set<std::string>> condemned_objects(ObjectStore& store,
                                                          const std::string& hash) {
  std::unordered_set<std::string> objects;
  std::string prefix = fmt::format("code/condemned/{}/", hash);
  BATON_TRY(for_each_object(store, prefix, {}, [&](const ObjectInfo& marker) {
    std::string name = marker.key.substr(prefix.size());
    objects.insert(name.substr(0, name.find('~')));
    return true;
  }));
  return objects;
}

// True when the object holds these bytes. Large ones are compared by size alone; a damaged one is
// store check's to find.
bool same_object(ObjectStore& store, const ObjectInfo& object, std::string_view bytes) {
  if (object.size != bytes.size()) return false;
  if (bytes.size() > kCompareUpTo) return true;
  auto there = store.get(object.key, kCompareUpTo);
  return there.ok() && *there == bytes;
}

// Reads a stored code object in order.
class Unpacker {
 public:
  Unpacker(ObjectStore& store, const std::string& key, std::string what, uint64_t offset)
      : store_(store),
        key_(key),
        what_(std::move(what)),
        offset_(offset),
        context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {}

  // The next `size` plain bytes.
  Result<std::string_view> next(uint64_t size) {
    plain_.resize(size);
    ZSTD_outBuffer out{plain_.data(), plain_.size(), 0};
    while (out.pos < out.size) {
      if (in_.pos == in_.size) BATON_TRY(refill());
      if (ZSTD_isError(ZSTD_decompressStream(context_.get(), &out, &in_)))
        return damaged("it does not decompress");
    }
    return std::string_view(plain_);
  }

 private:
  Error damaged(const std::string& why) const {
    return {Code::corrupt, fmt::format("{} is damaged: {}", what_, why),
            "submit the job again, so that the code is stored anew"};
  }
  Status refill() {
    BATON_ASSIGN(stored_, store_.get_range(key_, offset_, kReadSize));
    if (stored_.empty()) return damaged("it ends too early");
    offset_ += stored_.size();
    in_ = {stored_.data(), stored_.size(), 0};
    return {};
  }

  ObjectStore& store_;
  const std::string& key_;
  const std::string what_;
  uint64_t offset_;
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context_;
  std::string stored_, plain_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
};

struct CodePlace {
  const TreeEntry* entry = nullptr;
  uint64_t offset = 0;
  const Piece* piece = nullptr;
};

std::vector<std::vector<CodePlace>> places_by_blob(const Manifest& manifest) {
  std::vector<std::vector<CodePlace>> places(manifest.blobs.size());
  for (const TreeEntry& entry : manifest.trees[0].entries) {
    uint64_t offset = 0;
    for (const Piece& piece : entry.pieces) {
      if (piece.blob != Piece::kHole) places[piece.blob].push_back({&entry, offset, &piece});
      offset += piece.size;
    }
  }
  return places;
}

// An object's manifest, and how to read on behind it.
struct OpenedCode {
  Manifest manifest;
  std::string what;
  uint64_t contents = 0;  // offset
};

Result<OpenedCode> read_beginning(ObjectStore& store, const std::string& object,
                                  const std::string& tree_hash) {
  OpenedCode code;
  code.what = "the code snapshot " + object;
  BATON_ASSIGN(std::string beginning, store.get_range(object, 0, kCodeHeaderLimit));
  BATON_ASSIGN(CodeHeader header, parse_code_header(beginning, code.what));
  BATON_ASSIGN(std::string text,
               store.get_range(object, header.header_bytes, header.manifest_bytes));
  BATON_ASSIGN(code.manifest, decode_code_manifest(text, tree_hash, code.what));
  code.contents = header.header_bytes + header.manifest_bytes;
  return code;
}

Result<OpenedCode> open_code(ObjectStore& store, const std::string& object,
                             const std::string& tree_hash) {
  auto code = read_again([&] { return read_beginning(store, object, tree_hash); });
  if (!code.is(Code::not_found)) return code;
  return Error{Code::corrupt, "the code snapshot " + object + " is missing",
               "submit the job again, so that the code is stored anew"};
}

// Hands out every blob's bytes, in order and verified, each once.
Status each_blob(ObjectStore& store, const std::string& object, const OpenedCode& code,
                 const std::function<Status(size_t index, std::string_view plain)>& use) {
  size_t used = 0;
  return read_again([&]() -> Status {
    Unpacker from(store, object, code.what, code.contents);
    for (size_t i = 0; i < code.manifest.blobs.size(); ++i) {
      BATON_ASSIGN(std::string_view plain, from.next(code.manifest.blobs[i].size));
      if (sha256_hex(plain) != code.manifest.blobs[i].hash)
        return Error{Code::corrupt, code.what + " is damaged: its bytes are not what was stored",
                     "submit the job again, so that the code is stored anew"};
      if (i < used) continue;
      BATON_TRY(use(i, plain));
      used = i + 1;
    }
    return {};
  });
}

Status unpack(ObjectStore& store, const std::string& object, const OpenedCode& code,
              TreeWriter& writer) {
  const auto& entries = code.manifest.trees[0].entries;
  BATON_TRY(writer.create(entries));
  auto places = places_by_blob(code.manifest);
  OpenTarget open;
  Status written =
      each_blob(store, object, code, [&](size_t index, std::string_view plain) -> Status {
        for (const CodePlace& place : places[index]) {
          std::string_view bytes = plain.substr(place.piece->offset, place.piece->size);
          BATON_TRY(writer.write(open, *place.entry, place.offset, bytes));
        }
        return {};
      });
  BATON_TRY(written);
  return writer.finish(entries);
}

}  // namespace

Result<std::string> store_code(ObjectStore& store, const CodeSnapshot& snapshot) {
  if (snapshot.tree_hash.empty()) return std::string();
  const std::string& hash = snapshot.tree_hash;
  BATON_ASSIGN(Mapping packed, Mapping::of(snapshot.packed->get()));
  // First the markers, then the objects: the other way round a collector could pass between.
  BATON_ASSIGN(auto condemned, condemned_objects(store, hash));
  std::string found;
  bool taken = false;  // the plain name stands, good or not
  ListOptions from;
  from.after = code_key(hash).substr(0, code_key(hash).size() - 1);
  BATON_TRY(for_each_object(
      store, "code/" + hash.substr(0, 2) + "/", from, [&](const ObjectInfo& object) {
        std::string name = base_name(object.key);
        if (code_hash(name) != hash) return starts_with(name, from.after.substr(8));
        taken = taken || name == hash;
        if (!condemned.contains(name) && same_object(store, object, packed.view()))
          found = object.key;
        return found.empty();
      }));
  if (!found.empty()) return found;
  std::string key = code_key(taken || condemned.contains(hash) ? hash + "." + new_nonce() : hash);
  Status created = store.create(key, packed.view());
  // Another submitter of the same code was faster, or the reply to an earlier try was lost.
  if (!created.ok() && !created.is(Code::exists)) return created.error();
  return key;
}

Status restore_code(ObjectStore& store, const std::string& object, const std::string& tree_hash,
                    const std::string& directory) {
  BATON_ASSIGN(OpenedCode code, open_code(store, object, tree_hash));
  BATON_ASSIGN(TreeWriter writer, TreeWriter::open(directory));
  Status status = unpack(store, object, code, writer);
  if (!status.ok()) {
    Status undone = writer.undo();
    if (!undone.ok()) return status.error().within(undone.error().message);
  }
  return status;
}

Status check_code_object(ObjectStore& store, const std::string& key, const CheckOptions& options) {
  BATON_ASSIGN(OpenedCode code, open_code(store, key, code_hash(base_name(key))));
  options.read(code.contents);
  if (!options.deep) return {};
  return each_blob(store, key, code, [&](size_t, std::string_view plain) -> Status {
    options.read(plain.size());
    return {};
  });
}

}  // namespace baton
