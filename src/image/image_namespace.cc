#include "image/image_namespace.h"

#include <unistd.h>

#include <cstdlib>

#include "base/text.h"
#include "os/files.h"
#include "os/process.h"

namespace baton {
namespace {

constexpr int64_t kWalkTimeoutMs = 600'000;
constexpr char kRootless[] =
    "apt-get install uidmap (as root), see that /etc/subuid and /etc/subgid give you a range, or "
    "run baton as root";

Error explain(const std::string& said) {
  std::string why(trim(said.substr(0, said.find('\n'))));
  bool root = geteuid() == 0;
  return Error{Code::unsupported,
               "this machine does not let baton make namespaces to build an image in" +
                   (why.empty() ? "" : " (" + printable(why) + ")"),
               root ? "in a container, give it the capability SYS_ADMIN, or use \"image: host\""
                    : kRootless};
}

// Runs a tool over a tree as the one who owns it, and gives its output.
Result<std::string> run_over_tree(std::vector<std::string> tool) {
  std::vector<std::string> argv;
  if (geteuid() != 0) {
    BATON_ASSIGN(argv, namespace_prefix());
  }
  std::string name = tool[0];
  argv.insert(argv.end(), tool.begin(), tool.end());
  SpawnOptions options;
  options.argv = std::move(argv);
  BATON_ASSIGN(Output output, run_command(options, kWalkTimeoutMs));
  if (output.status.success()) return output.out;
  return Error{Code::permanent, name + " failed: " + printable(trim(output.err)), ""};
}

}  // namespace

std::string image_owner() { return geteuid() == 0 ? "root" : "user"; }

Result<std::vector<std::string>> namespace_prefix() {
  std::vector<std::string> argv = {"unshare"};
  if (geteuid() != 0) {
    if (!find_program("newuidmap"))
      return Error{Code::unsupported,
                   "building an image without root needs newuidmap, which is not installed",
                   kRootless};
    argv.insert(argv.end(), {"--user", "--map-root-user", "--map-auto"});
  }
  argv.insert(argv.end(), {"--mount", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL"});
  SpawnOptions probe;
  probe.argv = argv;
  probe.argv.emplace_back("true");
  BATON_ASSIGN(Output output, run_command(probe, 10'000));
  if (!output.status.success()) return explain(output.err);
  return argv;
}

Status remove_image_tree(const std::string& path) {
  if (geteuid() == 0) return remove_tree(path);
  BATON_TRY(run_over_tree({"rm", "-rf", "--one-file-system", "--", path}));
  return {};
}

Result<uint64_t> image_tree_size(const std::string& path) {
  BATON_ASSIGN(std::string text, run_over_tree({"du", "-sx", "--block-size=1", "--", path}));
  return std::strtoull(text.c_str(), nullptr, 10);
}

}  // namespace baton
