// Processor time of one suggestion of method bayes in six dimensions, against the number of
// observations. Trials go on while it is measured, so that fits of hyper-parameters are in it as
// often as they come.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <vector>

#include "tune/rng.h"
#include "tune/tune.h"

namespace baton {
namespace {

double value_at(const Params& params) {
  double sum = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    const double x = params[i].second.get<double>() - 0.4;
    sum += static_cast<double>(i + 1) * x * x + 0.1 * std::cos(9 * x);
  }
  return sum;
}

Space six() {
  Space space;
  for (int i = 0; i < 6; ++i) {
    Dimension dimension;
    dimension.name = "x" + std::to_string(i);
    dimension.max = 1;
    space.dimensions.push_back(dimension);
  }
  return space;
}

void measure(size_t observations) {
  auto made = make_tuner(six(), {});
  const auto& tuner = *made;
  Rng rng(1);
  for (size_t i = 0; i < observations; ++i) {
    Params params;
    for (int k = 0; k < 6; ++k) params.emplace_back("x" + std::to_string(k), rng.uniform());
    (void)tuner->add(params, value_at(params) + 0.01 * rng.normal());
  }
  std::vector<double> times;
  for (int i = 0; i < 41; ++i) {
    const std::clock_t start = std::clock();
    auto trial = tuner->ask();
    const double spent = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (i > 0) times.push_back(spent);  // the first one fits from nothing, as after a load
    (void)tuner->tell(trial->id, value_at(trial->params));
  }
  std::sort(times.begin(), times.end());
  double sum = 0;
  for (const double time : times) sum += time;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{:>12} {:>9.1f} {:>9.1f} {:>9.1f} {:>12}\n", observations,
             sum / static_cast<double>(times.size()), times[times.size() / 2], times.back(),
             usage.ru_maxrss / 1024);
}

}  // namespace
}  // namespace baton

int main() {
  fmt::print("{:>12} {:>9} {:>9} {:>9} {:>12}\n", "observations", "mean ms", "median ms", "longest",
             "peak MiB");
  for (const size_t observations : {30, 100, 300, 1000, 3000, 10000}) baton::measure(observations);
  return 0;
}
