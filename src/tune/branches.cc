#include "tune/branches.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "tune/trust_region.h"

namespace baton {
namespace {

using Branch = std::vector<bool>;  // which dimensions are used

Branch branch_of(const Trial& trial) {
  Branch used;
  for (const double at : trial.point) used.push_back(Codec::used(at));
  return used;
}

struct Course {
  double best = std::numeric_limits<double>::infinity();
  size_t idle = 0, all = 0;  // trials since the last progress, and in all
};

}  // namespace

std::vector<Observation> branch_in_turn(const std::vector<Observation>& observations,
                                        const std::vector<const Trial*>& open) {
  std::map<Branch, Course> branches;
  for (const Observation& one : observations) {
    Course& course = branches[branch_of(*one.trial)];
    ++course.all;
    course.idle = is_progress(one.cost, course.best) ? 0 : course.idle + 1;
    course.best = std::min(course.best, one.cost);
  }
  for (const Trial* trial : open) {
    const auto known = branches.find(branch_of(*trial));
    if (known == branches.end()) continue;
    ++known->second.all;
    ++known->second.idle;
  }
  if (branches.size() < 2) return observations;
  const auto turn =
      std::min_element(branches.begin(), branches.end(), [](const auto& a, const auto& b) {
        return std::tie(a.second.idle, a.second.all) < std::tie(b.second.idle, b.second.all);
      });
  std::vector<Observation> those;
  for (const Observation& one : observations) {
    if (branch_of(*one.trial) == turn->first) those.push_back(one);
  }
  return those;
}

}  // namespace baton
