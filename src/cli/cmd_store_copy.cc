#include <fmt/format.h>

#include <filesystem>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "ledger/copy_store.h"
#include "os/files.h"
#include "store/open_store.h"

namespace baton {
namespace {

// Where a store is, whichever way that is written.
struct Place {
  std::string path;     // a directory, or a bucket and its prefix
  std::string service;  // of a bucket: at which address
};

Result<Place> find_place(Context& context, const std::string& store) {
  if (!is_bucket_url(store)) {
    std::error_code none;
    const auto real = std::filesystem::weakly_canonical(store, none);
    return Place{none ? store : real.string(), ""};
  }
  BATON_ASSIGN(auto bucket,
               open_bucket(store, {context.parts.environment, context.parts.clock, ""}));
  return Place{bucket->name(), bucket->identity().substr(bucket->name().size())};
}

bool lies_in(const std::string& inner, const std::string& outer) {
  return starts_with(inner, outer == "/" ? outer : outer + "/");
}

// A copy into itself would find what it has just written.
Status check_apart(const Place& from, const Place& to) {
  const std::string &a = from.path, &b = to.path;
  if (from.service != to.service) return {};
  if (a == b)
    return Error{Code::invalid, "both stores are " + printable(a), "name two different ones"};
  if (!lies_in(a, b) && !lies_in(b, a)) return {};
  return Error{Code::invalid,
               fmt::format("{} lies inside {}", printable(lies_in(a, b) ? a : b),
                           printable(lies_in(a, b) ? b : a)),
               "name two stores of which neither holds the other"};
}

Result<int> copy(Context& context) {
  set_talk(context);
  const auto& environment = context.parts.environment;
  BATON_ASSIGN(Settings a, load_settings(environment, context.arguments.text("FROM")));
  BATON_ASSIGN(Settings b, load_settings(environment, context.arguments.text("TO")));
  BATON_ASSIGN(Place from_place, find_place(context, a.store));
  BATON_ASSIGN(Place to_place, find_place(context, b.store));
  if (Status apart = check_apart(from_place, to_place); !apart.ok())
    return refuse_usage(context, apart.error());
  const std::string buckets = join_path(a.home, "buckets");
  BATON_ASSIGN(auto from, context.parts.open_store(a.store, buckets));
  BATON_ASSIGN(auto to, context.parts.open_store(b.store, buckets));
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
        "{} and {} are whole in {}: {} copied ({}), {} were there\n", counted(copied->jobs, "job"),
        counted(copied->sweeps, "sweep"), to->name(), counted(copied->objects, "object"),
        human_size(copied->bytes), copied->present));
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
