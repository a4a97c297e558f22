// The data on this machine's disk that came from buckets and from the web, shared by all jobs.
//
//   <id>/data            what is mounted: a directory of files, or the one file
//   <id>.lock            flock: shared while a job uses the data, exclusive while it is made or
//                        removed; its modification time tells when it was used last
//   <id>.building/       being fetched, or cut off: tree/ and parts/ (data_fetch.h), boot, and
//                        wanted: how many bytes all of it will take
//   room.lock            flock: while room is made, up to the writing of wanted
//   files/<xx>/<hash>    hard links to files of the above, by place, name, size and version, so
//                        that a source of which little has changed is not fetched whole again
//
// A tree appears by one rename and disappears by one; whatever stands under its id is whole and
// would survive a crash of the machine. Any number of processes may use the cache at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/clock.h"
#include "os/fd.h"
#include "store/data_fetch.h"
#include "store/data_source.h"

namespace baton {

// What the cache may hold unless a setting says otherwise.
constexpr uint64_t kDataCacheBytes = 100ull << 30;

struct StagedData {
  std::string path;  // to mount
  Fd held;           // while it is open, the data is not removed
};

// Names data in the cache: the place, the listing's digest, and the file's SHA-256 where given.
std::string data_id(const std::string& identity, const std::string& digest,
                    const std::string& sha256);

class DataCache {
 public:
  // `limit`: bytes that the directory may hold.
  DataCache(const std::string& dir, uint64_t limit, Clock& clock)
      : dir_(dir), limit_(limit), clock_(clock) {}

  // The data if it is here whole. Nothing is asked of any service.
  Result<std::optional<StagedData>> find(const std::string& id);

  // Fetches the data, going on where a former try was cut off; waits while another process does the
  // same (`waiting` is called once). Makes room by removing what was used longest ago and no job
  // holds. `sha256`: of the one file; "": not known. Code::no_space, with nothing fetched, when the
  // limit or the disk is too small; when the disk fills up meanwhile, what came is kept.
  Result<StagedData> stage(const std::string& id, const DataSource& source,
                           const std::string& sha256, const FetchOptions& options,
                           const std::function<void()>& waiting);

 private:
  std::string place(const std::string& id) const;
  std::string link_path(const DataSource& source, const DataFile& file) const;
  Status build(const std::string& id, const DataSource& source, const std::string& sha256,
               const FetchOptions& options);
  Status publish(const std::string& id, const DataSource& source);
  void take_links(const DataSource& source, const std::string& tree) const;
  Status reserve(const std::string& id, const DataSource& source);
  uint64_t reserved(const std::string& except) const;
  // For `more` bytes of a source that has `all`.
  Status make_room(uint64_t all, uint64_t more, const std::string& except);
  bool remove_oldest(const std::string& except);
  void remove_orphans() const;

  const std::string dir_;
  const uint64_t limit_;
  Clock& clock_;
};

}  // namespace baton
