// problems_for_tests: for each line of stdin, {"problem": NAME, "params": {…}}, the value on a
// line, exact. --list: the names, minima and noises.
#include <cstdio>
#include <iostream>
#include <string>

#include "tune/problems.h"

int main(int argc, char** argv) {
  using baton::Json;
  const auto problems = baton::bench::problems();
  if (argc > 1 && std::string(argv[1]) == "--list") {
    for (const auto& one : problems)
      std::printf("%s %.17g %.17g\n", one.name.c_str(), one.minimum, one.noise);
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parse(line);
    baton::Params params;
    for (const auto& item : request["params"].items())
      params.emplace_back(item.key(), item.value());
    for (const auto& one : problems)
      if (one.name == request["problem"]) std::printf("%.17g\n", one.value(params));
  }
  return 0;
}
