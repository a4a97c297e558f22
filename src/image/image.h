// Images: a spec's `image` → layers on disk → a root filesystem.
//
// An image is made once and cached by content under $BATON_HOME/images; what was resolved (package
// versions) is recorded in the job, and the same record gives the same image again. docs/images.md
// describes records, files and errors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/result.h"
#include "model/spec.h"
#include "os/fd.h"

namespace baton {

struct Image {
  std::string id;                   // sha256 of `record`'s canonical form
  Json record;                      // form, suite, architecture, resolved packages {name: version}
  std::vector<std::string> layers;  // absolute paths, lowest first
  bool host = false;
};

struct ImageInfo {
  std::string id;
  Json record;
  uint64_t size = 0;                    // bytes on disk
  int64_t created_ms = 0, used_ms = 0;  // wall clock
};

// Keeps an image from being removed while a container of it runs: a shared flock(2), which ends
// with the object or with the process. Nothing to hold for `host`. Movable.
class ImageUse {
 public:
  // Code::not_found when the image has been removed meanwhile: ask for it again.
  static Result<ImageUse> hold(const Image& image);

 private:
  explicit ImageUse(Fd lock) : lock_(std::move(lock)) {}
  Fd lock_;
};

// Safe to use from several threads and processes at once.
class Images {
 public:
  virtual ~Images() = default;
  // Makes the image, or finds it in the cache. Progress is reported on the way; two processes
  // building the same image at once wait for each other. Errors name the package that does not
  // exist (with did-you-mean).
  virtual Result<Image> ensure(const ImageSpec& spec, Progress& progress) = 0;
  // The image of a job's record: from the cache, or built again from exactly the recorded versions.
  virtual Result<Image> from_record(const Json& record, Progress& progress) = 0;
  // Sorted by id. Damaged entries are left out.
  virtual Result<std::vector<ImageInfo>> list() = 0;
  // Removes one by id or unique prefix; refused (Code::invalid) while a container of it runs.
  virtual Status remove(const std::string& id) = 0;
  // Removes every image that is neither in `keep` (full ids) nor in use; gives the ids removed.
  virtual Result<std::vector<std::string>> remove_unused(const std::vector<std::string>& keep) = 0;
};

// The id of the image that a job's record describes.
std::string image_id(const Json& record);

// `home` is $BATON_HOME. Debian's mirror is taken from the machine's own apt sources, or from
// $BATON_DEBIAN_MIRROR ("URL" or "URL SECURITY_URL").
std::unique_ptr<Images> make_images(const std::string& home);

}  // namespace baton
