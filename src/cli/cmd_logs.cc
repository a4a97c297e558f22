#include <charconv>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/log_lines.h"
#include "cli/session.h"
#include "control/follow.h"

namespace baton {
namespace {

// 0: all of them.
Result<int> attempt_asked_for(const Arguments& arguments) {
  if (!arguments.has("--attempt")) return 0;
  std::string text = arguments.text("--attempt");
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1)
    return Error{Code::invalid, "--attempt needs a number from 1, not " + printable(text), ""};
  return number;
}

Status check_attempt(int number, const Summary& summary) {
  if (number <= summary.attempt) return {};
  return Error{Code::not_found,
               "there is no attempt " + std::to_string(number) + ": the job has had " +
                   std::to_string(summary.attempt),
               ""};
}

Result<int> run(Context& context) {
  auto asked = attempt_asked_for(context.arguments);
  if (!asked.ok()) return refuse_usage(context, asked.error());
  const int only = *asked;
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(History history, open_job(session, context.arguments.text("JOB")));
  BATON_TRY(check_attempt(only, history.summary()));
  LogReader reader(*session.ledger, only);
  LogLines lines;
  bool open = true, json = context.arguments.has("--json");
  auto sink = [&](const AttemptSummary& attempt, std::string_view bytes) {
    if (bytes.empty()) {
      if (only == 0 && history.summary().attempt > 1)
        context.terminal.say("attempt " + std::to_string(attempt.attempt) + " on " +
                             printable(attempt.claimed.host));
      return;
    }
    if (!json) {
      open = context.terminal.pass(false, bytes);
      return;
    }
    open = context.terminal.pass(false, lines.add(attempt.attempt, bytes));
  };
  if (context.arguments.has("--follow"))
    BATON_TRY(follow(*session.ledger, history, reader, sink, -1, [&] { return open; }));
  else
    BATON_TRY(reader.poll(history, sink));
  context.terminal.pass(false, lines.rest());
  return 0;
}

}  // namespace

Command logs_command() {
  Command command;
  command.name = "logs";
  command.summary = "what the program printed, over all attempts";
  command.examples =
      "  baton logs latest\n"
      "  baton logs -f fashion-cnn\n"
      "  baton logs latest --attempt 2 > second.txt\n";
  command.positionals = {{"JOB", "the job", Names::job}};
  command.options = {{"--follow", "-f", "", "go on until the job ends"},
                     {"--attempt", "", "N", "only what attempt N printed"},
                     {"--json", "", "", "print JSON lines: attempt and output"},
                     store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
