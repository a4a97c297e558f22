// Events and job records, from a store that anybody may have written to: never a crash or an
// exception; what is accepted survives its encoded form; and no sequence of accepted events leads
// the fold astray.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "model/event.h"
#include "model/job.h"

using namespace baton;

namespace {

void check(bool holds) {
  if (!holds) abort();
}

void try_job(std::string_view text) {
  auto job = decode_job(text, "job");
  if (!job.ok()) return;
  std::string encoded = encode_job(*job);
  auto again = decode_job(encoded, "job");
  check(again.ok() && encode_job(*again) == encoded);
}

}  // namespace

// One event a line; a line that is no event is tried as a job.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Summary summary;
  try_job(text);
  for (const std::string& line : split(text, '\n')) {
    auto event = decode_event(line, "event");
    if (!event.ok()) {
      check(!event.error().message.empty());
      continue;
    }
    std::string encoded = encode_event(*event);
    auto again = decode_event(encoded, "event");
    check(again.ok() && encode_event(*again) == encoded);
    if (!may_follow(summary, *event).ok()) continue;
    bool was_final = is_final(summary.state);
    apply(summary, *event, 1, 2);
    check(!was_final || event->type == EventType::resumed);
    check(summary.events == event->number);
    check(static_cast<size_t>(summary.attempt) == summary.attempts.size());
    check(summary.state != State::running || !summary.attempts.back().ended);
  }
  return 0;
}
