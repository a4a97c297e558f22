#include "image/apt.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "image/apt_errors.h"
#include "os/file_lock.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

constexpr int64_t kQueryTimeoutMs = 120'000;

// Fetching options of the machine's administrator: proxies, retries, time-outs, clock tolerance.
bool is_fetch_option(std::string_view line) {
  for (const char* key :
       {"Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::ForceIPv",
        "Acquire::Check-", "Acquire::Max-FutureTime", "Acquire::tor", "Acquire::proxy"})
    if (starts_with(line, key)) return true;
  return false;
}

std::string machine_fetch_options() {
  SpawnOptions options;
  options.argv = {"apt-config", "dump"};
  options.env = tool_environment();
  auto dump = run_command(options, kQueryTimeoutMs);
  std::string out;
  if (!dump.ok()) return out;
  for (const auto& line : split(dump->out, '\n'))
    if (is_fetch_option(line)) out += line + "\n";
  return out;
}

// Hashes a file without holding it in memory; "" when it cannot be read.
std::string file_sha256(const std::string& path) {
  auto fd = open_file(path, O_RDONLY);
  if (!fd.ok()) return "";
  Sha256 hash;
  std::string buffer(1 << 20, '\0');
  for (uint64_t offset = 0;;) {
    auto n = read_at(fd->get(), buffer.data(), buffer.size(), offset, path);
    if (!n.ok()) return "";
    if (*n == 0) return hash.finish_hex();
    hash.update(std::string_view(buffer.data(), *n));
    offset += *n;
  }
}

bool is_downloaded(const std::string& path, const Package& package) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && static_cast<uint64_t>(info.st_size) == package.size &&
         file_sha256(path) == package.sha256;
}

std::vector<std::string> name_version_words(const std::vector<std::string>& command,
                                            const PackageVersions& packages) {
  std::vector<std::string> argv = command;
  for (const auto& [name, version] : packages) argv.push_back(fmt::format("{}={}", name, version));
  return argv;
}

}  // namespace

std::vector<std::string> tool_environment() {
  std::vector<std::string> out = {"LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                                  "DEBCONF_NONINTERACTIVE_SEEN=true"};
  const char* path = std::getenv("PATH");
  out.push_back(std::string("PATH=") + (path ? path : "/usr/local/bin:/usr/bin:/bin") +
                ":/usr/sbin:/sbin");
  for (const char* name : {"HOME", "TMPDIR", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy",
                           "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  return out;
}

std::string debian_architecture() {
  utsname name{};
  uname(&name);
  static constexpr std::pair<const char*, const char*> kNames[] = {{"x86_64", "amd64"},
                                                                   {"aarch64", "arm64"},
                                                                   {"armv7l", "armhf"},
                                                                   {"i686", "i386"},
                                                                   {"ppc64le", "ppc64el"}};
  for (const auto& [machine, debian] : kNames)
    if (std::string_view(name.machine) == machine) return debian;
  return name.machine;  // riscv64, s390x: the same word
}

Apt::Apt(std::string dir, std::string debs, std::string suite, std::string architecture,
         std::string log)
    : dir_(std::move(dir)),
      debs_(std::move(debs)),
      suite_(std::move(suite)),
      architecture_(std::move(architecture)),
      log_(std::move(log)) {}

Result<Fd> Apt::lock(Progress& progress) {
  return lock_file(parent_path(debs_) + "/lock", LockMode::exclusive,
                   [&] { progress.detail("waiting for another baton that is fetching packages"); });
}

Status Apt::configure(const std::vector<AptSource>& sources) {
  // apt.conf(5) has no way to write these in a value.
  if (dir_.find_first_of("\"\n;\\") != std::string::npos)
    return Error{
        Code::invalid, "apt cannot work in the directory " + printable(dir_),
        "let BATON_HOME name a directory without quotes, semicolons and backslashes in its path"};
  for (const char* sub : {"/etc/apt.conf.d", "/lists/partial", "/cache/partial"})
    BATON_TRY(make_dirs(dir_ + sub));
  BATON_TRY(make_dirs(debs_ + "/partial"));
  BATON_TRY(make_dirs(parent_path(log_)));
  BATON_TRY(replace_file(dir_ + "/status", "", false));
  BATON_TRY(replace_file(dir_ + "/etc/debian.sources", sources_text(sources), false));
  // Sandbox::User: as root, apt would fetch as user _apt, who need not be able to reach BATON_HOME.
  std::string conf = machine_fetch_options() + fmt::format(R"(Dir "{0}";
Dir::State "{0}";
Dir::State::lists "lists";
Dir::State::status "{0}/status";
Dir::Cache "{0}/cache";
Dir::Cache::archives "{1}";
Dir::Etc "{0}/etc";
Dir::Etc::parts "apt.conf.d";
Dir::Etc::sourcelist "debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::Etc::trusted "/etc/apt/trusted.gpg";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
Dir::Bin::methods "/usr/lib/apt/methods";
APT::Architecture "{2}";
APT::Architectures {{ "{2}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
)",
                                                           dir_, debs_, architecture_);
  if (conf.find("Acquire::Retries") == std::string::npos) conf += "Acquire::Retries \"3\";\n";
  return replace_file(dir_ + "/apt.conf", conf, false);
}

void Apt::add_to_log(const std::string& text) {
  auto fd = open_file(log_, O_WRONLY | O_CREAT | O_APPEND);
  if (fd.ok()) (void)write_all(fd->get(), text, log_);  // the log is a help, its loss no failure
}

Result<Apt::Said> Apt::run(std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  options.env = tool_environment();
  options.env->push_back("APT_CONFIG=" + dir_ + "/apt.conf");
  auto output = run_command(options, kQueryTimeoutMs, "", 64 << 20);
  if (!output.ok() && output.is(Code::not_found))
    return Error{Code::unsupported,
                 "apt is needed to make images of Debian packages, and is not installed here",
                 "use a machine with Debian or Ubuntu, or \"image: host\""};
  if (!output.ok()) return output.error();
  if (output->status.signal)
    return Error{Code::cancelled, options.argv[0] + " was interrupted", ""};
  if (!output->status.success())
    add_to_log("$ " + options.argv[0] + " " + options.argv[1] + "\n" + output->out + output->err);
  return Said{output->status.success(), std::move(output->out), std::move(output->err)};
}

Result<Apt::Said> Apt::run_shown(std::vector<std::string> argv,
                                 const std::function<void(const std::string&)>& line) {
  SpawnOptions options;
  options.argv = std::move(argv);
  options.env = tool_environment();
  options.env->push_back("APT_CONFIG=" + dir_ + "/apt.conf");
  options.cwd = debs_;
  options.parent_death_signal = SIGTERM;
  Said said;
  std::string log = "$ " + options.argv[0] + " " + options.argv[1] + "\n";
  BATON_ASSIGN(ExitStatus status, run_lines(options, [&](const std::string& text) {
                 if (!starts_with(text, "dlstatus:")) said.out += text + "\n";
                 line(text);
               }));
  add_to_log(log + said.out);
  if (status.signal) return Error{Code::cancelled, options.argv[0] + " was interrupted", ""};
  said.ok = status.success();
  return said;
}

bool Apt::have_lists() const {
  auto names = list_dir(dir_ + "/lists");
  return names.ok() && std::any_of(names->begin(), names->end(), [](const std::string& name) {
           return ends_with(name, "_Packages");
         });
}

Status Apt::update(Progress& progress) {
  std::string doing = "fetching the package lists of Debian " + suite_;
  progress.update(doing, 0, 0, "");
  BATON_ASSIGN(Said said, run_shown({"apt-get", "-q", "update"}, [&](const std::string& line) {
                 if (starts_with(line, "Get:")) progress.detail(line);
               }));
  if (said.ok && said.out.find("W: Failed to fetch") == std::string::npos) return {};
  Error error = explain_tool(doing, said.out, log_);
  // A mirror that is a directory says so when it has no such suite.
  if (said.out.find("Failed to stat") != std::string::npos) error.code = Code::invalid;
  if (error.code == Code::invalid) return error;
  if (!is_network_trouble(said.out) || !have_lists()) return error;
  progress.detail("the package lists could not be refreshed (" + error.message +
                  "): going on with the earlier ones");
  return {};
}

Result<std::vector<std::string>> Apt::names() {
  BATON_ASSIGN(Said said, run({"apt-cache", "pkgnames"}));
  auto names = split(said.out, '\n');
  std::erase(names, "");
  return names;
}

Result<std::vector<std::string>> Apt::versions(const std::string& name) {
  BATON_ASSIGN(Said said, run({"apt-cache", "show", "--", name}));
  std::vector<std::string> out;
  for (const auto& package : parse_packages(said.out))
    if (package.name == name && std::find(out.begin(), out.end(), package.version) == out.end())
      out.push_back(package.version);
  return out;
}

Result<std::vector<std::string>> Apt::providers(const std::string& name) {
  BATON_ASSIGN(Said said, run({"apt-cache", "showpkg", "--", name}));
  std::set<std::string> out;
  size_t start = said.out.find("Reverse Provides:");
  // apt drops a final '+' or '-' and answers for the rest of the name.
  if (start == std::string::npos || !starts_with(said.out, "Package: " + name + "\n"))
    return std::vector<std::string>();
  auto lines = split(std::string_view(said.out).substr(start), '\n');
  for (size_t i = 1; i < lines.size(); ++i)
    if (!lines[i].empty()) out.insert(lines[i].substr(0, lines[i].find(' ')));
  return std::vector<std::string>(out.begin(), out.end());
}

Result<PackageVersions> Apt::resolve(const std::vector<std::string>& requested) {
  std::vector<std::string> argv = {"apt-get", "-q",        "--simulate", "--no-install-recommends",
                                   "install", "?essential"};
  argv.insert(argv.end(), requested.begin(), requested.end());
  BATON_ASSIGN(Said said, run(argv));
  if (said.ok) return parse_simulation(said.out);
  std::string why;
  size_t unmet = said.out.find("The following packages have unmet dependencies:");
  if (unmet != std::string::npos) why = said.out.substr(unmet);
  if (why.empty())
    return explain_tool("choosing package versions for Debian " + suite_, said.out + said.err,
                        log_);
  return Error{Code::invalid,
               "image.packages: these packages cannot be installed together in Debian " + suite_,
               "apt says: " + std::string(trim(why))};
}

// The mirror may have dropped a version that the cache of downloads still has.
std::optional<Package> Apt::downloaded(const std::string& name, const std::string& version) {
  for (const std::string& architecture : {architecture_, std::string("all")}) {
    std::string path = debs_ + "/" + deb_file_name(name, version, architecture);
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) continue;
    auto fields = run({"dpkg-deb", "--field", path});
    if (!fields.ok() || !fields->ok) continue;
    auto parsed =
        parse_packages(std::string(trim(fields->out)) +
                       fmt::format("\nSize: {}\nSHA256: {}\n", info.st_size, file_sha256(path)));
    if (parsed.size() == 1 && parsed[0].name == name && parsed[0].version == version)
      return parsed[0];
  }
  return std::nullopt;
}

Result<std::vector<Package>> Apt::describe(const PackageVersions& packages) {
  BATON_ASSIGN(Said said, run(name_version_words({"apt-cache", "show"}, packages)));
  std::map<std::string, Package> found;
  for (auto& package : parse_packages(said.out)) {
    auto wanted = packages.find(package.name);
    if (wanted != packages.end() && wanted->second == package.version)
      found.emplace(package.name, std::move(package));
  }
  std::vector<Package> out;
  for (const auto& [name, version] : packages) {
    if (auto it = found.find(name); it != found.end()) {
      out.push_back(std::move(it->second));
      continue;
    }
    if (auto kept = downloaded(name, version)) {
      out.push_back(std::move(*kept));
      continue;
    }
    BATON_ASSIGN(std::vector<std::string> others, versions(name));
    std::string have;
    for (const auto& other : others) have += (have.empty() ? "" : ", ") + other;
    return Error{Code::not_found,
                 fmt::format("{} {} is no longer on the mirror of Debian {}{}", name, version,
                             suite_, have.empty() ? "" : ", which has " + have),
                 "set BATON_DEBIAN_MIRROR to a snapshot of Debian's archive from the time when the "
                 "image was made"};
  }
  return out;
}

bool Apt::has_downloaded(const std::vector<Package>& packages) const {
  return std::all_of(packages.begin(), packages.end(), [&](const Package& package) {
    return is_downloaded(deb_path(package), package);
  });
}

Status Apt::download(const std::vector<Package>& packages, Progress& progress) {
  PackageVersions missing;
  uint64_t total = 0;
  for (const auto& package : packages) {
    std::string path = deb_path(package);
    if (is_downloaded(path, package)) {
      utimensat(AT_FDCWD, path.c_str(), nullptr,
                0);  // recently used: not the first to be tidied away
      continue;
    }
    // apt-get download would trust a file of that name and size.
    if (exists(path) && ::unlink(path.c_str()) != 0) return errno_error(errno, "remove " + path);
    missing[package.name] = package.version;
    total += package.size;
  }
  if (missing.empty()) return {};
  std::string doing = fmt::format("downloading {} packages", missing.size());
  progress.update(doing, 0, total, "bytes");
  auto argv = name_version_words({"apt-get", "-q", "download", "-o", "APT::Status-Fd=1"}, missing);
  BATON_ASSIGN(Said said, run_shown(argv, [&](const std::string& line) {
                 // dlstatus:<item>:<percent>:<text>, by apt's README.progress-reporting
                 auto parts = split(line, ':');
                 if (parts.size() < 3 || parts[0] != "dlstatus") return;
                 double percent = std::clamp(std::strtod(parts[2].c_str(), nullptr), 0.0, 100.0);
                 progress.update(doing,
                                 static_cast<uint64_t>(percent / 100 * static_cast<double>(total)),
                                 total, "bytes");
               }));
  if (!said.ok) return explain_tool(doing, said.out, log_);
  progress.update(doing, total, total, "bytes");
  for (const auto& package : packages)
    if (missing.count(package.name) && !is_downloaded(deb_path(package), package))
      return Error{Code::transient,
                   package.file + " did not arrive as the mirror's list describes it",
                   "run the command again"};
  return {};
}

}  // namespace baton
