#include "store/access.h"

#include "base/crc32c.h"
#include "base/ids.h"
#include "store/transfer.h"

namespace baton {
namespace {

template <class T>
Status status_of(const Result<T>& result) {
  return result.ok() ? Status() : Status(result.error());
}

// Nobody else knows the name: what is there is the write itself, whose first reply was lost.
Status written_once(const Status& first) { return first.is(Code::exists) ? Status() : first; }

// The second write of one name must be refused.
Status refused_twice(const Status& second) {
  if (second.is(Code::exists)) return {};
  if (!second.ok()) return second;
  return Error{Code::unsupported, "an object was overwritten although it was to be created only",
               "this service does not honour conditional writes, and cannot hold a store"};
}

}  // namespace

std::vector<Access> try_access(Bucket& bucket, Clock& clock) {
  TransferOptions options;
  options.tries = 3;  // somebody waits for the answer
  BucketRetry retry(bucket, clock, options);
  std::vector<Access> done;
  auto note = [&done](const char* what, Status status) {
    done.push_back({what, std::move(status)});
    return done.back().status.ok();
  };
  const std::string key = "probe/" + new_nonce();
  auto write = [&](std::string_view bytes) {
    return status_of(
        retry([&] { return bucket.put(key, bytes, crc32c(bytes), Write::if_absent); }));
  };
  Status listed = status_of(retry([&] { return bucket.list("", "", "", true, 1); }));
  if (!note("list objects", listed) && !listed.is(Code::denied)) return done;
  if (!note("write objects", written_once(write("1")))) return done;
  note("have a second write of one name refused", refused_twice(write("2")));
  auto ignore = [](std::string_view) { return Status(); };
  note("read objects", status_of(retry([&] { return bucket.get(key, std::nullopt, "", ignore); })));
  note("remove objects", retry([&] { return bucket.remove(key); }));
  auto upload = retry([&] { return bucket.begin_upload(key, std::nullopt); });
  if (note("begin an upload in parts", status_of(upload)))
    note("give up an upload in parts", retry([&] { return bucket.abort_upload(key, *upload); }));
  return done;
}

}  // namespace baton
