// sobol_for_tests DIMENSIONS COUNT: plain Sobol points, one a line, exact.
#include <cstdio>
#include <cstdlib>

#include "tune/sobol.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto sobol = baton::Sobol::plain(std::strtoul(argv[1], nullptr, 10));
  for (unsigned long k = 0; k < std::strtoul(argv[2], nullptr, 10); ++k) {
    for (double coordinate : sobol.at(k)) std::printf("%.17g ", coordinate);
    std::printf("\n");
  }
  return 0;
}
