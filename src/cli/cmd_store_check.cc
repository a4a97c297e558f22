#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "ledger/commits.h"

namespace baton {
namespace {

Json describe(const std::vector<Finding>& findings) {
  Json json = Json::array();
  for (const auto& finding : findings)
    json.push_back(Json{{"key", finding.key},
                        {"kind", finding.kind},
                        {"meaning", finding.meaning},
                        {"harmless", finding.harmless}});
  return json;
}

Result<int> check(Context& context) {
  BATON_ASSIGN(Session session, open_session(context));
  TerminalProgress progress(context.terminal);
  auto findings =
      check_store(*session.store, !context.arguments.has("--shallow"),
                  [&](uint64_t done) { progress.update("checking", done, 0, "bytes"); });
  progress.finish("");
  if (!findings) return findings.error();
  size_t damage = 0;
  for (const auto& finding : *findings) damage += finding.harmless ? 0 : 1;
  if (context.arguments.has("--json")) {
    context.terminal.print(
        pretty_json(Json{{"damaged", damage}, {"findings", describe(*findings)}}));
    return damage > 0 ? kExitError : 0;
  }
  for (const auto& finding : *findings) {
    std::string kind =
        context.terminal.paint(finding.harmless ? Colour::dim : Colour::red, finding.kind);
    context.terminal.print(kind + "  " + printable(finding.key) + "\n    " +
                           printable(finding.meaning) + "\n");
  }
  size_t leftovers = findings->size() - damage;
  std::string text = damage > 0 ? fmt::format("{} damaged", damage) : "nothing is damaged";
  if (leftovers > 0) text += fmt::format(", {} leftovers that `baton store gc` removes", leftovers);
  context.terminal.print(text + "\n");
  return damage > 0 ? kExitError : 0;
}

}  // namespace

Command store_check_command() {
  Command command;
  command.name = "store check";
  command.summary = "read everything in the store and verify it";
  command.details =
      "Exits with 1 when something is damaged, and says what that means for which job.";
  command.examples =
      "  baton store check\n"
      "  baton store check --shallow --json\n";
  command.options = {
      {"--shallow", "", "", "do not read the contents of files"}, json_option(), store_option()};
  command.run = check;
  return command;
}

}  // namespace baton
