#include <fcntl.h>

#include "engine/cgroup.h"
#include "engine/engine.h"
#include "engine/id_map.h"
#include "engine/oci_mounts.h"
#include "engine/plan.h"
#include "engine/process_places.h"
#include "engine/user_namespace.h"
#include "os/files.h"

namespace baton {

Status remove_tree_as_root(const std::string& path) {
  Status status = remove_tree(path);
  if (status.ok() || status.error().code != Code::denied) return status;
  Plan plan;
  PlannedChild child;
  child.plan = &plan;
  child.ids = choose_id_map();
  if (child.ids.single()) return status;
  BATON_ASSIGN(Fd null, open_file("/dev/null", O_RDWR));
  child.in_fd = child.out_fd = child.err_fd = null.get();
  child.argv = {"/proc/self/exe", "pid1", "--remove", path};
  BATON_ASSIGN(Child running, start_planned(child));
  running.wait();
  return remove_tree(path);
}

// Mounts need no undoing: they lived in a mount namespace that went with its last process.
Status clean_up_container(const std::string& id, const std::string& work_dir) {
  std::string dir = oci_dir(work_dir);
  if (!exists(dir)) return {};
  BATON_TRY(remove_links(dir + "/links"));
  BATON_ASSIGN(Cgroup cgroup, Cgroup::open(id, dir + "/cgroups"));
  BATON_TRY(cgroup.remove());
  return remove_tree_as_root(dir);
}

}  // namespace baton
