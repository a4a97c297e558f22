#include "engine/cdi.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <set>

#include "base/text.h"
#include "engine/cdi_parse.h"
#include "os/files.h"

namespace baton {
namespace {

template <class T, class Same>
void replace_or_add(std::vector<T>& all, const T& item, Same same) {
  std::erase_if(all, [&](const T& old) { return same(old, item); });
  all.push_back(item);
}

// As in CDI's own library: of two edits for one variable or one path the later counts; hooks all
// run.
void append(CdiEdits& all, const CdiEdits& more) {
  for (const auto& pair : more.env)
    replace_or_add(all.env, pair, [](const auto& a, const auto& b) { return a.first == b.first; });
  for (const auto& device : more.devices)
    replace_or_add(all.devices, device,
                   [](const auto& a, const auto& b) { return a.path == b.path; });
  for (const auto& mount : more.mounts)
    replace_or_add(all.mounts, mount, [](const auto& a, const auto& b) {
      return a.container_path == b.container_path;
    });
  all.hooks.insert(all.hooks.end(), more.hooks.begin(), more.hooks.end());
  for (uint32_t gid : more.additional_gids)
    if (gid != 0)
      replace_or_add(all.additional_gids, gid, [](uint32_t a, uint32_t b) { return a == b; });
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string joined(const std::vector<std::string>& words) {
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

CdiRegistry CdiRegistry::load(const std::vector<std::string>& directories) {
  CdiRegistry registry;
  registry.directories_ = directories;
  for (size_t i = 0; i < directories.size(); ++i) {
    auto names = list_dir(directories[i]);
    if (!names.ok()) {
      if (!names.is(Code::not_found)) registry.problems_.push_back(names.error().message);
      continue;
    }
    for (const auto& name : *names)
      if (ends_with(name, ".json") || ends_with(name, ".yaml") || ends_with(name, ".yml"))
        registry.add_file(join_path(directories[i], name), i);
  }
  return registry;
}

void CdiRegistry::add_file(const std::string& path, size_t directory) {
  auto text = read_file(path, 16 << 20);
  if (!text.ok()) return problems_.push_back(text.error().message);
  auto spec = parse_cdi(*text, path);
  if (!spec.ok()) return problems_.push_back(spec.error().message);
  for (const auto& device : spec->devices)
    add({spec->kind + "=" + device.name, path, directory, false, device.edits, spec->edits});
}

void CdiRegistry::add(Entry entry) {
  auto old = std::find_if(entries_.begin(), entries_.end(),
                          [&](const Entry& e) { return e.name == entry.name; });
  if (old == entries_.end()) {
    entries_.push_back(std::move(entry));
  } else if (old->directory < entry.directory) {
    *old = std::move(entry);
  } else {
    old->conflict = true;
    problems_.push_back(fmt::format("CDI device {} is defined both in {} and in {}", entry.name,
                                    old->file, entry.file));
  }
}

const CdiRegistry::Entry* CdiRegistry::find(const std::string& name) const {
  auto entry = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& e) { return e.name == name; });
  return entry == entries_.end() ? nullptr : &*entry;
}

std::vector<std::string> CdiRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& entry : entries_)
    if (!entry.conflict) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

Result<CdiEdits> CdiRegistry::resolve(const std::vector<std::string>& wanted) const {
  CdiEdits edits;
  std::set<std::string> files;
  for (const auto& name : wanted) {
    const Entry* entry = find(name);
    if (!entry) {
      auto near = did_you_mean(name, names());
      std::string hint =
          near ? fmt::format("did you mean {}?", *near)
               : fmt::format("devices known in {}: {}", joined(directories_), joined(names()));
      if (!problems_.empty()) hint += "; not usable: " + problems_.front();
      return Error{Code::not_found,
                   fmt::format("there is no CDI device {} on this machine", printable(name)), hint};
    }
    if (entry->conflict)
      return Error{
          Code::invalid,
          fmt::format("CDI device {} is defined twice, in {} and elsewhere in that directory", name,
                      entry->file),
          "remove one of the definitions"};
    if (files.insert(entry->file).second) append(edits, entry->common);
    append(edits, entry->own);
  }
  return edits;
}

std::vector<std::vector<std::string>> CdiRegistry::gpus() const {
  std::map<std::string, std::vector<std::string>> kinds;
  for (const auto& name : names()) {
    size_t equals = name.find('=');
    std::string kind = name.substr(0, equals);
    if (ends_with(kind, "/gpu") && is_number(name.substr(equals + 1))) kinds[kind].push_back(name);
  }
  std::vector<std::vector<std::string>> gpus;
  for (auto& [kind, devices] : kinds) {
    std::sort(devices.begin(), devices.end(), [at = kind.size() + 1](const auto& a, const auto& b) {
      return std::atoi(a.c_str() + at) < std::atoi(b.c_str() + at);
    });
    gpus.push_back(std::move(devices));
  }
  return gpus;
}

Error CdiRegistry::too_few_gpus(int count) const {
  size_t most = 0;
  for (const auto& devices : gpus()) most = std::max(most, devices.size());
  std::string hint =
      "describe the GPUs to containers, for NVIDIA with: nvidia-ctk cdi generate "
      "--output=/etc/cdi/nvidia.yaml";
  if (!problems_.empty()) hint += "; not usable: " + problems_.front();
  return Error{Code::unsupported,
               fmt::format("{} GPU(s) are wanted, but {} are described in {}", count, most,
                           joined(directories_)),
               hint};
}

}  // namespace baton
