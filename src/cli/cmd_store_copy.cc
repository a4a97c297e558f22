#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "ledger/copy_store.h"
#include "os/files.h"
#include "store/open_store.h"

namespace baton {
namespace {

Result<std::unique_ptr<ObjectStore>> open_at(Context& context, const std::string& word) {
  BATON_ASSIGN(Settings settings, load_settings(context.parts.environment, word));
  return context.parts.open_store(settings.store, join_path(settings.home, "buckets"));
}

Result<int> copy(Context& context) {
  set_talk(context);
  const std::string a = context.arguments.text("FROM"), b = context.arguments.text("TO");
  BATON_ASSIGN(auto from, open_at(context, a));
  BATON_ASSIGN(auto to, open_at(context, b));
  if (from->name() == to->name())
    return Error{Code::invalid, "both stores are " + from->name(), "name two different ones"};
  TerminalProgress progress(context.terminal);
  CopyOptions options;
  options.progress = [&](uint64_t objects, uint64_t bytes) {
    progress.update("copying (" + human_size(bytes) + ")", objects, 0, "objects");
  };
  auto copied = copy_store(*from, *to, options);
  progress.finish("");
  if (!copied.ok()) return copied.error();
  if (context.arguments.has("--json")) {
    context.terminal.print(pretty_json(Json{{"objects", copied->objects},
                                            {"bytes", copied->bytes},
                                            {"present", copied->present},
                                            {"jobs", copied->jobs},
                                            {"sweeps", copied->sweeps},
                                            {"refused", copied->refused}}));
  } else {
    for (const auto& line : copied->refused) context.terminal.insist(printable(line));
    context.terminal.print(fmt::format(
        "{} jobs and {} sweeps are whole in {}: {} objects copied ({}), {} were there\n",
        copied->jobs, copied->sweeps, to->name(), copied->objects, human_size(copied->bytes),
        copied->present));
  }
  return copied->refused.empty() ? 0 : kExitError;
}

}  // namespace

Command store_copy_command() {
  Command command;
  command.name = "store copy";
  command.summary = "copy all jobs and sweeps into another store, of any kind";
  command.details =
      "May be interrupted and repeated: what is there already is passed over, and a later copy "
      "adds "
      "what is\n"
      "new. Nothing is ever overwritten; what differs is named, and the exit status is then 1. "
      "Jobs "
      "may\n"
      "run in FROM meanwhile. A copied job that still runs there must not be resumed in TO before "
      "it has ended.";
  command.examples =
      "  baton store copy ~/.local/share/baton/store s3://my-bucket/experiments\n"
      "  baton store copy s3://my-bucket/experiments /mnt/backup --json\n";
  command.positionals = {{"FROM", "the store to copy: a directory or a URL", Names::directory},
                         {"TO", "the other one", Names::directory}};
  command.options = {json_option(), quiet_option()};
  command.run = copy;
  return command;
}

}  // namespace baton
