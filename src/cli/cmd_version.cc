#include "cli/commands.h"
#include "cli/parts.h"
#include "model/job.h"

namespace baton {
namespace {

Result<int> run(Context& context) {
  Json json{{"version", context.parts.version}, {"store_format", kFormatVersion}};
  context.terminal.print(context.arguments.has("--json") ? pretty_json(json)
                                                         : "baton " + context.parts.version + "\n");
  return 0;
}

}  // namespace

Command version_command() {
  Command command;
  command.name = "version";
  command.summary = "print the version";
  command.examples = "  baton version\n  baton version --json\n";
  command.options = {json_option()};
  command.run = run;
  return command;
}

}  // namespace baton
