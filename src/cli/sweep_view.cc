#include "cli/sweep_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "cli/table.h"
#include "control/sweep_report.h"

namespace baton {
namespace {

using Type = SweepEventType;

std::string of_trials(const SweepState& state) {
  return state.max_trials > 0 ? fmt::format("{}/{}", state.closed(), state.max_trials)
                              : std::to_string(state.closed());
}

std::string counts_text(const SweepState& state, const std::string& running = "") {
  const int of = state.max_trials > 0 ? state.max_trials : state.closed();
  std::string text = of_trials(state) + (of == 1 ? " trial done" : " trials done") + running;
  for (auto outcome : {TrialOutcome::failed, TrialOutcome::pruned, TrialOutcome::stopped})
    if (int count = state.counts[static_cast<size_t>(outcome)])
      text += fmt::format(
          ", {} {}", count,
          outcome == TrialOutcome::pruned ? "stopped early" : trial_outcome_name(outcome));
  if (state.paused > 0) text += fmt::format(", {} paused", state.paused);
  if (state.ended && !state.open.empty())
    text += fmt::format(", {} interrupted", state.open.size());
  return text;
}

std::string closed_line(const Sweep& sweep, const SweepEvent& event, const SweepState& after) {
  std::string text = fmt::format("trial {}", event.trial);
  if (event.outcome == TrialOutcome::failed || event.outcome == TrialOutcome::stopped)
    text += fmt::format(" {}: {}", trial_outcome_name(event.outcome), printable(event.reason));
  else if (event.value)
    text += fmt::format("{}: {} {}", event.outcome == TrialOutcome::pruned ? " stopped early" : "",
                        printable(sweep.spec().metric), short_number(*event.value));
  else
    text += " done";
  text += fmt::format(" after {}", human_duration_ms(event.ran_ms));
  if (event.attempts > 1) text += fmt::format(", {} attempts", event.attempts);
  if (after.best == event.trial) text += ", the best so far";
  return text + " (" + of_trials(after) + ")";
}

std::string resumed_line(const SweepEvent& event) {
  std::string text = "the sweep goes on";
  if (event.trials) text += ", up to " + counted(static_cast<uint64_t>(*event.trials), "trial");
  if (event.parallel) text += fmt::format(", {} at once", *event.parallel);
  if (event.time_ms) text += fmt::format(", for {} in all", human_duration_ms(*event.time_ms));
  if (event.target) text += fmt::format(", to a target of {}", short_number(*event.target));
  return text;
}

class LinesView : public SweepView {
 public:
  LinesView(Terminal& terminal, const Sweep& sweep) : terminal_(terminal), sweep_(sweep) {}
  void event(const SweepEvent& event, const SweepState& after) override {
    std::string line = event_line(sweep_, event, after);
    if (!line.empty()) terminal_.print(line + "\n");
  }
  void interrupted(uint64_t, const std::string& line) override { terminal_.print(line + "\n"); }
  void tick(const SweepState&, size_t) override {}
  void tell(const std::string& line) override { terminal_.insist(printable(line)); }

 private:
  Terminal& terminal_;
  const Sweep& sweep_;
};

class JsonView : public SweepView {
 public:
  explicit JsonView(Terminal& terminal) : terminal_(terminal) {}
  void event(const SweepEvent& event, const SweepState& after) override {
    auto json = parse_json(encode_sweep_event(event), "event");
    if (!json.ok()) return;
    (*json)["best"] = after.best ? Json(*after.trial(*after.best).value) : Json();
    terminal_.print(dump_json(*json) + "\n");
  }
  // Not one of the sweep's events: the trial's job has recorded it.
  void interrupted(uint64_t trial, const std::string& line) override {
    terminal_.print(dump_json(Json{{"type", "interrupted"}, {"trial", trial}, {"reason", line}}) +
                    "\n");
  }
  void tick(const SweepState&, size_t) override {}
  void tell(const std::string& line) override { terminal_.insist(printable(line)); }

 private:
  Terminal& terminal_;
};

class QuietView : public SweepView {
 public:
  explicit QuietView(Terminal& terminal) : terminal_(terminal) {}
  void event(const SweepEvent&, const SweepState&) override {}
  void tick(const SweepState&, size_t) override {}
  void tell(const std::string& line) override { terminal_.insist(printable(line)); }

 private:
  Terminal& terminal_;
};

// A block at the bottom of the terminal that is drawn anew a few times a second.
class TableView : public SweepView {
 public:
  TableView(Terminal& terminal, const Sweep& sweep) : terminal_(terminal), sweep_(sweep) {}

  void interrupted(uint64_t trial, const std::string&) override {
    interrupted_.insert(trial);
    ++interruptions_;
  }

  void event(const SweepEvent& event, const SweepState& after) override {
    if (event.type == Type::closed) {
      interrupted_.erase(event.trial);
      recent_.push_back(event.trial);
      if (recent_.size() > kRecent) recent_.erase(recent_.begin());
    }
    if (event.type == Type::ended) {
      terminal_.block({});
      terminal_.print(state_line(sweep_, after) + "\n");
      over_ = true;
      return;
    }
    bool failed = event.type == Type::closed && event.outcome == TrialOutcome::failed;
    if (failed || event.type == Type::stop_requested || event.type == Type::resumed)
      terminal_.insist(event_line(sweep_, event, after));
  }

  void tick(const SweepState& state, size_t running) override {
    int64_t now = terminal_.clock().mono_ms();
    if (over_ || now - drawn_ms_ < kPeriod) return;
    drawn_ms_ = now;
    // What is cut off on a narrow terminal stands last.
    std::string head = counts_text(state, fmt::format(", {} running", running));
    if (interruptions_ > 0)
      head += fmt::format(", {} preemption{}", interruptions_, interruptions_ == 1 ? "" : "s");
    std::vector<std::string> lines = {head + "  (sweep " + sweep_.base.spec.name + ")"};
    auto best = best_so_far(sweep_, state);
    if (!best.empty() && state.best) {
      const auto width = static_cast<size_t>(terminal_.options().size().width);
      lines.push_back(fmt::format("best {} {}  {}  trial {}: {}", printable(sweep_.spec().metric),
                                  short_number(best.back()),
                                  sparkline(best, std::min(kSpark, width / 3), unicode()),
                                  *state.best, params_text(state.trial(*state.best).params)));
    }
    lines.push_back(
        fmt::format("{:>7}  {:<8} {:>12}  {}", "TRIAL", "STATE", "VALUE", "PARAMETERS"));
    size_t shown = 0;
    for (auto trial = state.open.rbegin(); trial != state.open.rend() && shown < kRunning;
         ++trial, ++shown)
      lines.push_back(row(state, *trial));
    for (auto trial = recent_.rbegin(); trial != recent_.rend(); ++trial)
      lines.push_back(row(state, *trial));
    terminal_.block(lines);
  }

  void tell(const std::string& line) override { terminal_.insist(printable(line)); }

 private:
  static constexpr size_t kRecent = 5, kRunning = 8, kSpark = 40;
  static constexpr int64_t kPeriod = 150;

  bool unicode() const { return terminal_.options().unicode; }

  std::string row(const SweepState& state, uint64_t number) const {
    const SweepTrial& trial = state.trial(number);
    std::string value = trial.value             ? short_number(*trial.value)
                        : trial.reports.empty() ? "-"
                                                : short_number(trial.reports.back().second);
    const char* name = trial.state != SweepTrial::State::open ? trial_state_name(trial)
                       : interrupted_.contains(number)        ? "resumed"
                                                              : "running";
    return fmt::format("  {:>5}  {:<8} {:>12}  {}", number, name, value, params_text(trial.params));
  }

  Terminal& terminal_;
  const Sweep& sweep_;
  std::vector<uint64_t> recent_;
  std::set<uint64_t> interrupted_;  // trials that went on after it, until they are closed
  size_t interruptions_ = 0;
  int64_t drawn_ms_ = -kPeriod;
  bool over_ = false;
};

}  // namespace

std::string sparkline(const std::vector<double>& values, size_t width, bool unicode) {
  static const char* const kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static const char* const kPlain[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
  if (values.empty()) return "";
  auto [least, most] = std::minmax_element(values.begin(), values.end());
  // The span of the largest numbers is none itself; half of the smallest ones would be nothing.
  const double unit = std::isfinite(*most - *least) ? 1 : 0.5;
  const double low = *least * unit, high = *most * unit;
  std::string text;
  size_t cells = std::min(width, values.size());
  for (size_t i = 0; i < cells; ++i) {
    double value = values[(i + 1) * values.size() / cells - 1];
    double height = high > low ? (value * unit - low) / (high - low) : 0.5;
    auto level = std::min<size_t>(7, static_cast<size_t>(height * 8));
    text += (unicode ? kBlocks : kPlain)[level];
  }
  return text;
}

std::string event_line(const Sweep& sweep, const SweepEvent& event, const SweepState& after) {
  switch (event.type) {
    case Type::asked: {
      const SweepTrial& trial = after.trial(event.trial);
      std::string text =
          fmt::format("trial {} started: {}", event.trial, params_text(event.params));
      if (!trial.reports.empty())
        text =
            fmt::format("trial {} goes on from step {}", event.trial, trial.reports.back().first);
      if (event.parent) text += fmt::format(", from trial {}'s checkpoint", event.parent);
      return text + ", job " + event.job;
    }
    case Type::paused:
      return fmt::format("trial {} paused at step {}", event.trial,
                         after.trial(event.trial).reports.back().first);
    case Type::closed:
      return closed_line(sweep, event, after);
    case Type::stop_requested:
      return "the sweep is to stop: " + printable(event.reason);
    case Type::resumed:
      return resumed_line(event);
    case Type::ended:
      return state_line(sweep, after);
    case Type::created:
    case Type::claimed:
    case Type::reported:
      return "";
  }
  return "";
}

std::string state_line(const Sweep& sweep, const SweepState& state) {
  std::string text = fmt::format("sweep {} ({})", sweep.base.id, sweep.base.spec.name);
  if (state.ended) text += std::string(" ") + sweep_outcome_name(state.outcome);
  if (state.ended && !state.reason.empty()) text += ": " + printable(state.reason);
  text += "; " + counts_text(state);
  if (state.best && state.ended)
    text += fmt::format("; best {} {}, trial {}: {}", printable(sweep.spec().metric),
                        short_number(*state.trial(*state.best).value), *state.best,
                        params_text(state.trial(*state.best).params));
  return text;
}

std::unique_ptr<SweepView> make_sweep_view(Terminal& terminal, const Sweep& sweep,
                                           const SweepViewOptions& options) {
  if (options.json) return std::make_unique<JsonView>(terminal);
  if (options.quiet) return std::make_unique<QuietView>(terminal);
  const TerminalOptions& shown = terminal.options();
  if (shown.out_is_terminal && shown.err_is_terminal && shown.moves)
    return std::make_unique<TableView>(terminal, sweep);
  return std::make_unique<LinesView>(terminal, sweep);
}

}  // namespace baton
