// A trial's way: from the record that asks for it to the record that closes it.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "control/inspect.h"
#include "control/requests.h"
#include "control/sweep_driver.h"
#include "control/sweep_value.h"
#include "ledger/commits.h"
#include "ledger/start.h"

namespace baton {
namespace {

// The reason of a sweep's own requests, by which they are told from those of people.
constexpr const char* kStoppedBySweep = "stopped by its sweep";
constexpr int kStartsInVain = 3;
constexpr int kCopies = 10;
constexpr size_t kReportsPerEvent = 5'000;

bool machine_goes(const Summary& summary) {
  if (summary.attempts.empty() || !summary.attempts.back().noticed) return false;
  const std::string& source = summary.attempts.back().noticed->source;
  return source != "request" && source != "file" && source != "signal";
}

// Of the present stretch of the job, none where its agent ended it without being asked.
const Event* last_stop_request(const History& history) {
  const auto& events = history.events();
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->type == EventType::stop_requested) return &*event;
    if (event->type == EventType::resumed) break;
  }
  return nullptr;
}

}  // namespace

// Makes what is recorded of the trial so: its job, and an agent that runs it.
Status SweepDriver::attend(uint64_t trial) {
  const std::string job = state().trial(trial).job;
  auto opened = parts_.ledger.open(job);
  if (opened.is(Code::not_found)) {
    BATON_TRY(make_job(trial));
    if (state().trial(trial).state == SweepTrial::State::closed) return {};
    opened = parts_.ledger.open(job);
  }
  if (!opened.ok()) return opened.error();
  History& history = *opened;
  const Summary& summary = history.summary();
  interruptions_.try_emplace(trial, summary.preemptions);
  if (is_final(summary.state)) return conclude(trial, history);
  bool judged = state().trial(trial).state != SweepTrial::State::open;
  if (summary.state == State::pending) {
    if (!judged) return start(trial, &summary);
    BATON_TRY(request_stop(parts_.ledger, history, kStoppedBySweep));
    return conclude(trial, history);
  }
  const Event owner = summary.attempts.back().claimed;
  if (owner_is_gone(owner)) return start(trial, &summary);
  running_.insert(trial);
  if (owner.boot == parts_.identity.boot) {
    Status adopted = parts_.runner.adopt(trial, owner.pid, owner.pid_start);
    if (adopted.ok()) return {};
    running_.erase(trial);
    return adopted.is(Code::not_found) ? start(trial, &summary) : adopted;
  }
  elsewhere_.emplace(trial,
                     Elsewhere{std::move(history), BeatWatch(parts_.clock, parts_.times.beat_ttl)});
  return {};
}

// What an earlier driver's agents still run is watched from the start, whatever is decided next.
Status SweepDriver::adopt_running() {
  for (uint64_t trial : std::vector<uint64_t>(state().open)) {
    auto history = parts_.ledger.open(state().trial(trial).job);
    if (history.is(Code::not_found)) continue;
    if (!history.ok()) return history.error();
    const Summary& summary = history->summary();
    if (summary.state == State::running && !owner_is_gone(summary.attempts.back().claimed))
      BATON_TRY(attend(trial));
  }
  return {};
}

// A function of the record and the event: whoever makes it makes the same (section 11).
Status SweepDriver::make_job(uint64_t trial) {
  BATON_ASSIGN(Job job, trial_job(sweep(), trial, state().trial(trial)));
  if (job.starts) BATON_TRY(copy_checkpoint(state().trial(trial)));
  BATON_TRY(parts_.ledger.add_job(job));
  auto begun = parts_.ledger.begin(job, state().code_object);
  if (begun.is(Code::exists))
    return close(trial, Summary(), TrialOutcome::stopped, {}, begun.error().message);
  if (!begun.ok()) return begun.error();
  histories_.insert_or_assign(trial, std::move(*begun));
  return {};
}

// Of the commits that the parent keeps, the last one with something left to train; none where its
// metrics (as far as they are in the store) show no such one.
Result<std::optional<Event>> SweepDriver::unfinished_commit(const History& parent) {
  const auto& commits = parent.summary().commits;
  if (commits.empty()) return std::optional<Event>();
  BATON_ASSIGN(std::string lines, read_metrics(parts_.ledger, parent));
  const auto kept = static_cast<size_t>(parent.job().spec.checkpoint_keep);
  for (size_t back = 1; back <= std::min(kept, commits.size()); ++back) {
    const Event& commit = commits[commits.size() - back];
    BATON_ASSIGN(Manifest manifest, read_manifest(parts_.ledger.store(), parent.job().id, commit));
    if (manifest.metrics_bytes > lines.size()) continue;  // nobody knows yet how far it has come
    auto reports = new_reports(lines.substr(0, manifest.metrics_bytes), sweep().spec().metric,
                               std::numeric_limits<int64_t>::min());
    if (reports.empty() || reports.back().first < sweep().spec().max_step)
      return std::optional(commit);
  }
  return std::optional<Event>();
}

// A commit may be cleaned away while it is read: then a later one stands.
Status SweepDriver::copy_checkpoint(const SweepTrial& trial) {
  const std::string& parent = state().trial(trial.parent).job;
  Status copied;
  for (int tries = 0; tries < kCopies; ++tries) {
    auto history = parts_.ledger.open(parent);
    if (!history.ok() && !history.is(Code::not_found)) return history.error();
    auto commit = history.ok() ? unfinished_commit(*history)
                               : Result<std::optional<Event>>(std::optional<Event>());
    copied = commit.ok() ? copy_start(parts_.ledger.store(), parent, *commit, trial.job)
                         : Status(commit.error());
    if (!copied.is(Code::not_found)) return copied;
  }
  return copied;
}

// `summary`: of the job, null for one that was just made.
Status SweepDriver::start(uint64_t trial, const Summary* summary) {
  int attempts = summary ? summary->attempt : 0;
  auto [known, fresh] = tries_.try_emplace(trial, attempts, 0);
  if (!fresh && known->second.first != attempts) known->second = {attempts, 0};
  const std::string& job = state().trial(trial).job;
  if (++known->second.second > kStartsInVain)
    return give_up(fmt::format("trial {} cannot be run: its agent ends at once; its log is {}",
                               trial, parts_.runner.log_path(job)));
  BATON_TRY(parts_.runner.start(trial, job));
  running_.insert(trial);
  return {};
}

Status SweepDriver::stop(uint64_t trial) {
  stopping_.insert(trial);
  BATON_ASSIGN(History history, parts_.ledger.open(state().trial(trial).job));
  if (is_final(history.summary().state)) return {};  // its agent is about to end
  Status asked = request_stop(parts_.ledger, history, kStoppedBySweep);
  // It may have ended by itself just now.
  return asked.is(Code::invalid) || asked.is(Code::fenced) ? Status() : asked;
}

// An agent has ended, or the job was found final.
Status SweepDriver::conclude(uint64_t trial, History& history) {
  const Summary& summary = history.summary();
  // Preempted, or its agent was killed: it stays open, and is attended to again.
  const bool goes_on = !is_final(summary.state);
  if (goes_on && machine_goes(summary) && tries_.contains(trial)) leaving_ = true;
  tell_interruptions(trial, summary);
  if (goes_on) return {};
  while (wants_reports() && state().trial(trial).state == SweepTrial::State::open) {
    const size_t before = state().trial(trial).reports.size();
    BATON_TRY(record_reports({{trial, &history}}));
    if (state().trial(trial).reports.size() == before) break;
  }
  // A program that came to its end before it was stopped counts as any other.
  if (summary.state == State::succeeded) return conclude_succeeded(trial, history);
  if (summary.state == State::failed)
    return close(trial, summary, TrialOutcome::failed, {}, summary.reason);
  const SweepTrial::State judged = state().trial(trial).state;
  if (judged == SweepTrial::State::pausing) return pause(trial, summary);
  if (judged == SweepTrial::State::pruning) return prune(trial, summary);
  return conclude_stopped(trial, history);
}

Status SweepDriver::pause(uint64_t trial, const Summary& summary) {
  SweepEvent event;
  event.type = SweepEventType::paused;
  event.trial = trial;
  event.ran_ms = summary.ran_ms;
  event.attempts = summary.attempt;
  metrics_.erase(trial);
  auto paused = append(event);
  return paused.ok() ? Status() : Status(paused.error());
}

// What goes on beyond its last step is stopped too, and complete.
Status SweepDriver::prune(uint64_t trial, const Summary& summary) {
  const SweepTrial& known = state().trial(trial);
  const SweepSpec& spec = sweep().spec();
  bool complete = spec.max_step > 0 && known.reports.back().first >= spec.max_step;
  return close(trial, summary, complete ? TrialOutcome::value : TrialOutcome::pruned,
               reported_value(known, spec), "");
}

Status SweepDriver::conclude_stopped(uint64_t trial, History& history) {
  const Summary& summary = history.summary();
  // Stopped with the sweep: it stays open, and goes on when the sweep is resumed.
  if (leaving_ || failure_ || reached_limit(state(), facts(), sweep().spec().maximize).has_value())
    return {};
  const Event* request = last_stop_request(history);
  if (request && request->reason != kStoppedBySweep)
    return close(trial, summary, TrialOutcome::stopped, {}, request->reason);
  // Without a request, an agent that we started wants something that this machine does not have.
  if (!request && tries_.contains(trial))
    return give_up(fmt::format("trial {} cannot be run here: {}", trial, summary.reason));
  BATON_TRY(history.refresh());
  if (!is_final(history.summary().state)) return {};  // somebody resumed it: looked at again
  BATON_TRY(request_resume(parts_.ledger, history, "its sweep goes on"));
  return start(trial, &history.summary());
}

Status SweepDriver::conclude_succeeded(uint64_t trial, History& history) {
  const SweepSpec& spec = sweep().spec();
  const Summary& summary = history.summary();
  if (spec.metric.empty()) return close(trial, summary, TrialOutcome::value, {}, "");
  BATON_TRY(metrics_[trial].read_on(parts_.ledger, history));
  TrialValue found = trial_value(metrics_[trial].lines(), spec);
  if (found.value) return close(trial, summary, TrialOutcome::value, found.value, "");
  if (found.names.empty() && state().trial(trial).parent != 0) {
    auto begun_with = read_start(parts_.ledger.store(), state().trial(trial).job);
    if (begun_with.ok() && *begun_with)
      return close(trial, summary, TrialOutcome::stopped, {},
                   fmt::format("nothing was left to train: the checkpoint of trial {} was complete "
                               "before its last report; report first, then commit",
                               state().trial(trial).parent));
  }
  const bool known = metric_is_known();
  BATON_TRY(close(trial, summary, TrialOutcome::failed, {}, found.problem));
  // A program that says nothing at all may have had a bad day; as many as run at once may not.
  const bool too_early = found.names.empty() && state().closed() < state().parallel;
  if (!found.unknown || known || too_early) return {};
  return give_up(fmt::format("trial {}: {}", trial, found.problem),
                 "correct sweep.metric in the spec, or what the program reports, and start a new "
                 "sweep: this one keeps the metric that it began with");
}

// Whether any trial has reported what the sweep goes by: then one that has not is itself to blame.
bool SweepDriver::metric_is_known() const {
  const auto& trials = state().trials;
  return std::any_of(trials.begin(), trials.end(), [](const SweepTrial& trial) {
    return trial.value.has_value() || !trial.reports.empty();
  });
}

Status SweepDriver::close(uint64_t trial, const Summary& summary, TrialOutcome outcome,
                          std::optional<double> value, const std::string& reason) {
  SweepEvent event;
  event.type = SweepEventType::closed;
  event.trial = trial;
  event.outcome = outcome;
  event.value = value;
  event.reason = reason;
  event.ran_ms = summary.ran_ms;
  event.attempts = summary.attempt;
  BATON_ASSIGN(SweepEvent closed, append(event));
  tuner_->note(closed, state());
  tries_.erase(trial);
  metrics_.erase(trial);
  interruptions_.erase(trial);
  parts_.view.tick(state(), running_.size());
  return {};
}

// Ends the sweep for a reason that concerns all its trials; those that run are stopped and stay
// open.
Status SweepDriver::give_up(const std::string& reason, const std::string& remedy) {
  if (failure_) return {};
  remedy_ = remedy;
  failure_ = SweepStep{SweepStep::Kind::end, 0, SweepOutcome::failed, reason};
  for (uint64_t trial : std::set<uint64_t>(running_))
    if (!stopping_.contains(trial)) BATON_TRY(stop(trial));
  return {};
}

bool SweepDriver::wants_reports() const {
  const SweepSpec& spec = sweep().spec();
  return method_has_budgets(spec.method) || spec.stop_early.has_value();
}

// Adds what the trial has reported since the last look, up to a verdict: what comes after one does
// not count.
Status SweepDriver::collect_reports(uint64_t trial, const History& history, SweepEvent& event) {
  const SweepTrial& known = state().trial(trial);
  BATON_TRY(metrics_[trial].read_on(parts_.ledger, history));
  int64_t after = known.reports.empty() ? INT64_MIN : known.reports.back().first;
  for (const auto& [step, value] : metrics_[trial].news(sweep().spec().metric, after)) {
    event.reports.push_back({trial, step, value});
    Verdict verdict = tuner_->report(trial, step, value);
    // Who has come to the end is left to end by itself, as its results are still to be written.
    const int64_t last = sweep().spec().max_step;
    if (last > 0 && step >= last) verdict = step > last ? Verdict::stop : Verdict::go_on;
    if (verdict != Verdict::go_on) event.verdicts.emplace_back(trial, verdict == Verdict::stop);
    if (verdict != Verdict::go_on || event.reports.size() >= kReportsPerEvent) break;
  }
  return {};
}

// Records what the trials have reported since the last look, and the verdicts. They are judged anew
// where the sweep was extended meanwhile.
Status SweepDriver::record_reports(const std::map<uint64_t, const History*>& trials) {
  while (true) {
    if (outgrown()) BATON_TRY(rebuild_tuner());
    SweepEvent event;
    event.type = SweepEventType::reported;
    for (const auto& [trial, history] : trials) BATON_TRY(collect_reports(trial, *history, event));
    if (event.reports.empty()) return {};
    auto appended = append(event, [this](const SweepState&) { return still_planned(); });
    if (appended.ok()) return {};
    if (!outgrown()) return appended.error();
  }
}

// The trial's job, read on from where it was last looked at, until it is final.
Result<History*> SweepDriver::look(uint64_t trial) {
  auto known = histories_.find(trial);
  if (known == histories_.end()) {
    BATON_ASSIGN(History opened, parts_.ledger.open(state().trial(trial).job));
    return &histories_.emplace(trial, std::move(opened)).first->second;
  }
  BATON_TRY(known->second.refresh_until_final());
  return &known->second;
}

// What running trials have reported, where the method wants to know.
Status SweepDriver::read_reports() {
  if (!wants_reports()) return {};
  std::map<uint64_t, const History*> trials;
  for (uint64_t trial : running_) {
    if (state().trial(trial).state != SweepTrial::State::open) continue;
    auto history = look(trial);
    if (history.ok()) trials.emplace(trial, *history);  // else looked at again in a moment
  }
  return record_reports(trials);
}

// Agents on other machines, which only the store tells of.
Status SweepDriver::look_elsewhere() {
  std::vector<uint64_t> done;
  for (auto& [trial, other] : elsewhere_) {
    BATON_TRY(other.history.refresh());
    const Summary& summary = other.history.summary();
    bool over = summary.state != State::running;
    if (!over) {
      auto beat = parts_.ledger.read_beat(other.history.job().id, summary.attempt);
      if (!beat.ok() && !beat.is(Code::not_found)) return beat.error();
      if (!other.watch.stale(beat.ok() ? *beat : "")) continue;
      BATON_TRY(end_as_lost(parts_.ledger, other.history));
    }
    done.push_back(trial);
  }
  for (uint64_t trial : done) {
    auto other = elsewhere_.extract(trial);
    running_.erase(trial);
    stopping_.erase(trial);
    BATON_TRY(conclude(trial, other.mapped().history));
    histories_.erase(trial);
  }
  return {};
}

}  // namespace baton
