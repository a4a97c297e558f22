// baton commit: runs inside a container and talks to the agent outside through $BATON_SOCKET.
#include "base/text.h"
#include "cli/commands.h"
#include "cli/parts.h"
#include "net/unix_socket.h"

namespace baton {
namespace {

constexpr size_t kMaxReply = 64 << 10;
constexpr int64_t kConnectMs = 10'000;
constexpr int64_t kCommitMs = 24 * 3'600'000;  // the agent goes away before a commit takes a day

Result<int> run(Context& context) {
  auto path = context.parts.environment("BATON_SOCKET");
  if (!path || path->empty())
    return Error{Code::invalid, "baton commit works only inside a container that baton runs",
                 "$BATON_SOCKET is not set here"};
  BATON_ASSIGN(LineConnection agent, connect_unix(*path, Deadline::in_ms(kConnectMs)));
  BATON_TRY(agent.write_line("{\"op\":\"commit\"}", Deadline::in_ms(kConnectMs)));
  auto line = agent.read_line(kMaxReply, Deadline::in_ms(kCommitMs));
  if (!line)
    return Error{Code::transient, "the agent went away before the commit was done",
                 "the last commit stays good"};
  BATON_ASSIGN(Json reply, parse_json(*line, "the agent's reply"));
  if (!get_bool(reply, "ok"))
    return Error{Code::transient, get_string(reply, "error", "the commit failed"), ""};
  if (context.arguments.has("--json"))
    context.terminal.print(dump_json(Json{{"commit", get_string(reply, "commit")}}) + "\n");
  else if (!context.arguments.has("--quiet"))
    context.terminal.print(printable(get_string(reply, "commit")) + "\n");
  return 0;
}

}  // namespace

Command commit_command() {
  Command command;
  command.name = "commit";
  command.summary = "inside a container: commit now, return when it is durable";
  command.details =
      "Prints the commit's name. On an error the last commit stays good and the exit status is 1.";
  command.examples = "  baton commit\n  baton commit --quiet || echo 'not saved'\n";
  command.options = {quiet_option(), json_option()};
  command.run = run;
  command.hidden = true;
  return command;
}

}  // namespace baton
