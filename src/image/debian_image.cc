#include "image/debian_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "image/apt_errors.h"
#include "image/image_namespace.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

// Raised when the same packages would give another root filesystem.
constexpr int kRecipe = 1;
constexpr char kForm[] = "debian";

// What a container does not need; licences stay, as they require it.
constexpr const char* kDpkgOptions[] = {
    "force-unsafe-io",  // the whole tree is synced once at the end
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/groff/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/linda/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
};

// Run by mmdebstrap with the root as $1. The three files are filled in by the engine; traces of
// this build (its source of packages, its options) are of no use in a container.
constexpr char kTidy[] =
    R"(set -e; cd "$1"; rm -f etc/apt/sources.list etc/apt/apt.conf.d/99mmdebstrap etc/resolv.conf etc/hostname )"
    R"(var/cache/apt/*.bin var/log/apt/* var/log/dpkg.log var/log/alternatives.log var/lib/dpkg/*-old var/cache/debconf/*-old; )"
    R"(: > etc/resolv.conf; : > etc/hostname; : > etc/machine-id; chmod 644 etc/resolv.conf etc/hostname etc/machine-id)";

// A path in a source line, where a space would end it.
std::string uri_path(const std::string& path) {
  std::string out;
  for (unsigned char c : path) {
    bool plain = std::isalnum(c) || std::strchr("/._~-", c);
    out += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02x}", c);
  }
  return out;
}

// A directory with exactly the packages to install: mmdebstrap cannot choose anything else.
Status write_repository(const Apt& apt, const std::vector<Package>& packages,
                        const std::string& dir) {
  BATON_TRY(make_dirs(dir, 0755));
  std::string list;
  for (const auto& package : packages) {
    std::string from = apt.deb_path(package), to = join_path(dir, package.file);
    if (::link(from.c_str(), to.c_str()) != 0 && ::symlink(from.c_str(), to.c_str()) != 0)
      return errno_error(errno, "link " + from + " to " + to);
    list += package.stanza + "Filename: ./" + package.file + "\n\n";
  }
  return replace_file(dir + "/Packages", list, false);
}

Status check_space(const std::vector<Package>& packages, const std::string& dir) {
  uint64_t needed = 64 << 20;
  for (const auto& package : packages) needed += package.installed + package.size;
  struct statvfs disk {};
  if (statvfs(dir.c_str(), &disk) != 0)
    return errno_error(errno, "look at the filesystem of " + dir);
  uint64_t available = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (available >= needed) return {};
  return Error{
      Code::no_space,
      fmt::format("the image needs about {}, and {} has {} left", human_size(needed), dir,
                  human_size(available)),
      "free some space (baton image rm), or let BATON_HOME name a directory on a larger disk"};
}

std::vector<std::string> mmdebstrap_argv(const std::vector<Package>& packages,
                                         const std::string& architecture,
                                         const std::string& repository, const std::string& root) {
  std::string include;
  for (const auto& package : packages) include += (include.empty() ? "" : ",") + package.name;
  std::vector<std::string> argv = {"mmdebstrap",          "--verbose",
                                   "--mode=root",         "--variant=essential",
                                   "--format=directory",  "--architectures=" + architecture,
                                   "--include=" + include};
  for (const char* option : kDpkgOptions) argv.push_back(std::string("--dpkgopt=") + option);
  argv.push_back("--aptopt=Acquire::Languages \"none\"");
  argv.push_back(std::string("--customize-hook=") + kTidy);
  // The lists' signatures were checked when the packages were downloaded, and their checksums stand
  // in this list.
  argv.insert(argv.end(), {"", root, "deb [trusted=yes] copy://" + uri_path(repository) + " ./"});
  return argv;
}

// Runs it, keeps everything said in `log`, and gives the end of it for an error message.
Result<bool> run_logged(const std::vector<std::string>& argv, const std::string& log,
                        const std::function<void(const std::string&)>& line, std::string& said) {
  BATON_ASSIGN(Fd file, open_file(log, O_WRONLY | O_CREAT | O_APPEND));
  SpawnOptions options;
  options.argv = argv;
  options.env = tool_environment();
  options.parent_death_signal = SIGKILL;
  Status written;
  BATON_ASSIGN(ExitStatus status, run_lines(options, [&](const std::string& text) {
                 if (written.ok()) written = write_all(file.get(), text + "\n", log);
                 said += text + "\n";
                 if (said.size() > (256 << 10)) said.erase(0, 128 << 10);
                 line(text);
               }));
  if (written.is(Code::no_space)) return written.error();
  // mmdebstrap catches the terminal's Ctrl-C, tidies up and ends with status 1.
  bool caught = said.find("received signal INT") != std::string::npos ||
                said.find("received signal TERM") != std::string::npos;
  if (status.signal == SIGINT || status.signal == SIGTERM || (caught && !status.success()))
    return Error{Code::cancelled, "making the image was interrupted",
                 "run the command again: what was downloaded is kept"};
  if (status.signal) said += fmt::format("E: mmdebstrap was killed by signal {}\n", status.signal);
  return status.success();
}

Status check_installed(const std::vector<Package>& packages, const std::string& root) {
  auto status = read_file(root + "/var/lib/dpkg/status");
  if (!status.ok())
    return Error{Code::permanent, "mmdebstrap ended without having installed anything", ""};
  PackageVersions wanted;
  for (const auto& package : packages) wanted[package.name] = package.version;
  PackageVersions installed = parse_dpkg_status(*status);
  if (installed == wanted) return {};
  for (const auto& [name, version] : wanted)
    if (!installed.count(name) || installed[name] != version)
      return Error{Code::permanent,
                   fmt::format("{} {} was not installed completely", name, version), ""};
  for (const auto& [name, version] : installed)
    if (!wanted.count(name))
      return Error{Code::permanent,
                   fmt::format("{} {} was installed without being asked for", name, version), ""};
  return {};
}

}  // namespace

Json debian_record(const std::string& suite, const std::string& architecture,
                   const std::vector<std::string>& requested, const PackageVersions& packages) {
  Json versions = Json::object();
  for (const auto& [name, version] : packages) versions[name] = version;
  return {{"form", kForm},          {"recipe", kRecipe},
          {"suite", suite},         {"architecture", architecture},
          {"requested", requested}, {"packages", versions}};
}

Result<DebianRecord> parse_debian_record(const Json& record) {
  auto bad = [](const std::string& what) {
    return Error{Code::invalid, "the job's image record " + what,
                 "the job was damaged: baton store check"};
  };
  DebianRecord out;
  if (get_string(record, "form") != kForm) return bad("is not of the form debian");
  if (get_int(record, "recipe") > kRecipe)
    return Error{Code::too_new, "the job's image was made by a newer baton",
                 "install the newest baton on this machine"};
  if (get_string(record, "architecture") != debian_architecture())
    return Error{Code::unsupported,
                 fmt::format("the job's image is for {} and this machine is {}",
                             printable(get_string(record, "architecture")), debian_architecture()),
                 "run it on a machine of the same architecture"};
  out.suite = get_string(record, "suite");
  if (!is_suite_name(out.suite)) return bad("names no suite");
  if (!record.contains("packages") || !record["packages"].is_object() || record["packages"].empty())
    return bad("has no packages");
  for (const auto& [name, version] : record["packages"].items()) {
    if (!version.is_string() || !is_plain_word(name) || !is_plain_word(version.get<std::string>()))
      return bad("has a package that is no name and version: " + printable(name));
    out.packages[name] = version.get<std::string>();
  }
  if (record.contains("requested") && record["requested"].is_array())
    for (const auto& word : record["requested"])
      if (word.is_string()) out.requested.push_back(word.get<std::string>());
  return out;
}

PackageVersions parse_dpkg_status(const std::string& text) {
  PackageVersions out;
  std::string name, version;
  bool installed = false;
  auto finish = [&] {
    if (installed && !name.empty()) out[name] = version;
    name.clear();
    version.clear();
    installed = false;
  };
  for (const auto& line : split(text, '\n')) {
    if (line.empty()) finish();
    if (starts_with(line, "Package: ")) name = line.substr(9);
    if (starts_with(line, "Version: ")) version = line.substr(9);
    if (line == "Status: install ok installed") installed = true;
  }
  finish();
  return out;
}

void BuildProgress::line(const std::string& text) {
  if (starts_with(text, "I: extracting archives"))
    progress_.update("unpacking the base system", 0, 0, "");
  if (starts_with(text, "Unpacking "))
    ++unpacked_;
  else if (starts_with(text, "Setting up "))
    ++configured_;
  else
    return;
  // Each package counts half when it is unpacked and half when it is configured.
  progress_.update("installing packages", std::min(packages_, (unpacked_ + configured_) / 2),
                   packages_, "packages");
  progress_.detail(text);
}

Status build_debian_root(const Apt& apt, const std::vector<Package>& packages,
                         const std::string& dir, const std::string& log, Progress& progress) {
  if (!find_program("mmdebstrap"))
    return Error{Code::unsupported,
                 "making an image of Debian packages needs mmdebstrap, which is not installed here",
                 "apt-get install mmdebstrap (as root)"};
  BATON_TRY(check_space(packages, dir));
  std::string repository = dir + "/packages", root = dir + "/root";
  BATON_TRY(write_repository(apt, packages, repository));
  BATON_ASSIGN(std::vector<std::string> argv, namespace_prefix());
  auto tool = mmdebstrap_argv(packages, debian_architecture(), repository, root);
  argv.insert(argv.end(), tool.begin(), tool.end());
  BuildProgress follow(packages.size(), progress);
  std::string said;
  BATON_ASSIGN(bool ok, run_logged(
                            argv, log, [&](const std::string& text) { follow.line(text); }, said));
  if (!ok) return explain_tool("making the image from Debian packages", said, log);
  Status installed = check_installed(packages, root);
  if (!installed.ok())
    return Error{installed.error().code, installed.error().message,
                 "all that was said is in " + log};
  return remove_tree(repository);
}

}  // namespace baton
