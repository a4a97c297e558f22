#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"
#include "control/results.h"
#include "ledger/outward_links.h"
#include "model/spec_rules.h"
#include "os/files.h"

namespace baton {
namespace {

const char* kind_name(TreeEntry::Kind kind) {
  if (kind == TreeEntry::Kind::directory) return "directory";
  return kind == TreeEntry::Kind::symlink ? "symlink" : "file";
}

Json describe_files(const Manifest& manifest) {
  Json files = Json::array();
  if (const Tree* tree = results_tree(manifest))
    for (const auto& entry : tree->entries)
      files.push_back(Json{
          {"path", printable(entry.path)}, {"kind", kind_name(entry.kind)}, {"size", entry.size}});
  return files;
}

Result<int> list_files(Context& context, Session& session, const History& history) {
  BATON_ASSIGN(Manifest manifest, last_commit(*session.ledger, history));
  if (context.arguments.has("--json")) {
    context.terminal.print(pretty_json(Json{{"id", history.job().id},
                                            {"commit", commit_name(manifest.seq, manifest.attempt)},
                                            {"files", describe_files(manifest)}}));
    return 0;
  }
  Table table({"SIZE", "FILE"});
  if (const Tree* tree = results_tree(manifest))
    for (const auto& entry : tree->entries)
      if (entry.kind != TreeEntry::Kind::directory) table.add({human_size(entry.size), entry.path});
  context.terminal.print(table.text(context.terminal));
  return 0;
}

// Results that belong into a bucket: the agent has put them there, or they go there now.
Result<int> in_bucket(Context& context, Session& session, const History& history) {
  const Job& job = history.job();
  BATON_ASSIGN(std::shared_ptr<Bucket> bucket, data_opener(context.parts)(job.spec.results));
  const std::string place = bucket->name() + "/" + job.id;
  bool sent = false;
  if (is_final(history.summary().state)) {
    BATON_ASSIGN(sent, redeliver_results(*session.ledger, history, std::move(bucket)));
  }
  Json json{{"id", job.id}, {"directory", printable(place)}, {"fetched", false}, {"sent", sent}};
  context.terminal.print(context.arguments.has("--json") ? pretty_json(json)
                                                         : printable(place) + "\n");
  return 0;
}

// Whether the job was resumed after the end whose results were delivered, and has committed since.
bool has_later_commit(const History& history) {
  bool later = false;
  for (const Event& event : history.events()) {
    if (event.type == EventType::committed) later = true;
    const bool delivered = event.type == EventType::ended && event.outcome != Outcome::preempted &&
                           event.outcome != Outcome::stopped && event.outcome != Outcome::lost;
    if (delivered) later = false;
  }
  return later;
}

Result<int> run(Context& context) {
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(History history, open_job(session, context.arguments.text("JOB")));
  if (context.arguments.has("--list")) return list_files(context, session, history);
  if (is_url(history.job().spec.results) && !context.arguments.has("--to"))
    return in_bucket(context, session, history);
  std::string delivered = join_path(history.job().spec.results, history.job().id);
  bool elsewhere = context.arguments.has("--to");
  if (!elsewhere && !is_final(history.summary().state))
    return Error{Code::invalid,
                 "job " + history.job().id + " has not ended, so its results are not delivered yet",
                 "`--to DIR` fetches what its last commit holds"};
  std::string directory = elsewhere ? absolute_path(context.arguments.text("--to")) : delivered;
  // What the agent delivered at the end of a job is the last commit's results already.
  bool there = !elsewhere && exists(delivered);
  if (there && has_later_commit(history))
    context.terminal.insist(
        "the job has gone on since these results were delivered; `baton results " +
        history.job().id + " --to DIR` fetches those of its last commit");
  if (!there) {
    TerminalProgress progress(context.terminal);
    CaptureOptions options;
    options.progress = [&](uint64_t done, uint64_t total) {
      progress.update("fetching results", done, total, "bytes");
    };
    auto extracted = extract_results(*session.ledger, history, directory, options);
    progress.finish("");
    if (!extracted.ok()) return extracted.error();
    for (const std::string& path : *extracted) context.terminal.insist(outside_text(path));
  }
  Json json{{"id", history.job().id}, {"directory", printable(directory)}, {"fetched", !there}};
  context.terminal.print(context.arguments.has("--json") ? pretty_json(json)
                                                         : printable(directory) + "\n");
  return 0;
}

}  // namespace

Command results_command() {
  Command command;
  command.name = "results";
  command.summary = "fetch a job's results, as its last commit holds them";
  command.details =
      "Prints the directory they are in. Without --to that is the job's own directory below the "
      "spec's results;\n"
      "where it is there already, nothing is fetched. Nothing is ever overwritten. Of results in a "
      "bucket it\n"
      "prints where they are; those of an ended job that are not there yet are delivered.";
  command.examples =
      "  baton results latest\n"
      "  baton results fashion-cnn --to /tmp/look\n"
      "  baton results latest --list\n";
  command.positionals = {{"JOB", "the job", Names::job}};
  command.options = {{"--to", "", "DIR", "into this absent or empty directory", Names::directory},
                     {"--list", "-l", "", "list the files and fetch nothing"},
                     json_option(),
                     store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
