#include "cli/drive_job.h"

#include <fmt/format.h>
#include <poll.h>

#include "agent/agent.h"
#include "base/text.h"

namespace baton {
namespace {

class TerminalView : public AgentView {
 public:
  TerminalView(Terminal& terminal, bool show_output)
      : terminal_(terminal), progress_(terminal), show_output_(show_output) {}
  void output(bool is_stderr, std::string_view bytes) override {
    if (show_output_) terminal_.pass(is_stderr, bytes);
  }
  bool behind() const override { return terminal_.behind(); }
  void tell(const std::string& line) override { terminal_.say(shown_lines(line)); }
  void insist(const std::string& line) override { terminal_.insist(shown_lines(line)); }
  Progress& progress() override { return progress_; }

 private:
  Terminal& terminal_;
  TerminalProgress progress_;
  bool show_output_;
};

std::string ended_text(const DriveResult& result) {
  std::string text = outcome_name(result.outcome);
  if (!result.reason.empty()) text += ": " + result.reason;
  return printable(text);
}

void tell_end(Terminal& terminal, const Job& job, const DriveResult& result) {
  if (is_final(result.state) && result.state != State::stopped) {
    std::string text = "job " + job.id + " " + ended_text(result);
    if (result.state == State::failed)
      terminal.insist(text);
    else
      terminal.say(text);
  } else {
    // Whatever else is silenced: without this line the user would not know that nothing is lost.
    terminal.insist("job " + job.id + " is interrupted (" + ended_text(result) +
                    "); `baton resume " + job.id + "` continues it");
  }
  if (!result.results_dir.empty()) terminal.say("results: " + printable(result.results_dir));
  terminal.say("more: baton show " + job.id);
}

// Whoever ended the job, or takes the machine, does not wait for a reader who does not read.
bool is_hurried(const Result<DriveResult>& result, int signals) {
  pollfd came{signals, POLLIN, 0};
  if (poll(&came, 1, 0) == 1) return true;
  return result && (result->machine_going || result->outcome == Outcome::preempted ||
                    result->outcome == Outcome::stopped);
}

}  // namespace

int job_exit(State state, Outcome outcome, const ExitStatus& program) {
  if (state == State::succeeded) return 0;
  if (state != State::failed) return kExitInterrupted;
  bool by_program =
      outcome == Outcome::failed || outcome == Outcome::oom || outcome == Outcome::timeout;
  return by_program && !program.success() ? program.shell_code() : kExitError;
}

Result<int> drive_job(Context& context, Session& session, const Job& job, DriveOptions options) {
  Parts& parts = context.parts;
  Terminal& terminal = context.terminal;
  BATON_ASSIGN(Fd signals, parts.open_signals());
  TerminalLog log(terminal, context.arguments.has("--verbose"));
  TerminalView view(terminal, options.show_output);
  auto engine = parts.make_engine();
  auto images = parts.make_images(session.settings.home);
  auto http = parts.make_http();
  AgentParts agent{*session.ledger,
                   parts.clock,
                   *engine,
                   *images,
                   log,
                   view,
                   session.settings.home,
                   parts.self_path,
                   {},
                   {},
                   parts.environment,
                   parts.python_helper,
                   signals.get(),
                   data_opener(parts),
                   session.settings.data_cache_bytes,
                   [&parts](const std::string& url, const std::string& directory) {
                     return mount_bucket(url, directory, parts.environment, parts.clock);
                   }};
  if (session.store->concurrency() > 0) {  // far away, and each request costs something
    agent.times.requests = 2'000;
    agent.times.flush = 5'000;
    agent.times.beat = 10'000;
  }
  agent.make_notices = [&](const std::string& file) {
    return parts.make_notices(*http, parts.clock, log, file);
  };
  terminal.write_behind();
  auto result = drive(agent, job.id, options.wait_for_owner, std::move(options.opened));
  terminal.bar("");
  if (result) tell_end(terminal, job, *result);
  terminal.catch_up([&] { return is_hurried(result, signals.get()); });
  if (result.is(Code::cancelled)) {  // before the program began; the job can be resumed
    terminal.fail(result.error());
    return kExitInterrupted;
  }
  if (!result) return result.error();
  const int status = job_exit(result->state, result->outcome, result->exit);
  return status == 0 && result->results_left ? kExitError : status;
}

}  // namespace baton
