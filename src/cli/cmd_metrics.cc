#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/csv.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"
#include "control/inspect.h"
#include "model/metrics.h"
#include "model/plot.h"

namespace baton {
namespace {

constexpr size_t kShownRows = 20;
constexpr int kMinPlot = 30, kMaxPlot = 120;  // columns

bool is_finite(const Json& number) { return std::isfinite(number.get<double>()); }

// A row's values by column.
class Columns {
 public:
  explicit Columns(const std::vector<std::string>& names) {
    for (const auto& name : names) places_.emplace(name, places_.size());
  }
  // One for each column, nullptr where the row has none. Valid as long as the row.
  std::vector<const Json*> of(const Json& row) const {
    std::vector<const Json*> values(places_.size());
    for (const auto& [name, value] : row.items())
      if (auto place = places_.find(name); place != places_.end() && !value.is_null())
        values[place->second] = &value;
    return values;
  }

 private:
  std::map<std::string, size_t> places_;
};

std::string cell(const Json* value) {
  if (!value) return "";
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_number_float()) return dump_json(*value);
  return is_finite(*value) ? fmt::format("{:.6g}", value->get<double>())
                           : metric_text(value->get<double>());
}

std::string csv_text(const Json* value) {
  if (!value) return "";
  if (value->is_number_float() && !is_finite(*value)) return metric_text(value->get<double>());
  return value->is_string() ? value->get<std::string>() : dump_json(*value);
}

// On a terminal, what a program reported must not move its cursor.
std::string csv(const Metrics& metrics, bool for_terminal) {
  std::string text;
  auto put = [&](size_t column, const std::string& field) {
    text += (column > 0 ? "," : "") + csv_field(for_terminal ? printable(field) : field);
    if (column + 1 == metrics.names.size()) text += "\n";
  };
  for (size_t i = 0; i < metrics.names.size(); ++i) put(i, metrics.names[i]);
  const Columns columns(metrics.names);
  for (const auto& row : metrics.rows) {
    const auto values = columns.of(row);
    for (size_t i = 0; i < values.size(); ++i) put(i, csv_text(values[i]));
  }
  return text;
}

std::string table(const Terminal& terminal, const Metrics& metrics) {
  Table table(metrics.names);
  const Columns columns(metrics.names);
  size_t count = metrics.rows.size(), first = count > kShownRows ? count - kShownRows : 0;
  for (size_t i = first; i < count; ++i) {
    std::vector<std::string> cells;
    for (const Json* value : columns.of(metrics.rows[i])) cells.push_back(cell(value));
    table.add(std::move(cells));
  }
  std::string text = table.text(terminal);
  if (first > 0) text += fmt::format("({} earlier rows; --csv or --json prints all)\n", first);
  return text;
}

std::string plot(const Terminal& terminal, const std::string& lines,
                 const std::vector<std::string>& wanted) {
  auto series = metric_series(lines).series;
  if (!wanted.empty())
    series.erase(std::remove_if(series.begin(), series.end(),
                                [&](const MetricSeries& one) {
                                  return std::find(wanted.begin(), wanted.end(), one.name) ==
                                         wanted.end();
                                }),
                 series.end());
  TerminalStyle style;
  style.width = std::clamp(terminal.options().size().width, kMinPlot, kMaxPlot);
  style.utf8 = terminal.options().unicode;
  style.color = terminal.options().colours && terminal.options().out_is_terminal;
  return terminal_plot(series, style);
}

// "reported were loss, acc".
std::string reported_text(const Metrics& metrics) {
  std::string text;
  size_t more = 0;
  for (const auto& name : metrics.names) {
    if (text.size() < 200)
      text += (text.empty() ? "" : ", ") + shortened(name);
    else
      ++more;
  }
  if (text.empty()) return "the job has reported none";
  return "reported were " + text + (more > 0 ? fmt::format(" and {} more", more) : "");
}

// Keeps `step` and the names that were asked for.
Status choose(Metrics& metrics, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return {};
  for (const auto& name : wanted) {
    if (std::find(metrics.names.begin(), metrics.names.end(), name) != metrics.names.end())
      continue;
    auto near = did_you_mean(name, metrics.names);
    return Error{Code::not_found, "no metric " + printable(name) + " was reported",
                 near ? "did you mean " + printable(*near) + "?" : reported_text(metrics)};
  }
  std::vector<std::string> names;
  for (const auto& name : metrics.names)
    if (name == "step" || std::find(wanted.begin(), wanted.end(), name) != wanted.end())
      names.push_back(name);
  metrics.names = names;
  return {};
}

Result<int> run(Context& context) {
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(History history, open_job(session, context.arguments.text("JOB")));
  BATON_ASSIGN(std::string lines, read_metrics(*session.ledger, history));
  Metrics metrics = parse_metrics(lines);
  BATON_TRY(choose(metrics, context.arguments.all("--name")));
  if (metrics.bad_lines > 0)
    context.terminal.say(
        fmt::format("left out {} that {} of at most {} MiB", counted(metrics.bad_lines, "line"),
                    metrics.bad_lines == 1 ? "is no JSON object" : "are no JSON objects",
                    kMaxMetricsLine >> 20));
  if (context.arguments.has("--json")) {
    std::string text;
    for (const auto& row : metrics.rows) text += dump_json(row) + "\n";
    context.terminal.print(text);
  } else if (context.arguments.has("--csv")) {
    context.terminal.print(csv(metrics, context.terminal.options().out_is_terminal));
  } else if (context.arguments.has("--plot")) {
    context.terminal.print(plot(context.terminal, lines, context.arguments.all("--name")));
  } else if (metrics.rows.empty()) {
    context.terminal.say("job " + history.job().id + " has not reported any metrics");
  } else {
    context.terminal.print(table(context.terminal, metrics));
  }
  return 0;
}

}  // namespace

Command metrics_command() {
  Command command;
  command.name = "metrics";
  command.summary = "what the program reported, as table, plot, CSV or JSON";
  command.details = "Each row stands there once, however often the job was preempted.";
  command.examples =
      "  baton metrics latest\n"
      "  baton metrics latest --name loss --plot\n"
      "  baton metrics latest --csv > metrics.csv\n";
  command.positionals = {{"JOB", "the job", Names::job}};
  command.options = {{"--name", "-n", "NAME", "only this metric", Names::text, true},
                     {"--plot", "-p", "", "draw it over the steps"},
                     {"--csv", "", "", "print every row as CSV"},
                     {"--json", "", "", "print JSON lines, as the program wrote them"},
                     store_option()};
  command.one_of = {"--plot", "--csv", "--json"};
  command.run = run;
  return command;
}

}  // namespace baton
