// Images: a spec's `image` → layers on disk → a root filesystem.
//
// An image is made once and cached by content under $BATON_HOME/images; what was resolved (package
// versions) is recorded in the job, and the same record gives the same image again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/result.h"
#include "model/spec.h"

namespace baton {

struct Image {
  std::string id;                    // sha256 of `record`'s canonical form
  Json record;                       // form, suite, architecture, resolved packages {name: version}
  std::vector<std::string> layers;   // absolute paths, lowest first
  bool host = false;
};

struct ImageInfo {
  std::string id;
  Json record;
  uint64_t size = 0;                 // bytes on disk
  int64_t created_ms = 0, used_ms = 0;  // wall clock
};

class Images {
 public:
  virtual ~Images() = default;
  // Makes the image, or finds it in the cache. Progress is reported on the way; two processes building
  // the same image at once wait for each other. Errors name the package that does not exist (with did-you-mean).
  virtual Result<Image> ensure(const ImageSpec& spec, Progress& progress) = 0;
  // The image of a job's record: from the cache, or built again from exactly the recorded versions.
  virtual Result<Image> from_record(const Json& record, Progress& progress) = 0;
  virtual Result<std::vector<ImageInfo>> list() = 0;
  // Removes one by id or unique prefix; refused (Code::invalid) while a container of it runs.
  virtual Status remove(const std::string& id) = 0;
};

// `home` is $BATON_HOME. Debian's mirror is taken from the machine's own apt sources.
std::unique_ptr<Images> make_images(const std::string& home);

}  // namespace baton
