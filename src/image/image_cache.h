// The images on this machine's disk: $BATON_HOME/images. docs/images.md draws the layout.
//
// An image's directory appears by one rename and disappears by one; whatever stands in it under its
// id is whole.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "image/image.h"
#include "os/fd.h"

namespace baton {

// sha256 of the record with keys sorted.
std::string record_id(const Json& record);

// A directory in which one process builds one image. Destroying it removes what was not published.
class ImageBuild {
 public:
  ImageBuild(std::string dir, Fd lock) : dir_(std::move(dir)), lock_(std::move(lock)) {}
  ImageBuild(ImageBuild&& other) noexcept
      : dir_(std::exchange(other.dir_, "")), lock_(std::move(other.lock_)) {}
  ImageBuild& operator=(ImageBuild&&) = delete;
  ImageBuild(const ImageBuild&) = delete;
  ~ImageBuild();
  const std::string& dir() const { return dir_; }
  // The root filesystem goes here; not created yet.
  std::string root() const { return dir_ + "/root"; }

 private:
  friend class ImageCache;
  std::string dir_;
  Fd lock_;
};

class ImageCache {
 public:
  explicit ImageCache(const std::string& home) : dir_(home + "/images") {}

  // The image of this id and marks it used; none when it is not there. Code::invalid when it was
  // made by root for root and this process is not root, or the other way round.
  Result<std::optional<Image>> find(const std::string& id);
  // What a request was resolved to last; none when never, or when that image is gone.
  Result<std::optional<Image>> find_request(const Json& request);
  Status remember_request(const Json& request, const std::string& id);

  // Waits for others that build the same image, sweeps away what dead builds left. `waiting` is
  // called once if there is somebody to wait for. Look for the image again afterwards: they may
  // have made it.
  Result<ImageBuild> begin(const std::string& id, const std::function<void()>& waiting);
  // Makes a build visible under its id: record, info and log written, everything synced to disk,
  // one rename.
  Result<Image> publish(ImageBuild build, const Json& record, const std::string& log);
  // A new name for the log of a build, which publish() takes into the image. Logs of the latest
  // failures are kept.
  std::string new_log(const std::string& id);

  Result<std::vector<ImageInfo>> list();
  // Code::not_found, Code::invalid when ambiguous or in use.
  Status remove(const std::string& prefix);
  Result<std::vector<std::string>> remove_unused(const std::vector<std::string>& keep);

 private:
  std::string building() const { return dir_ + "/.building"; }
  std::string request_path(const Json& request) const;
  Result<std::vector<std::string>> ids() const;
  Status remove_id(const std::string& id);
  void sweep(const std::string& except);

  std::string dir_;
};

}  // namespace baton
