// The `debian` form: Debian packages → root filesystem, with apt and mmdebstrap.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/result.h"
#include "image/apt.h"

namespace baton {

// {"form", "recipe", "suite", "architecture", "requested", "packages"}
Json debian_record(const std::string& suite, const std::string& architecture,
                   const std::vector<std::string>& requested, const PackageVersions& packages);

// What a record (from a job, so from outside) asks for, checked. Code::invalid, Code::too_new for a
// later recipe, Code::unsupported for another architecture.
struct DebianRecord {
  std::string suite;
  std::vector<std::string> requested;
  PackageVersions packages;
};
Result<DebianRecord> parse_debian_record(const Json& record);

// Installs exactly `packages` (all of them already downloaded by `apt`) into `dir`/root, which must
// not exist. `dir` is private to this build. Everything said goes to `log`, too.
Status build_debian_root(const Apt& apt, const std::vector<Package>& packages,
                         const std::string& dir, const std::string& log, Progress& progress);

// Reads dpkg's status file: what is installed and configured.
PackageVersions parse_dpkg_status(const std::string& text);

// Follows mmdebstrap's output, line by line, and says how far it is.
class BuildProgress {
 public:
  BuildProgress(size_t packages, Progress& progress) : packages_(packages), progress_(progress) {}
  void line(const std::string& text);

 private:
  uint64_t packages_, unpacked_ = 0, configured_ = 0;
  Progress& progress_;
};

}  // namespace baton
