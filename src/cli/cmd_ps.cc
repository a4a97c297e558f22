#include <cstdint>
#include <ctime>
#include <optional>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/sweep_table.h"
#include "cli/table.h"
#include "control/inspect.h"

namespace baton {
namespace {

constexpr size_t kNewest = 20;

// The time in a job's id, "261122-013422-…" (UTC), in milliseconds since 1970.
int64_t created_ms(const std::string& id) {
  std::tm time{};
  if (!strptime(id.substr(0, 13).c_str(), "%y%m%d-%H%M%S", &time)) return 0;
  return static_cast<int64_t>(timegm(&time)) * 1000;
}

Json describe(const Listed& job) {
  return Json{{"id", job.line.id},
              {"name", job.line.name},
              {"state", state_name(job.line.state)},
              {"abandoned", job.abandoned},
              {"problem", job.line.problem},
              {"attempts", job.line.attempts},
              {"ran_ms", job.line.ran_ms},
              {"created_at", iso_time_ms(created_ms(job.line.id))}};
}

std::string state_text(const Listed& job) {
  if (!job.line.problem.empty()) return "unreadable: " + job.line.problem;
  std::string state = state_name(job.line.state);
  return job.abandoned ? state + " (its agent is gone: baton resume)" : state;
}

std::string table(Context& context, const std::vector<Listed>& jobs) {
  Table table({"JOB", "NAME", "CREATED", "ATTEMPTS", "RAN", "STATE"});
  table.paint(5, state_colour);
  int64_t now = context.parts.clock.wall_ms();
  for (const auto& job : jobs) {
    table.add({job.line.id, job.line.name, age(created_ms(job.line.id), now),
               std::to_string(job.line.attempts),
               job.line.attempts > 0 ? human_duration_ms(job.line.ran_ms) : "-", state_text(job)});
  }
  return table.text(context.terminal);
}

struct Listing {
  std::vector<Listed> jobs;
  std::vector<SweepLine> sweeps;  // for people: --json and --ids list jobs
  std::optional<Error> none;      // why nothing could be listed: there is no store yet
};

Result<Listing> read_listing(Context& context) {
  Listing listing;
  auto session = open_session(context);
  if (session.is(Code::not_found)) {
    listing.none = session.error();
    return listing;
  }
  if (!session) return session.error();
  bool all = context.arguments.has("--all");
  BATON_ASSIGN(listing.jobs, list_jobs(*session->ledger, all ? SIZE_MAX : kNewest, all));
  if (context.arguments.has("--json") || context.arguments.has("--ids")) return listing;
  SweepLedger sweeps(*session->store, context.parts.clock);
  BATON_ASSIGN(listing.sweeps, sweeps.list(all ? SIZE_MAX : kNewest));
  return listing;
}

Result<int> run(Context& context) {
  BATON_ASSIGN(Listing listing, read_listing(context));
  const auto& jobs = listing.jobs;
  const char* usual = "there are no jobs yet; `baton run` runs one";
  if (listing.none) tell_nothing_stored(context, *listing.none, usual);
  if (context.arguments.has("--json")) {
    Json json = Json::array();
    for (const auto& job : jobs) json.push_back(describe(job));
    context.terminal.print(pretty_json(json));
  } else if (context.arguments.has("--ids")) {
    std::string ids;
    for (const auto& job : jobs) ids += job.line.id + "\n";
    context.terminal.print(ids);
  } else if (jobs.empty() && listing.sweeps.empty()) {
    if (!listing.none) context.terminal.say(usual);
  } else {
    if (!listing.sweeps.empty()) context.terminal.print(sweeps_table(context, listing.sweeps));
    if (!listing.sweeps.empty() && !jobs.empty()) context.terminal.print("\n");
    if (!jobs.empty()) context.terminal.print(table(context, jobs));
  }
  return 0;
}

}  // namespace

Command ps_command() {
  Command command;
  command.name = "ps";
  command.summary = "list jobs";
  command.details =
      "Shows the jobs that have not ended and the 20 newest ones, newest first; a sweep is one "
      "line, and its\n"
      "trials are listed with --all.";
  command.examples =
      "  baton ps\n"
      "  baton ps --all\n"
      "  baton ps --json | jq '.[] | select(.state == \"failed\") | .id'\n"
      "  baton rm $(baton ps --all --ids)\n";
  command.options = {{"--all", "-a", "", "every job there is"},
                     {"--ids", "-i", "", "print ids only, one a line"},
                     json_option(),
                     store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
