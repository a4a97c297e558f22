#include <cstring>

#include "engine/engine.h"
#include "net/selftest.h"

int main(int argc, char** argv) {
  // First of all: inside a container nothing else of baton is needed, and starts are frequent.
  if (argc > 1 && std::strcmp(argv[1], "pid1") == 0) return baton::run_pid1(argc - 2, argv + 2);
  if (argc > 1 && std::strcmp(argv[1], "selftest-net") == 0)
    return baton::run_selftest_net(argc - 1, argv + 1);
  return 0;
}
