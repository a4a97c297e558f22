#include "cli/sweep_table.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/table.h"
#include "control/sweep_report.h"

namespace baton {

std::string sweeps_table(Context& context, const std::vector<SweepLine>& lines) {
  Table table({"SWEEP", "NAME", "TRIALS", "FAILED", "BEST", "STATE"});
  for (const auto& line : lines) {
    std::string trials = line.max_trials ? fmt::format("{}/{}", line.closed, line.max_trials)
                                         : std::to_string(line.closed);
    std::string best = line.best ? line.metric + " " + short_number(*line.best) : "-";
    std::string state = line.state;
    if (line.state == "running" && line.running > 0)
      state += ", " + counted(static_cast<uint64_t>(line.running), "trial");
    if (line.abandoned) state = "running (its process is gone: baton sweep resume)";
    if (!line.problem.empty()) state = "unreadable: " + line.problem;
    table.add({line.id, line.name, trials, std::to_string(line.failed), best, state});
  }
  return table.text(context.terminal);
}

Json sweeps_json(const std::vector<SweepLine>& lines) {
  Json json = Json::array();
  for (const auto& line : lines)
    json.push_back({{"id", line.id},
                    {"name", line.name},
                    {"state", line.state},
                    {"abandoned", line.abandoned},
                    {"problem", line.problem},
                    {"metric", line.metric},
                    {"trials", line.trials},
                    {"max_trials", line.max_trials},
                    {"closed", line.closed},
                    {"failed", line.failed},
                    {"running", line.running},
                    {"best", line.best ? Json(*line.best) : Json()}});
  return json;
}

}  // namespace baton
