#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/sweep_table.h"

namespace baton {
namespace {

Result<int> run(Context& context) {
  std::vector<SweepLine> lines;
  auto session = open_session(context);
  const char* usual = "there are no sweeps yet; `baton sweep SPEC` starts one";
  if (!session && !session.is(Code::not_found)) return session.error();
  if (!session) tell_nothing_stored(context, session.error(), usual);
  if (session) {
    SweepLedger sweeps(*session->store, context.parts.clock);
    BATON_ASSIGN(lines, sweeps.list(SIZE_MAX));
  }
  if (context.arguments.has("--json")) {
    context.terminal.print(pretty_json(sweeps_json(lines)));
  } else if (context.arguments.has("--ids")) {
    std::string ids;
    for (const auto& line : lines) ids += line.id + "\n";
    context.terminal.print(ids);
  } else if (lines.empty()) {
    if (session) context.terminal.say(usual);
  } else {
    context.terminal.print(sweeps_table(context, lines));
  }
  return 0;
}

}  // namespace

Command sweep_ls_command() {
  Command command;
  command.name = "sweep ls";
  command.summary = "list sweeps, newest first";
  command.examples = "  baton sweep ls\n";
  command.options = {
      {"--ids", "-i", "", "print ids only, one a line"}, json_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
