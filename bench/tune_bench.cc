// Simple regret of the optimiser's methods after 25, 50 and 100 evaluations, with asynchronous
// workers whose evaluation times are half-normal, uniform or exponential (simulated events).
//
//   tune_bench PROBLEM[,…] METHOD[:ACQUISITION][,…] [WORKERS[,…] [SEEDS [EVALUATIONS]]]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/text.h"
#include "tune/problems.h"
#include "tune/rng.h"
#include "tune/tune.h"

namespace baton::bench {
namespace {

struct Run {
  std::vector<double> regret;  // after each evaluation that has ended
  double seconds = 0;          // of all asks together
};

double median(std::vector<double> values, double at = 0.5) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(at * static_cast<double>(values.size() - 1) + 0.5)];
}

Run simulate(const Problem& problem, TuneOptions options, size_t evaluations) {
  struct Job {
    double end;
    uint64_t id;
    Params params;
  };
  Run run;
  Rng chance(options.seed, 77);
  const size_t workers = static_cast<size_t>(options.parallel);
  auto made = make_tuner(problem.space, options);
  if (!made.ok()) {
    fmt::print(stderr, "{}\n", made.error().text());
    std::exit(2);
  }
  Tuner& tuner = **made;
  std::vector<Job> jobs;
  double now = 0, best = HUGE_VAL;
  while (run.regret.size() < evaluations) {
    while (jobs.size() < workers) {
      const auto start = std::chrono::steady_clock::now();
      auto next = tuner.ask();
      run.seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (!next.ok()) break;
      jobs.push_back({now + std::abs(chance.normal()), next->id, next->params});
    }
    auto first = std::min_element(jobs.begin(), jobs.end(),
                                  [](const Job& a, const Job& b) { return a.end < b.end; });
    now = first->end;
    const double value = problem.value(first->params);
    best = std::min(best, value);
    run.regret.push_back(best - problem.minimum);
    (void)tuner.tell(first->id, value + problem.noise * chance.normal());
    jobs.erase(first);
  }
  return run;
}

int main_of(const std::vector<std::string>& arguments) {
  auto argument = [&](size_t at, const char* fallback) {
    return at < arguments.size() ? arguments[at] : std::string(fallback);
  };
  const auto seeds = static_cast<size_t>(std::stoul(argument(3, "20")));
  const auto evaluations = static_cast<size_t>(std::stoul(argument(4, "100")));
  fmt::print("{:16} {:16} {:>2}  {:>9} {:>9} {:>9} {:>9} {:>9}  {:>7}\n", "problem", "method", "w",
             "at 25", "at 50", "at 100", "quarter", "quarters3", "ms/ask");
  for (const Problem& problem : problems()) {
    const auto wanted = split(argument(0, ""), ',');
    if (arguments.size() > 0 &&
        std::find(wanted.begin(), wanted.end(), problem.name) == wanted.end())
      continue;
    for (const std::string& workers : split(argument(2, "1,4,8"), ',')) {
      for (const std::string& method : split(argument(1, "bayes,random"), ',')) {
        std::vector<Run> runs;
        double milliseconds = 0;
        for (size_t seed = 1; seed <= seeds; ++seed) {
          TuneOptions options;
          const auto parts = split(method, ':');
          options.method = parts[0];
          if (parts.size() > 1) options.acquisition = parts[1];
          options.seed = seed;
          options.parallel = std::stoi(workers);
          runs.push_back(simulate(problem, options, evaluations));
          milliseconds += 1e3 * runs.back().seconds / static_cast<double>(evaluations * seeds);
        }
        auto at = [&](size_t evaluation, double quantile) {
          std::vector<double> values;
          for (const Run& run : runs)
            values.push_back(run.regret[std::min(evaluation, evaluations) - 1]);
          return median(values, quantile);
        };
        fmt::print("{:16} {:16} {:>2}  {:9.3g} {:9.3g} {:9.3g} {:9.3g} {:9.3g}  {:7.2f}\n",
                   problem.name, method, workers, at(25, 0.5), at(50, 0.5), at(evaluations, 0.5),
                   at(evaluations, 0.25), at(evaluations, 0.75), milliseconds);
        std::fflush(stdout);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace baton::bench

int main(int count, char** arguments) {
  return baton::bench::main_of({arguments + 1, arguments + count});
}
