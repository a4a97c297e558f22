#include <fmt/format.h>

#include "agent/watch.h"
#include "base/text.h"

namespace baton {
namespace {

constexpr int kTries = 8;  // of a capture that the program asked for, while files keep changing
constexpr int64_t kRetryMs = 250;

std::string refusal(const std::string& why) {
  return dump_json(Json{{"ok", false}, {"error", why}});
}

}  // namespace

void Watch::read_program() {
  for (const auto& request : socket_.read()) {
    auto json = parse_json(request.line, "the request");
    std::string op = json.ok() ? get_string(*json, "op") : "";
    if (op == "commit") {
      a_.program_commits = true;
      if (a_.end.killed_by_agent) {
        socket_.answer(request.client, refusal("the time is up"));
      } else if (capturing_ || retry_capture_at_ >= 0) {
        queued_.push_back(request.client);
        asked_again_ = true;
      } else {
        waiting_.push_back(request.client);
        asked_ = true;
        start_capture();
      }
    } else {
      socket_.answer(request.client, refusal("expected {\"op\":\"commit\"}"));
    }
  }
  forget_gone_clients();
}

void Watch::forget_gone_clients() {
  for (auto* clients : {&waiting_, &queued_})
    std::erase_if(*clients, [this](auto client) { return !socket_.knows(client); });
}

void Watch::start_capture() {
  retry_capture_at_ = -1;
  capturing_ = true;
  if (!a_.in_doubt) return capture();
  a_.errands.post([this, &a = a_, manifest = a_.in_doubt->captured.manifest]() -> Errands::After {
    auto stands = look_for_commit(a, manifest);
    return [this, stands] { return on_looked_for(stands); };
  });
}

Status Watch::on_looked_for(const Result<bool>& stands) {
  Status settled = stands.ok() ? settle_commit(a_, *stands) : Status(stands.error());
  if (settled.ok())
    capture();
  else
    on_capture_failed(settled.error());
  return {};
}

void Watch::capture() {
  captures_->post([this, &a = a_, seq = a_.next_seq]() -> Errands::After {
    CommittedLook look{look_at_tree(a.paths.checkpoint), look_at_tree(a.paths.results),
                       look_at_tree(a.paths.metrics)};
    CaptureOptions options;
    options.cancelled = [this] { return given_up_.load(); };
    auto capture = std::make_shared<const Result<Captured>>(a.committer->capture(
        a.roots(), seq, metrics_size(a.paths), a.parts.clock.wall_ms(), options));
    return [this, look, capture] {
      if (capture->ok())
        record(capture, look);
      else
        on_capture_failed(capture->error());
      return Status();
    };
  });
}

void Watch::answer_all(const std::string& line) {
  for (auto client : waiting_) socket_.answer(client, line);
  waiting_.clear();
  asked_ = false;
  capture_tries_ = 0;
}

void Watch::start_queued() {
  // Who asked while it ran wants what he wrote meanwhile.
  if (!asked_again_ || ended_) return;
  waiting_.swap(queued_);
  asked_ = true;
  asked_again_ = false;
  start_capture();
}

void Watch::record(const Capture& capture, const CommittedLook& look) {
  a_.errands.post([this, &a = a_, capture, look]() -> Errands::After {
    auto took_ms = record_commit(a, **capture);
    return [this, capture, look, took_ms] { return on_recorded(**capture, took_ms, look); };
  });
}

Status Watch::on_recorded(const Captured& captured, const Result<int64_t>& took_ms,
                          const CommittedLook& look) {
  capturing_ = false;
  next_periodic_ = parts_.clock.mono_ms() + a_.spec().checkpoint_every_ms;
  Status adopted = took_ms.ok() ? adopt_commit(a_, captured, *took_ms) : took_ms.error();
  if (adopted.ok()) {
    a_.committed = look;
    answer_all(
        dump_json(Json{{"ok", true}, {"commit", commit_name(captured.manifest.seq, a_.number)}}));
    captures_->post([this, &a = a_, kept = a_.kept]() -> Errands::After {
      Status dropped = drop_old_commits(a, kept, [this] { return in_haste_.load(); });
      a.old_commits_left = in_haste_;
      if (!dropped.ok()) a.parts.log.debug(dropped.error().text());  // it waits for the next time
      return nullptr;
    });
  } else {
    answer_all(refusal(adopted.error().message));
    if (adopted.is(Code::fenced)) return adopted;
    if (!took_ms.ok()) a_.in_doubt = CommitInDoubt{captured, look};
    parts_.view.insist("the commit could not be recorded, the last one stays good: " +
                       adopted.error().text());
  }
  start_queued();
  return {};
}

void Watch::on_capture_failed(const Error& error) {
  capturing_ = false;
  int64_t now = parts_.clock.mono_ms();
  next_periodic_ = now + a_.spec().checkpoint_every_ms;
  bool changing = error.code == Code::transient;
  if (changing && asked_ && ++capture_tries_ < kTries && !ended_) {
    retry_capture_at_ = now + kRetryMs;
    return;
  }
  if (!asked_ && changing) {
    next_periodic_ = now + parts_.times.quiet;  // caught in the middle of a write: look again soon
  } else if (error.code != Code::cancelled) {
    parts_.view.insist("commit failed, the last one stays good: " + error.text());
  }
  answer_all(refusal(error.message));
  start_queued();
}

void Watch::consider_periodic(int64_t now) {
  if (a_.program_commits || capturing_ || now < next_periodic_ || ended_ ||
      a_.end.cause != StopCause::none)
    return;
  next_periodic_ = now + parts_.times.quiet;
  CommittedLook look{look_at_tree(a_.paths.checkpoint), look_at_tree(a_.paths.results),
                     look_at_tree(a_.paths.metrics)};
  auto same = [](const TreeLook& a, const TreeLook& b) { return a.signature == b.signature; };
  CommitFacts facts;
  facts.checkpoint_used = look.checkpoint.entries > 0;
  facts.checkpoint_changed = !same(look.checkpoint, a_.committed.checkpoint);
  facts.anything_changed = facts.checkpoint_changed || !same(look.results, a_.committed.results) ||
                           !same(look.metrics, a_.committed.metrics);
  const TreeLook& judged = facts.checkpoint_used ? look.checkpoint : look.results;
  const TreeLook* last = !last_look_             ? nullptr
                         : facts.checkpoint_used ? &last_look_->checkpoint
                                                 : &last_look_->results;
  facts.was_quiet = last && same(*last, judged) &&
                    parts_.clock.wall_ms() - judged.newest_ms >= parts_.times.quiet;
  last_look_ = look;
  if (!wants_periodic_commit(facts) || has_open_writer(a_.container->pids(), a_.paths.checkpoint))
    return;
  start_capture();
}

}  // namespace baton
