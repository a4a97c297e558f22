// A bucket mounted as a read-only directory, by rclone and FUSE.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/environment.h"
#include "os/clock.h"

namespace baton {

// Code::unsupported with what to install where this machine cannot mount `url`: no rclone, no FUSE,
// or a kind of bucket that cannot be mounted. Nothing is asked of the service.
Status can_mount(const std::string& url, const EnvironmentReader& environment);

// Unmounts when it is destroyed; should this process die, rclone is told and unmounts by itself.
class BucketMount {
 public:
  virtual ~BucketMount() = default;
};

// Mounts the bucket's prefix on `directory`, which is made. rclone finds endpoint, region and
// credentials in its environment (this process's, and what rclone_remote.h adds): nothing of it is
// on its command line. Returns once the directory can be read; rclone's own words where it cannot.
Result<std::unique_ptr<BucketMount>> mount_bucket(const std::string& url,
                                                  const std::string& directory,
                                                  const EnvironmentReader& environment,
                                                  Clock& clock);

// Unmounts whatever is mounted on, or below, `directory`, with processes of it or without.
Status unmount_below(const std::string& directory);

}  // namespace baton
