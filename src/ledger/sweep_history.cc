// Appending to a sweep's history: as history.cc does for jobs, docs/store-format.md, section 3.
#include <fmt/format.h>

#include "base/ids.h"
#include "ledger/keys.h"
#include "ledger/sweeps.h"

namespace baton {

SweepHistory::SweepHistory(ObjectStore& store, Sweep sweep)
    : store_(&store), sweep_(std::move(sweep)), state_(initial_state(sweep_.spec())) {}

Status SweepHistory::take(const SweepEvent& event) {
  Status allowed = may_follow(state_, event);
  if (!allowed.ok()) return allowed.error().within("sweep " + sweep_.base.id);
  apply(state_, event, sweep_.spec());
  if (pending_ && pending_->number == event.number) pending_.reset();
  if (listener_) listener_(event, state_);
  return {};
}

Result<bool> SweepHistory::read_next() {
  const std::string& id = sweep_.base.id;
  const uint64_t number = state_.events + 1;
  const std::string what = fmt::format("event {} of sweep {}", number, id);
  auto bytes = store_->get(sweep_event_key(id, number), kMaxSweepEventBytes);
  if (bytes.is(Code::not_found)) return false;
  if (bytes.is(Code::invalid)) return Error{Code::corrupt, what + " is too large to be one", ""};
  if (!bytes.ok()) return bytes.error();
  BATON_ASSIGN(SweepEvent event, decode_sweep_event(*bytes, what));
  BATON_TRY(take(event));
  return true;
}

// Nothing of ours may appear later, behind our back: it is created now, or somebody else's takes
// its place.
Status SweepHistory::settle_pending() {
  const SweepEvent event = *pending_;
  Status created =
      store_->create(sweep_event_key(sweep_.base.id, event.number), encode_sweep_event(event));
  if (created.ok()) return take(event);
  return created.is(Code::exists) ? Status() : created;
}

Status SweepHistory::refresh() {
  while (true) {
    BATON_ASSIGN(bool more, read_next());
    if (more) continue;
    if (!pending_) return {};
    BATON_TRY(settle_pending());
  }
}

Result<SweepEvent> SweepHistory::append(SweepEvent event, int64_t wall_ms,
                                        const std::function<Status(const SweepState&)>& accept) {
  if (pending_) {
    // Whatever became of the earlier event, the caller must look at the state anew.
    BATON_TRY(refresh());
    return Error{Code::transient,
                 fmt::format("sweep {} went on meanwhile; look again", sweep_.base.id), ""};
  }
  if (event.nonce.empty()) event.nonce = new_nonce();
  event.at_ms = wall_ms;
  while (true) {
    event.number = state_.events + 1;
    Status allowed = may_follow(state_, event);
    if (!allowed.ok())
      return Error{Code::fenced,
                   fmt::format("sweep {}: {}", sweep_.base.id, allowed.error().message), ""};
    const std::string text = encode_sweep_event(event);
    // What no baton could read would end the sweep for good.
    BATON_TRY(decode_sweep_event(
        text, fmt::format("event {} of sweep {}", event.number, sweep_.base.id)));
    Status created = store_->create(sweep_event_key(sweep_.base.id, event.number), text);
    if (created.ok()) {
      BATON_TRY(take(event));
      return event;
    }
    if (!created.is(Code::exists)) {
      pending_ = event;
      return created.error();
    }
    const uint64_t number = event.number;
    std::string there;
    auto listener = listener_;
    listener_ = [&](const SweepEvent& read, const SweepState& after) {
      if (read.number == number) there = read.nonce;
      if (listener) listener(read, after);
    };
    Status refreshed = refresh();
    listener_ = listener;
    BATON_TRY(refreshed);
    if (state_.events < number)
      return Error{
          Code::transient,
          fmt::format("event {} of sweep {} exists but cannot be read", number, sweep_.base.id),
          ""};
    if (there == event.nonce) return event;
    BATON_TRY(accept(state_));
  }
}

}  // namespace baton
