#include <fmt/format.h>

#include "agent/agent.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"
#include "control/inspect.h"
#include "ledger/data_listing.h"
#include "os/files.h"

namespace baton {
namespace {

// The notice file of the running attempt, when it runs on this machine.
std::string local_notice_file(const Session& session, const History& history) {
  const Summary& summary = history.summary();
  if (summary.state != State::running || is_abandoned(summary)) return "";
  if (summary.attempts.back().claimed.boot != AgentIdentity::self().boot) return "";
  return notice_file(session.settings.home, history.job().id, summary.attempt);
}

std::string local_log(const Session& session, const std::string& id) {
  std::string path = agent_log_file(session.settings.home, id);
  return exists(path) ? path : "";
}

void field(std::string& text, const std::string& name, const std::string& value) {
  if (!value.empty()) text += fmt::format("{:<12}{}\n", name, printable(value));
}

std::string image_text(const Json& record) {
  std::string form = get_string(record, "form", "host");
  if (form == "host") return "host";
  std::string text = form + " " + get_string(record, "suite");
  if (auto packages = record.find("packages"); packages != record.end() && packages->is_object())
    text += fmt::format(", {} packages", packages->size());
  return text;
}

std::string outcome_text(const AttemptSummary& attempt, bool current) {
  if (!attempt.ended) return current ? "running" : "lost";
  const Event& ended = *attempt.ended;
  std::string text = outcome_name(ended.outcome);
  if (ended.exit_signal != 0)
    text += fmt::format(" (signal {})", ended.exit_signal);
  else if (ended.outcome == Outcome::failed)
    text += fmt::format(" (exit {})", ended.exit_code);
  return text;
}

std::string attempts_text(const Context& context, const Summary& summary) {
  Table table({"ATTEMPT", "MACHINE", "CLAIMED", "RAN", "COMMITS", "OUTCOME", "REASON"});
  for (const auto& attempt : summary.attempts) {
    bool current = summary.state == State::running && attempt.attempt == summary.attempt;
    table.add({std::to_string(attempt.attempt), attempt.claimed.host,
               iso_time_ms(attempt.claimed.at_ms).substr(0, 19) + "Z",
               attempt.ended ? human_duration_ms(attempt.ended->ran_ms) : "-",
               std::to_string(attempt.commits), outcome_text(attempt, current),
               attempt.ended ? attempt.ended->reason : ""});
  }
  return table.text(context.terminal);
}

std::string commits_text(const Context& context, const Summary& summary) {
  constexpr size_t kShown = 5;
  size_t count = summary.commits.size(), first = count > kShown ? count - kShown : 0;
  Table table({"COMMIT", "AT", "SIZE", "NEW", "TOOK"});
  for (size_t i = first; i < count; ++i) {
    const Event& commit = summary.commits[i];
    table.add({commit.commit, iso_time_ms(commit.at_ms).substr(0, 19) + "Z",
               human_size(commit.commit_bytes), human_size(commit.commit_new_bytes),
               human_duration_ms(commit.commit_ms)});
  }
  std::string text = table.text(context.terminal);
  if (first > 0) text += fmt::format("({} earlier ones; --json lists all)\n", first);
  return text;
}

std::string what_now(const History& history) {
  const Summary& summary = history.summary();
  if (is_abandoned(summary) || summary.state == State::pending)
    return "`baton resume " + history.job().id + "` continues it here";
  if (summary.state == State::failed || summary.state == State::stopped)
    return "`baton resume " + history.job().id + "` continues it from its last commit";
  return "";
}

std::string pin_text(const Job& job, const DataMount& mount) {
  for (const DataPin& pin : job.data)
    if (pin.destination == mount.destination)
      return fmt::format(", {} files with {} (--data lists them)", pin.files,
                         human_size(pin.bytes));
  return mount.mounted ? ", mounted" : "";
}

std::string text(const Context& context, const Session& session, const History& history) {
  const Job& job = history.job();
  const Summary& summary = history.summary();
  std::string state = state_name(summary.state);
  std::string text;
  field(text, "job", job.id);
  field(text, "name", summary.name);
  text += fmt::format("{:<12}{}{}\n", "state", context.terminal.paint(state_colour(state), state),
                      is_abandoned(summary) ? ", but its agent is gone" : "");
  if (is_final(summary.state)) field(text, "reason", summary.reason);
  field(text, "ran", human_duration_ms(summary.ran_ms));
  field(text, "spec", job.spec_file);
  std::string command;
  for (const auto& word : job.argv) command += (command.empty() ? "" : " ") + shell_quote(word);
  field(text, "command", command);
  for (const auto& [name, value] : job.spec.params)
    field(text, "param", name + " = " + param_text(value));
  field(text, "image", image_text(job.image));
  field(text, "code", job.spec.code.value_or(""));
  if (auto git = job.provenance.find("git"); git != job.provenance.end())
    field(text, "git",
          get_string(*git, "commit") + (get_bool(*git, "dirty") ? " with changes" : ""));
  for (const auto& mount : job.spec.data)
    field(text, "data", mount.destination + " from " + mount.source + pin_text(job, mount));
  field(text, "results", job.spec.results);
  field(text, "by", job.submitter + ", baton " + get_string(job.provenance, "baton"));
  field(text, "notice file", local_notice_file(session, history));
  field(text, "agent log", local_log(session, job.id));
  if (!summary.attempts.empty()) text += "\n" + attempts_text(context, summary);
  if (!summary.commits.empty()) text += "\n" + commits_text(context, summary);
  if (std::string next = what_now(history); !next.empty()) text += "\n" + next + "\n";
  return text;
}

// "SIZE CONTENT NAME" → {"size", "content", "name"}.
Json describe_file(const std::string& line) {
  const size_t size_end = line.find(' '), content_end = line.find(' ', size_end + 1);
  const uint64_t size = parse_decimal(line.substr(0, size_end)).value_or(0);
  return Json{{"size", size},
              {"content", printable(line.substr(size_end + 1, content_end - size_end - 1))},
              {"name", printable(line.substr(content_end + 1))}};
}

// Verified before a line of it is printed. In JSON each listing is one object, on lines of its own.
Status print_listing(Context& context, ObjectStore& store, const Job& job, const DataPin& pin) {
  auto frame = load_listing(store, job, pin);
  if (frame.is(Code::not_found))
    return Error{Code::not_found, "the listing of data " + printable(pin.destination) + " is gone",
                 "`baton store check` tells what else is missing"};
  if (!frame.ok()) return frame.error();
  BATON_TRY(unpack_listing(*frame, pin.digest, nullptr));
  const bool json = context.arguments.has("--json");
  const std::string destination = printable(pin.destination);
  context.terminal.print(
      json ? fmt::format("{{\"destination\": {}, \"digest\": {}, \"bytes\": {}, \"files\": [",
                         dump_json(Json(destination)), dump_json(Json(pin.digest)), pin.bytes)
           : fmt::format("# {}: SIZE CONTENT NAME of {} files, SHA-256 {}\n", destination,
                         pin.files, pin.digest));
  std::string rest;
  bool first = true;
  BATON_TRY(unpack_listing(*frame, pin.digest, [&](std::string_view piece) {
    rest += piece;
    std::string text;
    size_t begin = 0;
    for (size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      const std::string line = rest.substr(begin, end - begin);
      text +=
          json ? (first ? "\n" : ",\n") + dump_json(describe_file(line)) : printable(line) + "\n";
      first = false;
      begin = end + 1;
    }
    rest.erase(0, begin);
    context.terminal.print(text);
  }));
  if (json) context.terminal.print("]}");
  return {};
}

Result<int> list_data_of(Context& context, ObjectStore& store, const Job& job) {
  const bool json = context.arguments.has("--json");
  if (job.data.empty() && !json)
    return Error{Code::not_found, "job " + job.id + " has no data that was fetched from a URL",
                 "directories of the machine and mounted buckets are not listed"};
  if (json) context.terminal.print("[");
  for (const DataPin& pin : job.data) {
    if (json && &pin != &job.data.front()) context.terminal.print(",\n");
    BATON_TRY(print_listing(context, store, job, pin));
  }
  if (json) context.terminal.print("]\n");
  return 0;
}

Result<int> run(Context& context) {
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(History history, open_job(session, context.arguments.text("JOB")));
  if (context.arguments.has("--data")) return list_data_of(context, *session.store, history.job());
  if (!context.arguments.has("--json")) {
    context.terminal.print(text(context, session, history));
    return 0;
  }
  Json json = describe_job(history);
  json["notice_file"] = local_notice_file(session, history);
  json["agent_log"] = local_log(session, history.job().id);
  context.terminal.print(pretty_json(json));
  return 0;
}

}  // namespace

Command show_command() {
  Command command;
  command.name = "show";
  command.summary = "everything about one job: attempts, commits, parameters";
  command.details =
      "While the job runs on this machine, \"notice file\" names the file whose creation\n"
      "preempts the attempt, as a notice from a cloud would.";
  command.examples =
      "  baton show latest\n"
      "  baton show fashion-cnn --json | jq .attempts\n"
      "  touch \"$(baton show latest --json | jq -r .notice_file)\"\n";
  command.positionals = {{"JOB", "the job", Names::job}};
  command.options = {json_option(), store_option()};
  command.options.push_back({"--data", "", "", "list the files of its data that came from URLs"});
  command.run = run;
  return command;
}

}  // namespace baton
