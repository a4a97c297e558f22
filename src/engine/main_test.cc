// The engine's own check() starts a container whose program is this very binary.
#include <gtest/gtest.h>

#include <cstring>

#include "engine/engine.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "pid1") == 0) return baton::run_pid1(argc - 2, argv + 2);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
