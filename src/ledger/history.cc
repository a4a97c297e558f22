// Appending to a history, docs/store-format.md section 3.
#include <fmt/format.h>

#include "base/ids.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"

namespace baton {
namespace {

// Whether two events ask for the same thing: a caller that tries again after an unknown outcome
// means the earlier one.
bool same_request(Event a, const Event& b) {
  a.number = b.number;
  a.nonce = b.nonce;
  a.at_ms = b.at_ms;
  return encode_event(a) == encode_event(b);
}

bool of_owner(EventType type) {
  return type == EventType::claimed || type == EventType::started || type == EventType::committed ||
         type == EventType::noticed || type == EventType::ended;
}

}  // namespace

Result<bool> History::read_next() {
  const uint64_t number = summary_.events + 1;
  const std::string what = fmt::format("event {} of job {}", number, job_.id);
  auto bytes = store_->get(event_key(job_.id, number), kMaxEventBytes);
  if (bytes.is(Code::not_found)) return false;
  if (bytes.is(Code::invalid)) return Error{Code::corrupt, what + " is too large to be one", ""};
  if (!bytes.ok()) return bytes.error();
  BATON_ASSIGN(Event event, decode_event(*bytes, what));
  Status allowed = may_follow(summary_, event);
  if (!allowed.ok()) return allowed.error().within("job " + job_.id);
  take(event);
  return true;
}

void History::take(const Event& event) {
  apply(summary_, event, job_.spec.retries, job_.spec.max_preemptions);
  events_.push_back(event);
  if (pending_ && pending_->number == event.number) pending_.reset();
}

Status History::refresh() {
  while (true) {
    BATON_ASSIGN(bool more, read_next());
    if (more) continue;
    if (!pending_) return {};
    // Nothing of ours may appear later, behind our back: it is created now, or somebody else's
    // takes its place.
    Status created = store_->create(event_key(job_.id, pending_->number), encode_event(*pending_));
    if (created.ok())
      take(Event(*pending_));
    else if (!created.is(Code::exists))
      return created;
  }
}

Status History::refresh_until_final() {
  if (pending_) return refresh();
  for (bool more = true; more && !is_final(summary_.state);) {
    BATON_ASSIGN(more, read_next());
  }
  return {};
}

Status History::still_allowed(const Event& event) const {
  Status allowed = may_follow(summary_, event);
  if (allowed.ok()) return {};
  return Error{of_owner(event.type) ? Code::fenced : Code::invalid,
               fmt::format("job {}: {}", job_.id, allowed.error().message), ""};
}

Result<Event> History::append(Event event, int64_t wall_ms,
                              const std::function<Status(const Summary&)>& accept) {
  if (pending_) {
    const Event earlier = *pending_;
    const size_t seen = events_.size();
    BATON_TRY(refresh());
    const bool ours = events_[earlier.number - 1].nonce == earlier.nonce;
    if (ours && same_request(event, earlier)) return earlier;
    if (events_.size() > seen + (ours ? 1 : 0)) BATON_TRY(accept(summary_));
  }
  if (event.nonce.empty()) event.nonce = new_nonce();
  event.at_ms = wall_ms;
  while (true) {
    event.number = summary_.events + 1;
    BATON_TRY(still_allowed(event));
    Status created = store_->create(event_key(job_.id, event.number), encode_event(event));
    if (created.ok()) {
      take(event);
      return event;
    }
    if (!created.is(Code::exists)) {
      pending_ = event;
      return created.error();
    }
    BATON_TRY(refresh());
    if (summary_.events < event.number)
      return Error{
          Code::transient,
          fmt::format("event {} of job {} exists but cannot be read", event.number, job_.id), ""};
    if (events_[event.number - 1].nonce == event.nonce) return events_[event.number - 1];
    BATON_TRY(accept(summary_));
  }
}

}  // namespace baton
