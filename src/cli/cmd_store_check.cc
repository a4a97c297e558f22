#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "ledger/commits.h"
#include "store/access.h"
#include "store/open_store.h"

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

// For a bucket: who we are there, and what we may not do. False when a store cannot work so.
Result<bool> check_access(Context& context) {
  BATON_ASSIGN(Settings settings,
               load_settings(context.parts.environment, context.arguments.text("--store")));
  if (!is_bucket_url(settings.store)) return true;
  BATON_ASSIGN(auto bucket,
               open_bucket(settings.store, {context.parts.environment, context.parts.clock, ""}));
  BATON_ASSIGN(std::string who, bucket->credentials());
  context.terminal.insist(bucket->name() + ", with the credentials of " + printable(who));
  bool good = true;
  for (const Access& access : try_access(*bucket, context.parts.clock)) {
    if (access.status.ok()) continue;
    good = false;
    context.terminal.insist("may not " + access.what + ": " + access.status.error().text());
  }
  return good;
}

Result<int> check(Context& context) {
  BATON_ASSIGN(bool usable, check_access(context));
  if (!usable) return kExitError;
  BATON_ASSIGN(Session session, open_unchecked_session(context));
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
  if (leftovers > 0)
    text += fmt::format(", {} {} that `baton store gc` removes", leftovers,
                        leftovers == 1 ? "leftover" : "leftovers");
  context.terminal.print(text + "\n");
  return damage > 0 ? kExitError : 0;
}

}  // namespace

Command store_check_command() {
  Command command;
  command.name = "store check";
  command.summary = "read everything in the store and verify it";
  command.details =
      "Exits with 1 when something is damaged, and says what that means for which job. Of a "
      "bucket\n"
      "it says first which credentials were found, and what they may not do.";
  command.examples =
      "  baton store check\n"
      "  baton store check --shallow --json\n"
      "  baton store check --store s3://bucket/prefix\n";
  command.options = {
      {"--shallow", "", "", "do not read the contents of files"}, json_option(), store_option()};
  command.run = check;
  return command;
}

}  // namespace baton
