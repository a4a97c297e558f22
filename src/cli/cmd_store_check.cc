#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

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

// Who we are in a bucket, and what failed there.
struct Tried {
  std::string who;
  std::vector<Access> failed;
};

bool is_denied(const Access& access) { return access.status.is(Code::denied); }

Json describe(const Tried& tried) {
  Json may_not = Json::array(), could_not = Json::array();
  for (const Access& access : tried.failed) {
    const Error& error = access.status.error();
    (is_denied(access) ? may_not : could_not)
        .push_back(Json{{"what", access.what}, {"why", error.message}, {"fix", error.hint}});
  }
  return Json{{"credentials", tried.who}, {"may_not", may_not}, {"could_not", could_not}};
}

// None for a directory.
Result<std::optional<Tried>> try_bucket(Context& context) {
  BATON_ASSIGN(Settings settings,
               load_settings(context.parts.environment, context.arguments.text("--store")));
  if (!is_bucket_url(settings.store)) return std::optional<Tried>();
  BATON_ASSIGN(auto bucket,
               open_bucket(settings.store, {context.parts.environment, context.parts.clock, ""}));
  Tried tried;
  BATON_ASSIGN(tried.who, bucket->credentials());
  context.terminal.insist(bucket->name() + ", with the credentials of " + printable(tried.who));
  for (Access& access : try_access(*bucket, context.parts.clock)) {
    if (access.status.ok()) continue;
    context.terminal.insist((is_denied(access) ? "may not " : "could not ") + access.what + ": " +
                            access.status.error().text());
    tried.failed.push_back(std::move(access));
  }
  return std::optional(std::move(tried));
}

size_t damage_in(const std::vector<Finding>& findings) {
  size_t damage = 0;
  for (const auto& finding : findings) damage += finding.harmless ? 0 : 1;
  return damage;
}

std::string summary_text(const std::vector<Finding>& findings) {
  const size_t damage = damage_in(findings);
  size_t unknown = 0;
  for (const auto& finding : findings)
    unknown += finding.harmless && finding.kind == kUnknownObject ? 1 : 0;
  const size_t leftovers = findings.size() - damage - unknown;
  std::string text = damage > 0 ? fmt::format("{} damaged", damage) : "nothing is damaged";
  if (leftovers > 0)
    text += ", " + counted(leftovers, "leftover") + " that `baton store gc` removes";
  if (unknown > 0) text += ", " + counted(unknown, "unknown object") + " that baton leaves alone";
  return text + "\n";
}

// Of the store that --store names.
Result<int> check_named(Context& context) {
  BATON_ASSIGN(auto tried, try_bucket(context));
  Json report{{"damaged", nullptr}, {"findings", Json::array()}};
  if (tried) report["access"] = describe(*tried);
  if (tried && !tried->failed.empty()) {
    if (context.arguments.has("--json")) context.terminal.print(pretty_json(report));
    return kExitError;
  }
  BATON_ASSIGN(Session session, open_unchecked_session(context));
  TerminalProgress progress(context.terminal);
  auto findings =
      check_store(*session.store, !context.arguments.has("--shallow"),
                  [&](uint64_t done) { progress.update("checking", done, 0, "bytes"); });
  progress.finish("");
  if (!findings) return findings.error();
  const size_t damage = damage_in(*findings);
  if (context.arguments.has("--json")) {
    report["damaged"] = damage;
    report["findings"] = describe(*findings);
    context.terminal.print(pretty_json(report));
    return damage > 0 ? kExitError : 0;
  }
  for (const auto& finding : *findings) {
    std::string kind =
        context.terminal.paint(finding.harmless ? Colour::dim : Colour::red, finding.kind);
    context.terminal.print(kind + "  " + printable(finding.key) + "\n    " +
                           printable(finding.meaning) + "\n");
  }
  context.terminal.print(summary_text(*findings));
  return damage > 0 ? kExitError : 0;
}

// URL is another way to say --store.
Result<int> check(Context& context) {
  const std::string url = context.arguments.text("URL", context.arguments.text("--store"));
  if (context.arguments.has("--store") && context.arguments.text("--store") != url)
    return refuse_usage(context,
                        {Code::invalid, "URL and --store name two stores", "leave one out"});
  Arguments arguments = context.arguments;
  arguments.add("--store", url);
  Context named{context.parts, context.terminal, arguments};
  return check_named(named);
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
      "  baton store check s3://bucket/prefix\n";
  command.positionals = {{"URL", "the store (or a directory), as with --store", Names::directory,
                          /*required=*/false}};
  command.options = {
      {"--shallow", "", "", "do not read the contents of files"}, json_option(), store_option()};
  command.run = check;
  return command;
}

}  // namespace baton
