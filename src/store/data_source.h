// Data at a URL: which files there are, which version of each, and where to get them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/clock.h"
#include "store/bucket.h"
#include "store/content_sum.h"
#include "store/open_store.h"

namespace baton {

struct DataFile {
  std::string name;  // relative; for the bucket, a key
  uint64_t size = 0;
  std::string version;   // as BucketObject's; "" where nothing tells (some web servers)
  std::string sum = {};  // as BucketObject's

  // What tells this content from another one of that name: its sum, or else its version.
  const std::string& content() const { return names_content(sum) ? sum : version; }
};

struct DataSource {
  std::shared_ptr<Bucket> bucket;
  std::string identity;         // of the place that the URL names
  std::vector<DataFile> files;  // ascending by name
  bool single = false;          // the URL names one file, not a directory of files
  uint64_t bytes() const;
};

using OpenBucket = std::function<Result<std::unique_ptr<Bucket>>(const std::string& url)>;

// Opens what data may come from: a bucket, or a file on the web. Nothing is asked of the service.
Result<std::unique_ptr<Bucket>> open_data(const std::string& url, const OpenStoreOptions& options);

// Lists what there is at `url`: everything below a prefix, or the one object of that very name.
// Objects whose name ends in '/', or that are empty while others lie "in" them, stand for
// directories and are left out. `found` is told now and then how many there are; its error ends
// the listing. Code::not_found when there is nothing; Code::invalid for names that no file can
// have.
Result<DataSource> list_data(const std::string& url, const OpenBucket& open, Clock& clock,
                             const std::function<Status(uint64_t files)>& found);

// One line "SIZE CONTENT NAME" a file, in order.
std::string data_line(const DataFile& file);
// The SHA-256 of these lines.
std::string data_digest(const std::vector<DataFile>& files);

}  // namespace baton
