#include "ledger/start.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/json.h"
#include "ledger/blob_codec.h"
#include "ledger/commits.h"

namespace baton {
namespace {

constexpr uint64_t kMaxRecord = 64 << 10;
constexpr uint64_t kMaxStartManifest = 1ull << 30;

std::string start_key(const std::string& child) { return "jobs/" + child + "/start/start.json"; }
// Below it the names are those of a job: "jobs/<child>/start/blobs/…".
std::string start_job(const std::string& child) { return child + "/start"; }

Status create_once(ObjectStore& store, const std::string& key, std::string_view bytes) {
  Status created = store.create(key, bytes);
  return created.is(Code::exists) ? Status() : created;  // of an earlier copy, cut off or not
}

}  // namespace

Status copy_start(ObjectStore& store, const std::string& parent,
                  const std::optional<Event>& committed, const std::string& child) {
  auto there = store.head(start_key(child));
  if (there.ok()) return {};
  if (!there.is(Code::not_found)) return there.error();
  Json record{{"parent", parent}};
  if (committed) {
    BATON_ASSIGN(Manifest manifest, read_manifest(store, parent, *committed));
    for (const Blob& blob : manifest.blobs) {
      BATON_ASSIGN(std::string bytes,
                   store.get(blob_key(parent, blob.attempt, blob.hash), blob.stored));
      BATON_TRY(create_once(store, blob_key(start_job(child), blob.attempt, blob.hash), bytes));
    }
    BATON_ASSIGN(std::string text,
                 store.get(manifest_key(parent, committed->commit), kMaxStartManifest));
    BATON_TRY(create_once(store, manifest_key(start_job(child), committed->commit), text));
    record["commit"] = committed->commit;
    record["commit_hash"] = committed->commit_hash;
  }
  BATON_TRY(store.flush());
  return create_once(store, start_key(child), dump_json(record) + "\n");
}

Result<std::optional<Manifest>> read_start(ObjectStore& store, const std::string& child) {
  const std::string what = "what job " + child + " begins with";
  BATON_ASSIGN(std::string text, store.get(start_key(child), kMaxRecord));
  BATON_ASSIGN(Json record, parse_json(text, what));
  std::string commit = get_string(record, "commit");
  if (commit.empty()) return std::optional<Manifest>();
  auto bytes = store.get(manifest_key(start_job(child), commit), kMaxStartManifest);
  if (!bytes.ok()) return bytes.error().within(what);
  if (sha256_hex(*bytes) != get_string(record, "commit_hash"))
    return Error{Code::corrupt, what + " is damaged: its manifest is not the one that was copied",
                 ""};
  BATON_ASSIGN(Manifest manifest, decode_manifest(*bytes, what));
  manifest.job = start_job(child);
  return std::optional(std::move(manifest));
}

}  // namespace baton
