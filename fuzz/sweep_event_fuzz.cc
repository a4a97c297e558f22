// A sweep's record and its events, from a store that anybody may have written to: never a crash or
// an exception; what is accepted survives its encoded form; and no sequence of accepted events
// leads the fold astray.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "model/sweep.h"

using namespace baton;

namespace {

void check(bool holds) {
  if (!holds) abort();
}

// The spec of the sweep whose events follow, where the text is a record; else one without bounds.
SweepSpec spec_of(std::string_view text) {
  auto sweep = decode_sweep(text, "sweep");
  if (!sweep.ok()) return {};
  std::string encoded = encode_sweep(*sweep);
  auto again = decode_sweep(encoded, "sweep");
  check(again.ok() && encode_sweep(*again) == encoded);
  return sweep->spec();
}

void check_state(const SweepState& state) {
  using State = SweepTrial::State;
  int closed = 0, paused = 0;
  size_t open = 0;
  for (size_t i = 0; i < state.trials.size(); ++i) {
    const SweepTrial& trial = state.trials[i];
    closed += trial.state == State::closed;
    paused += trial.state == State::paused;
    bool listed = std::find(state.open.begin(), state.open.end(), i + 1) != state.open.end();
    bool is_open = trial.state != State::closed && trial.state != State::paused;
    check(listed == is_open && trial.parent <= i);
    open += is_open;
    check(!trial.value || std::isfinite(*trial.value));
  }
  check(closed == state.closed() && paused == state.paused && open == state.open.size());
  check(!state.best || (*state.best <= state.trials.size() && state.trial(*state.best).value));
}

}  // namespace

// One event a line; the first line may be a record.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const SweepSpec spec = spec_of(text.substr(0, text.find('\n')));
  SweepState state = initial_state(spec);
  for (const std::string& line : split(text, '\n')) {
    auto event = decode_sweep_event(line, "event");
    if (!event.ok()) {
      check(!event.error().message.empty());
      continue;
    }
    std::string encoded = encode_sweep_event(*event);
    auto again = decode_sweep_event(encoded, "event");
    check(again.ok() && encode_sweep_event(*again) == encoded);
    if (!may_follow(state, *event).ok()) continue;
    bool ended = state.ended;
    apply(state, *event, spec);
    check(!ended || event->type == SweepEventType::resumed);
    check(state.events == event->number);
    check_state(state);
  }
  return 0;
}
