#include "control/sweep_submit.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/text.h"
#include "control/sweep_tuner.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kMaxFiles = 5'000;
constexpr uint64_t kMaxFileBytes = 1 << 20;

// Looks for words in the files of a directory; gives up, as if all had been found, on very many.
class CodeSearch {
 public:
  // `spec_file` names every parameter, whether it is used or not: it is left out.
  CodeSearch(std::vector<std::string> names, std::string spec_file)
      : missing_(std::move(names)), spec_file_(std::move(spec_file)) {}

  void look_into(const std::string& directory) {
    auto names = list_dir(directory);
    if (!names.ok()) return missing_.clear();  // what cannot be read may hold them all
    for (const auto& name : *names) {
      if (missing_.empty()) return;
      if (name == ".git") continue;
      std::string path = join_path(directory, name);
      if (is_directory(path))
        look_into(path);
      else
        look_at(path);
    }
  }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  void look_at(const std::string& path) {
    std::error_code none;
    if (std::filesystem::equivalent(path, spec_file_, none)) return;
    if (++files_ > kMaxFiles) return missing_.clear();
    auto text = read_file(path, kMaxFileBytes);
    if (!text.ok()) return;  // not a program: too large, a socket, …
    std::erase_if(missing_,
                  [&](const std::string& name) { return mentions_parameter(*text, name); });
  }

  std::vector<std::string> missing_;
  const std::string spec_file_;
  size_t files_ = 0;
};

std::vector<std::string> not_in_command(const Job& base) {
  std::string command = base.spec.command;
  for (const auto& word : base.spec.command_list) command += " " + word;
  std::vector<std::string> names;
  for (const auto& dimension : base.spec.sweep->space.dimensions) {
    bool given = std::any_of(base.spec.params.begin(), base.spec.params.end(),
                             [&](const auto& param) { return param.first == dimension.name; });
    if (!given && !mentions_parameter(command, dimension.name)) names.push_back(dimension.name);
  }
  return names;
}

Status check_used(const Job& base) {
  auto names = not_in_command(base);
  if (names.empty() || !base.spec.code) return {};
  CodeSearch search(names, base.spec_file);
  search.look_into(*base.spec.code);
  if (search.missing().empty()) return {};
  const std::string& name = search.missing().front();
  auto text = read_file(base.spec_file);
  return Error{
      Code::invalid,
      fmt::format(
          "{}: sweep.parameters.{} is never used: neither the command nor any file in {} "
          "mentions it",
          place_in_spec(text.ok() ? *text : "", base.spec_file, {"sweep", "parameters", name}),
          name, printable(*base.spec.code)),
      fmt::format(
          "write ${{{0}}} in the command, or, if the program reads it in a way that does not "
          "name it, give {0} a value in params too",
          name)};
}

std::string goal_text(const SweepSpec& spec) {
  if (spec.metric.empty()) return "has no metric";
  return (spec.maximize ? "maximizes " : "minimizes ") + printable(spec.metric);
}

bool same_goal(const SweepSpec& a, const SweepSpec& b) {
  return a.metric == b.metric && a.maximize == b.maximize;
}

}  // namespace

Status check_sweep(const Job& base) {
  const SweepSpec& spec = *base.spec.sweep;
  auto tuner = make_sweep_tuner(spec, spec.trials);
  if (!tuner.ok()) return tuner.error().within(printable(base.spec_file) + ": sweep");
  return check_used(base);
}

Result<std::vector<WarmPoint>> warm_points(const Job& base, const SweepHistory& other,
                                           size_t& left_out) {
  const SweepSpec &spec = *base.spec.sweep, &from = other.sweep().spec();
  const std::string& id = other.sweep().base.id;
  if (!same_goal(spec, from) || spec.metric.empty())
    return Error{Code::invalid,
                 fmt::format("sweep {} is no help for this one: it {}, and this one {}", id,
                             goal_text(from), goal_text(spec)),
                 "--warm-from takes a sweep with the same metric and goal"};
  std::vector<WarmPoint> all = other.sweep().warm, points;
  for (const auto& trial : other.state().trials)
    if (trial.state == SweepTrial::State::closed && trial.value)
      all.push_back({trial.params, *trial.value});
  Status last;
  for (auto& point : all) {
    Status fits = check_params(spec.space, point.params);
    if (fits.ok())
      points.push_back(std::move(point));
    else
      last = fits;
  }
  left_out = all.size() - points.size();
  if (points.empty())
    return Error{Code::invalid,
                 all.empty() ? fmt::format("sweep {} has no finished trial to learn from", id)
                             : fmt::format("no trial of sweep {} fits this one: {}", id,
                                           last.error().message),
                 "leave --warm-from out, or name another sweep"};
  return points;
}

Status submit_sweep(SubmitParts& parts, SweepLedger& sweeps, Sweep& sweep) {
  BATON_ASSIGN(Prepared prepared, prepare(parts, sweep.base));
  BATON_TRY(sweeps.add_sweep(sweep));
  BATON_ASSIGN(std::string object, store_prepared(sweeps.store(), sweep.base, prepared));
  return sweeps.add_created(sweep, object);
}

int machine_slots(const Spec& spec, const std::function<bool(int gpus)>& gpus_fit) {
  double slots = 1e9;
  cpu_set_t cpus;
  if (spec.cpus > 0 && sched_getaffinity(0, sizeof cpus, &cpus) == 0)
    slots = std::min(slots, std::floor(CPU_COUNT(&cpus) / spec.cpus));
  struct sysinfo machine {};
  if (spec.memory > 0 && sysinfo(&machine) == 0)
    slots = std::min(slots, std::floor(static_cast<double>(machine.totalram) * machine.mem_unit /
                                       static_cast<double>(spec.memory)));
  const int most = static_cast<int>(std::max(slots, 1.0));
  if (spec.gpus <= 0) return most;
  int fit = 1;
  while (fit < most && gpus_fit((fit + 1) * spec.gpus)) ++fit;
  return fit;
}

}  // namespace baton
