// PID 1 alone, linked statically and without sanitizers, for the engines' unit tests: it has to run
// in root filesystems that hold nothing but busybox.
#include <cstring>

#include "engine/engine.h"

int main(int argc, char** argv) {
  return argc > 1 && std::strcmp(argv[1], "pid1") == 0 ? baton::run_pid1(argc - 2, argv + 2) : 2;
}
