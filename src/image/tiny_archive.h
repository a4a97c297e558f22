// A Debian archive of tiny packages and a machine to use it on, for tests: real apt, and a stand-in
// for mmdebstrap (and unshare) that needs no privileges.
#pragma once

#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "image/apt.h"
#include "image/images_options.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {

// Remembers everything that was reported.
class RecordedProgress : public Progress {
 public:
  void update(const std::string& what, uint64_t done, uint64_t total,
              const std::string& unit) override {
    std::lock_guard guard(mutex_);
    text_ += what + " " + std::to_string(done) + "/" + std::to_string(total) + " " + unit + "\n";
  }
  void detail(const std::string& line) override {
    std::lock_guard guard(mutex_);
    text_ += line + "\n";
  }
  void finish(const std::string& summary) override { detail(summary); }
  std::string text() {
    std::lock_guard guard(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

class TinyArchive {
 public:
  // Puts a bin directory first in PATH until destroyed. `dir` is an existing private directory.
  explicit TinyArchive(std::string dir)
      : dir_(std::move(dir)), path_(std::getenv("PATH") ? std::getenv("PATH") : "") {
    must(make_dirs(bin()));
    must(make_dirs(dir_ + "/etc/sources.list.d"));
    must(replace_file(dir_ + "/etc/sources.list",
                      "deb [trusted=yes] file:" + mirror() + " tiny main\n", false));
    must(replace_file(dir_ + "/os-release", "ID=debian\nVERSION_ID=99\nVERSION_CODENAME=tiny\n",
                      false));
    script("unshare", "while [ \"${1#--}\" != \"$1\" ]; do shift; done\nexec \"$@\"\n");
    mmdebstrap(kInstall);
    setenv("PATH", (bin() + ":" + path_).c_str(), 1);
  }
  ~TinyArchive() { setenv("PATH", path_.c_str(), 1); }
  TinyArchive(const TinyArchive&) = delete;
  TinyArchive& operator=(const TinyArchive&) = delete;

  // What the stand-in does when all goes well: unpacks every package and says so as dpkg does.
  static constexpr char kInstall[] = R"(
echo "I: extracting archives..."
mkdir -p "$root/var/lib/dpkg"
for deb in "$repository"/*.deb; do
  dpkg-deb -x "$deb" "$root"
  echo "Unpacking $(dpkg-deb -f "$deb" Package) (1) ..."
  echo "Setting up $(dpkg-deb -f "$deb" Package) (1) ..."
done
sed 's/^Package: .*/&\nStatus: install ok installed/' "$repository/Packages" >"$root/var/lib/dpkg/status"
)";

  // `body`: shell commands that find the directory to fill in $root and the packages in
  // $repository.
  void mmdebstrap(const std::string& body) {
    script("mmdebstrap", "echo run >>" + dir_ + R"(/runs
for word; do root=$last; last=$word; done
repository=${last#*copy://}; repository=${repository% ./}
)" + body);
  }
  void script(const std::string& name, const std::string& body) {
    must(replace_file(bin() + "/" + name, "#!/bin/sh\n" + body, false, 0755));
    chmod((bin() + "/" + name).c_str(), 0755);
  }

  // Adds a package with one file, /usr/share/NAME, that holds its version.
  void add(const std::string& name, const std::string& version, const std::string& fields = "") {
    std::string tree = dir_ + "/tree";
    must(remove_tree(tree));
    must(make_dirs(tree + "/DEBIAN", 0755));
    must(make_dirs(tree + "/usr/share", 0755));
    must(replace_file(tree + "/usr/share/" + name, version, false));
    must(replace_file(tree + "/DEBIAN/control",
                      "Package: " + name + "\nVersion: " + version +
                          "\nArchitecture: all\nMaintainer: a <a@example.org>\n" + fields +
                          "Description: tiny\n",
                      false));
    std::string deb = "pool/" + deb_file_name(name, version, "all");
    must(make_dirs(mirror() + "/pool"));
    run({"dpkg-deb", "--build", "--root-owner-group", tree, mirror() + "/" + deb});
    std::string bytes = must(read_file(mirror() + "/" + deb));
    entries_.push_back("Package: " + name + "\nVersion: " + version + "\nArchitecture: all\n" +
                       fields + "Description: tiny\nFilename: " + deb + "\nSize: " +
                       std::to_string(bytes.size()) + "\nSHA256: " + sha256_hex(bytes) + "\n\n");
  }
  // The mirror drops everything, as Debian's do when newer versions come.
  void drop_all() {
    entries_.clear();
    must(remove_tree(mirror() + "/pool"));
  }
  // Writes the lists.
  void publish() {
    std::string list, folder = "main/binary-" + debian_architecture();
    for (const auto& entry : entries_) list += entry;
    must(make_dirs(mirror() + "/dists/tiny/" + folder));
    must(replace_file(mirror() + "/dists/tiny/" + folder + "/Packages", list, false));
    must(replace_file(mirror() + "/dists/tiny/Release",
                      "Suite: tiny\nCodename: tiny\nComponents: main\nArchitectures: " +
                          debian_architecture() + "\nSHA256:\n " + sha256_hex(list) + " " +
                          std::to_string(list.size()) + " " + folder + "/Packages\n",
                      false));
  }

  ImagesOptions options() const { return {home(), dir_ + "/etc", dir_ + "/os-release", ""}; }
  std::string home() const { return dir_ + "/home"; }
  std::string mirror() const { return dir_ + "/debian"; }
  std::string bin() const { return dir_ + "/bin"; }
  // How often the stand-in for mmdebstrap was run.
  size_t runs() const {
    auto text = read_file(dir_ + "/runs");
    return text.ok() ? split(*text, '\n').size() - 1 : 0;
  }

 private:
  static void must(const Status& status) {
    if (!status.ok()) throw std::runtime_error(status.error().text());
  }
  static std::string must(Result<std::string> result) {
    if (!result.ok()) throw std::runtime_error(result.error().text());
    return std::move(result).value();
  }
  static void run(std::vector<std::string> argv) {
    SpawnOptions options;
    options.argv = std::move(argv);
    auto output = run_command(options, 60'000);
    if (!output.ok()) throw std::runtime_error(output.error().text());
    if (!output->status.success()) throw std::runtime_error(output->err);
  }

  std::string dir_, path_;
  std::vector<std::string> entries_;
};

}  // namespace baton
