#include "cli/launch_job.h"

#include "base/text.h"
#include "cli/drive_job.h"
#include "control/follow.h"

namespace baton {
namespace {

// How long nobody may run a job that is being followed.
constexpr int64_t kAbandonMs = 15'000;

}  // namespace

Status launch_job(Context& context, const Session& session, const Job& job) {
  LaunchRequest request{job.id, session.settings.store, session.settings.home, {}};
  for (const auto& name : job.spec.secrets)
    if (auto value = context.parts.environment(name)) request.secrets.emplace_back(name, *value);
  auto launcher = context.parts.make_launcher(context.parts.self_path);
  BATON_ASSIGN(std::string where, launcher->launch(request));
  context.terminal.say("job " + job.id + " (" + job.spec.name + ") runs as " + where);
  return {};
}

Result<int> follow_job(Context& context, Session& session, const std::string& id) {
  BATON_ASSIGN(History history, session.ledger->open(id));
  LogReader reader(*session.ledger, 0);
  auto sink = [&](const AttemptSummary& attempt, std::string_view bytes) {
    if (bytes.empty())
      context.terminal.say("attempt " + std::to_string(attempt.attempt));
    else
      context.terminal.pass(false, bytes);
  };
  BATON_ASSIGN(FollowEnd end,
               follow(*session.ledger, history, reader, sink, kAbandonMs, [] { return true; }));
  const Summary& summary = history.summary();
  if (end != FollowEnd::final_state) {
    context.terminal.insist("nobody runs job " + id + " any more (baton show " + id +
                            " tells more); `baton resume " + id + "` continues it");
    return kExitInterrupted;
  }
  context.terminal.say("job " + id + " " + state_name(summary.state));
  ExitStatus program{summary.exit_code, summary.exit_signal};
  return job_exit(summary.state, summary.outcome.value_or(Outcome::stopped), program);
}

}  // namespace baton
