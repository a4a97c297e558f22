#include "control/follow.h"

#include "control/inspect.h"

namespace baton {
namespace {

constexpr int64_t kPollMs = 100;
constexpr uint64_t kPiece = 8 << 20;

bool is_owned(const Summary& summary) {
  return summary.state == State::running && !is_abandoned(summary);
}

}  // namespace

Status LogReader::read(const std::string& job, const AttemptSummary& attempt, const LogSink& sink) {
  auto [place, is_new] = offsets_.try_emplace(attempt.attempt, 0);
  if (is_new) sink(attempt, "");
  while (true) {
    auto bytes = ledger_.read_stream(job, "logs", attempt.attempt, place->second, kPiece);
    if (!bytes) return bytes.error();
    if (bytes->empty()) return {};
    place->second += bytes->size();
    sink(attempt, *bytes);
  }
}

Status LogReader::poll(const History& history, const LogSink& sink) {
  for (const auto& attempt : history.summary().attempts) {
    if (attempt.attempt < current_ || (only_ != 0 && attempt.attempt != only_)) continue;
    BATON_TRY(read(history.job().id, attempt, sink));
    current_ = attempt.attempt;
  }
  return {};
}

Result<FollowEnd> follow(Ledger& ledger, History& history, LogReader& reader, const LogSink& sink,
                         int64_t abandon_ms, const std::function<bool()>& waiting) {
  Clock& clock = ledger.clock();
  int64_t owned_at = clock.mono_ms();
  while (true) {
    // First the events, then the output: an attempt's end is written after all of its output.
    BATON_TRY(history.refresh());
    BATON_TRY(reader.poll(history, sink));
    if (is_final(history.summary().state)) return FollowEnd::final_state;
    if (is_owned(history.summary())) owned_at = clock.mono_ms();
    if (abandon_ms >= 0 && clock.mono_ms() - owned_at >= abandon_ms) return FollowEnd::abandoned;
    if (!waiting()) return FollowEnd::given_up;
    clock.sleep_ms(kPollMs);
  }
}

}  // namespace baton
