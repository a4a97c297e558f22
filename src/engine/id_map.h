// Which ids of this machine the ids in a container's user namespace stand for (user_namespaces(7)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace baton {

struct IdRange {
  uint32_t inside = 0, outside = 0, count = 0;
  bool operator==(const IdRange&) const = default;
};

struct IdMap {
  std::vector<IdRange> users, groups;
  std::string newuidmap, newgidmap;  // helpers to write it with; "": written directly
  bool deny_setgroups = false;       // an unprivileged user maps one group only
  // Only the invoking user is mapped, as root.
  bool single() const { return users.size() == 1 && users[0].count == 1; }
};

// The range of `name` or `uid` in /etc/subuid's format (subuid(5)); count 0: none.
IdRange find_subordinate(const std::string& text, const std::string& name, uid_t uid);

// The best map that this user can have: every id for root; root and a range where newuidmap(1) and
// /etc/subuid allow it; only root otherwise.
IdMap choose_id_map();

// Gives `pid`, waiting in a new user namespace, its map.
Status write_id_map(pid_t pid, const IdMap& map);

}  // namespace baton
