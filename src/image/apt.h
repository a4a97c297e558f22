// A private apt: resolves and downloads packages of a Debian suite without touching the machine's
// own apt.
//
// Runs apt-get and apt-cache with a configuration of its own (apt.conf(5)), in which only the
// machine's proxy and fetching options are taken over. Not thread-safe; between processes, hold the
// lock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "image/apt_sources.h"
#include "os/fd.h"

namespace baton {

using PackageVersions = std::map<std::string, std::string>;  // name → version

// One version of one package, as the signed lists describe it.
struct Package {
  std::string name, version;
  std::string file;    // name of its .debs in the cache: "NAME_VERSION_ARCH.deb", with ':' as "%3a"
  std::string sha256;  // 64 hex digits
  uint64_t size = 0;   // bytes of the .deb
  uint64_t installed = 0;  // bytes, estimated by Debian
  std::string stanza;  // its entry in the lists, without "Filename", checksums other than SHA-256
                       // and final newline
};

// Parses the output of `apt-cache show` or a Packages file; entries without a name, version, size
// or SHA-256 are left out.
std::vector<Package> parse_packages(const std::string& text);
// A name, version or architecture goes into file names and command lines, so it may hold nothing
// else than what Debian allows.
bool is_plain_word(const std::string& text);
// "trixie", "sid".
bool is_suite_name(const std::string& text);
// "NAME_VERSION_ARCH.deb" as apt names it, ':' as "%3a".
std::string deb_file_name(const std::string& name, const std::string& version,
                          const std::string& architecture);
// Parses "Inst NAME (VERSION …)" lines of `apt-get --simulate install`.
PackageVersions parse_simulation(const std::string& text);

class Apt {
 public:
  // `dir`: lists and configuration, kept between runs; `debs`: downloaded packages; `log`: file
  // that everything apt says is appended to.
  Apt(std::string dir, std::string debs, std::string suite, std::string architecture,
      std::string log);

  // Waits until no other process works with these lists and downloads.
  Result<Fd> lock(Progress& progress);
  // Writes the configuration.
  Status configure(const std::vector<AptSource>& sources);
  // Fetches the lists. When the network fails but earlier lists are there, says so to `progress`
  // and succeeds.
  Status update(Progress& progress);
  // Everything that has to be installed into nothing for `requested` ("name" or "name=version") to
  // work. Code::invalid naming what does not exist or does not go together.
  Result<PackageVersions> resolve(const std::vector<std::string>& requested);
  // The entries of exactly these versions, from the lists or else from downloaded files.
  // Code::not_found naming a version that is to be had nowhere, and the versions that are.
  Result<std::vector<Package>> describe(const PackageVersions& packages);
  // Whether no network is needed to install these.
  bool has_downloaded(const std::vector<Package>& packages) const;
  // Fetches what is not in the cache of downloads yet; each file's SHA-256 is checked.
  Status download(const std::vector<Package>& packages, Progress& progress);

  // Names of all packages in the lists.
  Result<std::vector<std::string>> names();
  // Versions of a package in the lists, newest first.
  Result<std::vector<std::string>> versions(const std::string& name);
  // Packages that provide a virtual package.
  Result<std::vector<std::string>> providers(const std::string& name);

  const std::string& suite() const { return suite_; }
  std::string deb_path(const Package& package) const { return debs_ + "/" + package.file; }

 private:
  struct Said {
    bool ok = false;
    std::string out, err;
  };
  Result<Said> run(std::vector<std::string> argv);
  Result<Said> run_shown(std::vector<std::string> argv,
                         const std::function<void(const std::string&)>& line);
  std::optional<Package> downloaded(const std::string& name, const std::string& version);
  void add_to_log(const std::string& text);
  bool have_lists() const;

  std::string dir_, debs_, suite_, architecture_, log_;
};

// PATH, proxies and little else, in the C.UTF-8 locale: what apt and mmdebstrap are run with.
std::vector<std::string> tool_environment();

// Debian's name of this machine's architecture ("amd64"), from uname(2).
std::string debian_architecture();

}  // namespace baton
