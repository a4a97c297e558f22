// Starts containers of `true` one after another with the oci engine, through to the last directory
// removed, and prints each one's milliseconds. usage: container_start_bench ROOT COUNT    (ROOT: a
// directory with /bin/true; "host": this machine's)
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/engine.h"
#include "os/files.h"

namespace {

int fail(const baton::Error& error) {
  std::fprintf(stderr, "%s\n", error.text().c_str());
  return 1;
}

int measure(const std::string& root, int count) {
  auto dir = baton::TempDir::create("baton-bench");
  if (!dir.ok()) return fail(dir.error());
  auto engine = baton::make_oci_engine();
  baton::ContainerSpec spec;
  spec.work_dir = dir->path();
  spec.root.host = root == "host";
  if (!spec.root.host) spec.root.layers = {root};
  spec.argv = {"/bin/true"};
  spec.hostname = "bench";
  spec.init_path = "/proc/self/exe";
  for (int i = 0; i < count; ++i) {
    spec.id = "bench-" + std::to_string(i);
    auto begin = std::chrono::steady_clock::now();
    auto container = engine->start(spec);
    if (!container.ok()) return fail(container.error());
    auto exit = (*container)->wait(-1);
    (*container).reset();
    std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
    if (!exit || !exit->status.success()) return 1;
    std::printf("%.3f\n", taken.count());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "pid1") == 0) return baton::run_pid1(argc - 2, argv + 2);
  if (argc != 3) {
    std::fputs("usage: container_start_bench ROOT COUNT\n", stderr);
    return 2;
  }
  return measure(argv[1], std::atoi(argv[2]));
}
