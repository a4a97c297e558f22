#include "control/sweep_driver.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.h"
#include "control/requests.h"

namespace baton {

Result<SweepEnd> SweepDriver::run(const std::string& sweep_id,
                                  const std::optional<SweepEvent>& resume_event) {
  BATON_TRY(open(sweep_id));
  BATON_ASSIGN(bool free, await_driver());
  if (!free) return SweepEnd::left;
  bool recorded = false;
  if (resume_event) {
    BATON_ASSIGN(recorded, resume(*resume_event));
  }
  if (state().ended)
    return Error{Code::invalid, "sweep " + sweep_id + " has ended",
                 "`baton sweep resume " + sweep_id + " --trials N` extends it"};
  Status claimed = claim();
  if (claimed.is(Code::fenced) && recorded) return SweepEnd::taken;
  BATON_TRY(claimed);
  BATON_TRY(rebuild_tuner());
  BATON_TRY(adopt_running());
  started_mono_ = parts_.clock.mono_ms();
  next_beat_ = started_mono_ + parts_.times.beat;
  next_save_ = started_mono_ + parts_.times.save;
  while (true) {
    SweepStep step = failure_ ? *failure_ : next_step(state(), facts(), sweep().spec().maximize);
    if (failure_ && !running_.empty()) step = {SweepStep::Kind::wait, 0, {}, ""};
    BATON_ASSIGN(bool more, act(step));
    if (!more) break;
    BATON_TRY(on_time());
  }
  Status ignored;  // hints, and time that will not count
  if (!state().ended) ignored = record_time();
  ignored = parts_.sweeps.put_summary(*history_);
  ignored = parts_.sweeps.put_tuner(sweep_id, state(), tuner_->save());
  parts_.view.tick(state(), running_.size());
  return state().ended ? SweepEnd::ended : SweepEnd::left;
}

// False where there was nothing to record.
Result<bool> SweepDriver::resume(const SweepEvent& event) {
  bool limits = event.trials || event.parallel || event.time_ms || event.target;
  if (!state().ended && !state().stop_requested && !limits) return false;
  SweepEvent resumed = event;
  resumed.type = SweepEventType::resumed;
  auto appended =
      history_->append(resumed, parts_.clock.wall_ms(), [](const SweepState&) { return Status(); });
  if (!appended.ok()) return appended.error();
  return true;
}

SweepFacts SweepDriver::facts() const {
  SweepFacts facts;
  facts.running = running_;
  facts.stopping = stopping_;
  facts.slots = parts_.slots;
  facts.leaving = leaving_;
  facts.dry = dry_;
  facts.exhausted = exhausted_;
  facts.used_ms = used_ms_at(state(), parts_.clock.wall_ms());
  return facts;
}

// Ours only while nobody else has claimed the sweep.
Result<SweepEvent> SweepDriver::append(SweepEvent event,
                                       const std::function<Status(const SweepState&)>& accept) {
  auto ours = [&](const SweepState& now) -> Status {
    if (now.driver && now.driver->agent == agent_) return accept ? accept(now) : Status();
    return Error{Code::fenced, "another process runs this sweep now",
                 "nothing is lost: it goes on with the same trials"};
  };
  BATON_TRY(ours(state()));
  return history_->append(std::move(event), parts_.clock.wall_ms(), ours);
}

// News that are there already: what was to be done is decided anew after them. False when there are
// none.
Result<bool> SweepDriver::heed() {
  BATON_ASSIGN(auto news, parts_.runner.wait(0));
  if (!news.stop && !news.leave && news.ended.empty()) return false;
  BATON_TRY(on_news(news));
  return true;
}

// Whether the sweep ends so all the same, with what others have recorded by now.
Status SweepDriver::still_ends(SweepOutcome outcome) const {
  if (failure_) return {};
  const SweepStep now = next_step(state(), facts(), sweep().spec().maximize);
  if (now.kind == SweepStep::Kind::end && now.outcome == outcome) return {};
  return Error{Code::transient, "the sweep was just extended", ""};
}

// False when the end is recorded.
Result<bool> SweepDriver::end(const SweepStep& step) {
  SweepEvent event;
  event.type = SweepEventType::ended;
  event.end = step.outcome;
  event.reason = step.reason;
  auto appended = append(event, [&](const SweepState&) { return still_ends(step.outcome); });
  if (appended.ok()) return false;
  if (!still_ends(step.outcome).ok()) return true;
  return appended.error();
}

// False when there is nothing more to do.
Result<bool> SweepDriver::act(const SweepStep& step) {
  switch (step.kind) {
    case SweepStep::Kind::ask:
    case SweepStep::Kind::attend: {
      BATON_ASSIGN(bool news, heed());
      if (!news) BATON_TRY(step.kind == SweepStep::Kind::ask ? ask() : attend(step.trial));
      return true;
    }
    case SweepStep::Kind::stop:
      BATON_TRY(stop(step.trial));
      return true;
    case SweepStep::Kind::release:
      parts_.runner.release_all();
      stopping_ = running_;
      return true;
    case SweepStep::Kind::wait:
      BATON_TRY(wait());
      return true;
    case SweepStep::Kind::leave:
      return false;
    case SweepStep::Kind::end:
      return end(step);
  }
  return false;
}

// Whether the optimiser does not know yet how many trials there are to be.
bool SweepDriver::outgrown() const {
  return method_has_budgets(sweep().spec().method) && planned_ != state().max_trials;
}

// For append(): what the optimiser said is recorded only where a replay would have it say the same,
// which is before an extension that it does not know of.
Status SweepDriver::still_planned() const {
  if (!outgrown()) return {};
  return Error{Code::transient, "the sweep was just extended", ""};
}

Status SweepDriver::ask() {
  if (outgrown()) BATON_TRY(rebuild_tuner());
  const SweepState& now = state();
  bool full = now.max_trials > 0 && now.trials.size() >= static_cast<size_t>(now.max_trials);
  auto suggested = tuner_->ask(now, full);
  if (suggested.is(Code::not_found) || suggested.is(Code::transient)) {
    dry_ = true;
    exhausted_ = suggested.is(Code::not_found) && !full ? suggested.error().message : "";
    return {};
  }
  if (!suggested.ok()) return suggested.error();
  const bool fresh = suggested->job.empty() && suggested->parent == 0;
  if (suggested->job.empty()) suggested->job = new_job_id(parts_.clock.wall_ms());
  auto appended = append(*suggested, [this](const SweepState&) { return still_planned(); });
  if (!appended.ok()) return outgrown() ? rebuild_tuner() : Status(appended.error());
  const SweepEvent& asked = *appended;
  tuner_->note(asked, now);
  // Nothing of a new trial's job can exist yet, so nothing is looked for.
  // One that was only about to pause is looked at when its agent ends.
  if (!fresh) return running_.contains(asked.trial) ? Status() : attend(asked.trial);
  BATON_TRY(make_job(asked.trial));
  bool open = now.trial(asked.trial).state == SweepTrial::State::open;
  return open ? start(asked.trial, nullptr) : Status();
}

Status SweepDriver::wait() {
  int64_t now = parts_.clock.mono_ms();
  int64_t until = std::min({next_beat_, next_look_, now + parts_.times.look});
  BATON_ASSIGN(auto news, parts_.runner.wait(std::max<int64_t>(0, until - now)));
  return on_news(news);
}

Status SweepDriver::on_news(const TrialRunner::News& news) {
  if (news.leave) leaving_ = true;
  if (news.stop) {
    // Recorded first, so that jobs that end now are known to have been stopped with the sweep.
    SweepEvent event;
    event.type = SweepEventType::stop_requested;
    event.reason = news.hung_up ? "the terminal was closed" : "stopped by Ctrl-C";
    if (!state().stop_requested) BATON_TRY(append(event));
    parts_.runner.stop_all();
  }
  for (uint64_t trial : news.ended) {
    running_.erase(trial);
    stopping_.erase(trial);
    BATON_ASSIGN(History * history, look(trial));
    BATON_TRY(conclude(trial, *history));
    histories_.erase(trial);
  }
  int64_t now = parts_.clock.mono_ms();
  if (now < next_look_) return {};
  next_look_ = now + parts_.times.look;
  BATON_TRY(history_->refresh());
  if (!state().driver || state().driver->agent != agent_)
    return Error{Code::fenced, "another process runs this sweep now", ""};
  if (outgrown()) BATON_TRY(rebuild_tuner());
  BATON_TRY(look_elsewhere());
  BATON_TRY(read_reports());
  watch_attempts();
  parts_.view.tick(state(), running_.size());
  return {};
}

// Tells of each preemption once; those before this driver came are old news (attend()). A lost
// attempt is known as one when another agent has taken the job over.
void SweepDriver::tell_interruptions(uint64_t trial, const Summary& summary) {
  for (int& told = interruptions_[trial]; told < summary.preemptions; ++told)
    parts_.view.interrupted(trial, fmt::format("trial {} was preempted, goes on{}", trial,
                                               leaving_ ? " when the sweep does" : ""));
}

// An agent goes on by itself after many a preemption, which only the job's own events tell.
void SweepDriver::watch_attempts() {
  int64_t now = parts_.clock.mono_ms();
  if (now < next_watch_) return;
  next_watch_ = now + parts_.times.watch;
  for (uint64_t trial : running_)
    if (auto history = look(trial); history.ok()) tell_interruptions(trial, (*history)->summary());
}

// So that a limit of time counts over all drivers.
Status SweepDriver::record_time() {
  SweepEvent event;
  event.type = SweepEventType::reported;
  auto appended = append(event);
  return appended.ok() ? Status() : Status(appended.error());
}

// Heartbeat and hints: failing to write one is no reason to stop.
Status SweepDriver::on_time() {
  int64_t now = parts_.clock.mono_ms();
  Status ignored;
  if (now >= next_beat_) {
    next_beat_ = now + parts_.times.beat;
    ignored = parts_.sweeps.beat(sweep().base.id, claim_, Json{{"agent", agent_}});
  }
  if (now >= next_hint_) {
    next_hint_ = now + parts_.times.hint;
    ignored = parts_.sweeps.put_summary(*history_);
  }
  if (now >= next_save_) {
    next_save_ = now + parts_.times.save;
    ignored = parts_.sweeps.put_tuner(sweep().base.id, state(), tuner_->save());
  }
  const bool limited = state().time_ms > 0 && !state().ended;
  if (limited && parts_.clock.wall_ms() - state().driver_ms >= parts_.times.record)
    return record_time();
  return {};
}

}  // namespace baton
