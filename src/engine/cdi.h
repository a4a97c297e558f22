// Container Device Interface: how a vendor says what a device needs in a container
// (https://github.com/cncf-tags/container-device-interface, SPEC.md, versions 0.3.0 to 1.0.0).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace baton {

struct CdiDevice {
  std::string host_path, path;
  bool writable = true;
  bool operator==(const CdiDevice&) const = default;
};

struct CdiMount {
  std::string host_path, container_path, type;  // type "": bind
  std::vector<std::string> options;
  bool operator==(const CdiMount&) const = default;
};

struct CdiHook {
  std::string name;  // of the OCI config's `hooks`: "createContainer"
  std::string path;
  std::vector<std::string> args, env;
  int timeout = 0;  // seconds; 0: none
  bool operator==(const CdiHook&) const = default;
};

// What is done to a container for its devices.
struct CdiEdits {
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<CdiDevice> devices;
  std::vector<CdiMount> mounts;
  std::vector<CdiHook> hooks;
  std::vector<uint32_t> additional_gids;
};

// All specifications of a machine. Directories are given lowest precedence first: a device that two
// directories define is taken from the later; two of one directory make it unusable.
class CdiRegistry {
 public:
  // Reads every .json, .yaml and .yml file; directories that do not exist are empty. A file that
  // cannot be read or is no specification only makes the devices in it unknown; problems() tells.
  static CdiRegistry load(const std::vector<std::string>& directories);
  // The edits for fully qualified names, in the order of the names, each specification's own edits
  // once.
  Result<CdiEdits> resolve(const std::vector<std::string>& names) const;
  // The numbered devices of each kind "…/gpu", in the order of their numbers. (A vendor's
  // specification names each GPU several times: by number, by UUID, and "all" at once.)
  std::vector<std::vector<std::string>> gpus() const;
  // What to say where there are fewer than `count` of any kind.
  Error too_few_gpus(int count) const;
  std::vector<std::string> names() const;
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Entry {
    std::string name, file;
    size_t directory = 0;
    bool conflict = false;
    CdiEdits own, common;  // of the device, of its specification
  };
  void add_file(const std::string& path, size_t directory);
  void add(Entry entry);
  const Entry* find(const std::string& name) const;

  std::vector<Entry> entries_;
  std::vector<std::string> directories_;
  std::vector<std::string> problems_;
};

}  // namespace baton
