#include <fmt/format.h>

#include "ledger/keys.h"
#include "ledger/ledger.h"

namespace baton {
namespace {

constexpr const char* kKey = "baton.json";
constexpr uint64_t kMaxBytes = 64 << 10;

Status check(const std::string& bytes, const std::string& what) {
  BATON_ASSIGN(Json json, parse_json(bytes, what));
  int64_t format = get_int(json, "format");
  if (format < 1) return Error{Code::corrupt, what + " does not tell a store's format", ""};
  if (format > kFormatVersion)
    return Error{
        Code::too_new,
        fmt::format("{} says that the store has format {}, and this baton knows formats up to {}",
                    what, format, kFormatVersion),
        "use a newer baton"};
  return {};
}

// What it holds, by the name of one entry, other than where a bucket was tried; "" for nothing.
Result<std::string> held(ObjectStore& store) {
  BATON_ASSIGN(ListPage page, store.list("", {.limit = 2, .directories = true}));
  for (const ObjectInfo& entry : page.objects)
    if (entry.key != kProbePrefix) return entry.key;
  return std::string();
}

// `entry`: what it holds.
Status create_store(ObjectStore& store, const std::string& entry) {
  if (!entry.empty())
    return Error{Code::invalid,
                 fmt::format("{} is no store of baton's: it has no {}, but holds {}", store.name(),
                             kKey, entry),
                 "choose an empty or a new place for the store"};
  Json json = {{"format", kFormatVersion}, {"about", "a store of baton, see docs/store-format.md"}};
  Status created = store.create(kKey, pretty_json(json));
  return created.is(Code::exists) ? check_store_format(store, false) : created;
}

}  // namespace

Status check_store_format(ObjectStore& store, bool create) {
  auto bytes = store.get(kKey, kMaxBytes);
  std::string entry;
  if (bytes.is(Code::not_found)) {
    BATON_ASSIGN(entry, held(store));
    // Whoever begins the store at this very moment writes this file before anything else.
    if (!entry.empty()) bytes = store.get(kKey, kMaxBytes);
  }
  if (bytes.ok()) return check(*bytes, store.name() + "/" + kKey);
  if (!bytes.is(Code::not_found)) return bytes.error();
  if (create) return create_store(store, entry);
  if (!entry.empty())
    return Error{Code::corrupt,
                 fmt::format("{} has no {}, but holds {}", store.name(), kKey, entry),
                 "`baton store check` tells what to do if it was a store of baton's"};
  return Error{Code::not_found, "there is no job yet: nothing is stored at " + store.name(),
               "`baton run` runs one; --store or BATON_STORE names another store"};
}

}  // namespace baton
