#include <cstring>

#include "net/selftest.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "selftest-net") == 0)
    return baton::run_selftest_net(argc - 1, argv + 1);
  return 0;
}
