#include "engine/process_places.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/text.h"
#include "engine/oci_mounts.h"
#include "os/files.h"

namespace baton {
namespace {

namespace fs = std::filesystem;

std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  ssize_t n = readlink(path.c_str(), target.data(), target.size() - 1);
  return n > 0 ? std::string(target.data(), static_cast<size_t>(n)) : "";
}

Status copy_tree(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (!error) return {};
  return errno_error(error.value(), fmt::format("copy {} to {}", from, to));
}

// A free place is one that nothing exists at; a directory of the machine is never replaced.
bool try_link(const std::string& source, const std::string& place) {
  struct stat info {};
  if (lstat(place.c_str(), &info) == 0) return false;
  if (!is_directory(parent_path(place))) return false;
  return symlink(source.c_str(), place.c_str()) == 0;
}

}  // namespace

void ProcessPlaces::add(const std::string& destination, const std::string& source) {
  map_.emplace_back(destination, source);
}

std::string ProcessPlaces::inside(const std::string& path) const {
  const std::pair<std::string, std::string>* best = nullptr;
  for (const auto& entry : map_) {
    bool matches = path == entry.first || starts_with(path, entry.first + "/");
    if (matches && (!best || entry.first.size() > best->first.size())) best = &entry;
  }
  return best ? best->second + path.substr(best->first.size()) : path;
}

std::vector<std::string> ProcessPlaces::environment(
    const std::vector<std::pair<std::string, std::string>>& env) const {
  std::map<std::string, std::string> all;
  for (char** entry = environ; entry && *entry; ++entry) {
    std::string pair = *entry;
    size_t equals = pair.find('=');
    if (equals != std::string::npos) all[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  for (const auto& [key, value] : env) {
    auto parts = split(value, ':');
    for (auto& part : parts) part = inside(part);
    all[key] = fmt::format("{}", fmt::join(parts, ":"));
  }
  std::vector<std::string> list;
  list.reserve(all.size());
  for (const auto& [key, value] : all) list.push_back(key + "=" + value);
  return list;
}

Result<ProcessPlaces> make_places(const ContainerSpec& spec) {
  ProcessPlaces places;
  std::string dir = oci_dir(spec.work_dir);
  BATON_ASSIGN(auto mounts, checked_mounts(spec));
  BATON_TRY(make_dirs(dir, 0755));
  std::string links;
  int copies = 0;
  for (auto& mount : mounts) {
    if (mount.throw_away) {
      std::string copy = fmt::format("{}/copy{}", dir, copies++);
      BATON_TRY(copy_tree(mount.source, copy));
      mount.source = copy;
    }
    places.add(mount.destination, mount.source);
    links += mount.destination + "\t" + mount.source + "\n";
  }
  places.add("/baton/bin/baton", spec.init_path);
  BATON_TRY(replace_file(dir + "/links", links, false, 0600));
  for (const auto& mount : mounts) (void)try_link(mount.source, mount.destination);
  return places;
}

Status remove_links(const std::string& record) {
  auto text = read_file(record);
  if (text.is(Code::not_found)) return {};
  if (!text.ok()) return text.error();
  for (const auto& line : split(*text, '\n')) {
    size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    std::string place = line.substr(0, tab);
    if (link_target(place) != line.substr(tab + 1)) continue;
    if (unlink(place.c_str()) != 0 && errno != ENOENT)
      return errno_error(errno, "remove link " + place);
  }
  return {};
}

}  // namespace baton
