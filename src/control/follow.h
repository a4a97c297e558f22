// Follow: what a job's program prints, as it comes, from any machine that sees the store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>

#include "base/result.h"
#include "ledger/ledger.h"

namespace baton {

// Receives output of an attempt; an empty piece tells that the attempt begins.
using LogSink = std::function<void(const AttemptSummary& attempt, std::string_view bytes)>;

// Reads the output of a job's attempts, each piece once. Not thread-safe.
class LogReader {
 public:
  // `only`: one attempt's number, or 0 for all.
  LogReader(Ledger& ledger, int only) : ledger_(ledger), only_(only) {}
  // Hands on what came since the last call.
  Status poll(const History& history, const LogSink& sink);

 private:
  Status read(const std::string& job, const AttemptSummary& attempt, const LogSink& sink);

  Ledger& ledger_;
  int only_;
  int current_ = 0;  // attempts before this one are read to their end
  std::map<int, uint64_t> offsets_;
};

enum class FollowEnd {
  final_state,  // the job is final
  abandoned,    // nobody has run it for the given time
  given_up,     // the caller did not want to wait longer
};

// Hands on output until the job is final. `abandon_ms`: how long nobody may own the job before that
// counts as abandoned, -1 for ever. `waiting` is called several times a second; false gives up.
Result<FollowEnd> follow(Ledger& ledger, History& history, LogReader& reader, const LogSink& sink,
                         int64_t abandon_ms, const std::function<bool()>& waiting);

}  // namespace baton
