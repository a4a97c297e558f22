// Logs and metrics: chunks follow each other without gap.
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "ledger/check_job.h"

namespace baton {
namespace {

constexpr uint64_t kMaxChunk = 8 << 20;

template <class Number>
bool parse(std::string_view text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// Where the stream of an attempt begins.
uint64_t start_of(const JobFacts& facts, const std::string& stream, int attempt) {
  if (stream != "metrics") return 0;
  for (const AttemptSummary& summary : facts.summary.attempts)
    if (summary.attempt == attempt) return summary.claimed.metrics_from;
  return 0;
}

void check_stream(const JobObjects& objects, const std::string& stream, JobFacts& facts) {
  auto add = [&](const std::string& name, const std::string& kind, const std::string& meaning,
                 bool harmless) {
    facts.findings.push_back({"jobs/" + facts.id + "/" + name, kind, meaning, harmless});
  };
  int of = 0;
  uint64_t next = 0;
  const std::string prefix = stream + "/";
  // Chunks come attempt by attempt, and within one by offset, which has a fixed number of digits.
  for (auto it = objects.lower_bound(prefix); it != objects.end() && starts_with(it->first, prefix);
       ++it) {
    const auto& [name, size] = *it;
    auto parts = split(name, '/');
    int attempt = 0;
    uint64_t offset = 0;
    if (parts.size() != 3 || parts[2].size() != 12 || !parse(parts[1], attempt) || attempt < 1 ||
        !parse(parts[2], offset)) {
      add(name, kUnknownObject, "its name is none of a chunk, and it is never read", true);
      continue;
    }
    if (attempt != of) next = start_of(facts, stream, attempt);
    of = attempt;
    if (facts.readable && attempt > facts.summary.attempt) {
      add(name, kUnknownObject, fmt::format("job {} has no attempt {}", facts.id, attempt), false);
      continue;
    }
    if (offset != next)
      add(name, "gap in " + stream,
          fmt::format("bytes {} to {} of the {} of job {}, attempt {}, are {}; what comes behind "
                      "is not shown; commits are not "
                      "affected",
                      std::min(next, offset), std::max(next, offset), stream, facts.id, attempt,
                      offset > next ? "missing" : "there twice"),
          false);
    if (size > kMaxChunk)
      add(name, "damaged " + stream,
          fmt::format("the chunk has {} bytes, and baton writes {} at most", size, kMaxChunk),
          false);
    next = offset + size;
  }
}

}  // namespace

void check_streams(const JobObjects& objects, JobFacts& facts) {
  check_stream(objects, "logs", facts);
  check_stream(objects, "metrics", facts);
}

}  // namespace baton
