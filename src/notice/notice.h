// NoticeSource: word that this machine will be taken away.
//
// A source watches one place and reports what it hears to a sink. None of them failing ever hurts
// the job: errors are at most logged once. docs/notices.md describes each protocol and its quirks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/result.h"
#include "net/http.h"
#include "os/clock.h"

namespace baton {

struct Notice {
  enum class Kind {
    terminate,  // the machine goes; commit and stop before the deadline
    rebalance,  // raised risk only: commit soon, go on
    cancelled,  // an earlier notice of this source and id was withdrawn
  };
  Kind kind = Kind::terminate;
  std::string source;  // "file", "signal", "aws", "gcp", "azure"
  std::string id;  // the same for repetitions of one notice; "" where the source has no identity
  std::string reason;  // for people: "spot interruption (terminate)"
  int64_t deadline_mono_ms =
      -1;  // on this machine's Clock::mono_ms; -1: unknown, use preemption.grace
};

// Called from the source's own thread; must return quickly. A source reports one notice once per
// id.
using NoticeSink = std::function<void(const Notice&)>;

class NoticeSource {
 public:
  virtual ~NoticeSource() = default;  // stops watching and joins
  virtual std::string name() const = 0;
  // Begins to watch in a thread of its own; called once. False where no thread can be had: then
  // nothing is heard from it.
  virtual bool start(NoticeSink sink) = 0;
  // Tells the provider that this machine is ready for what the notice announced; called by the
  // agent after the final commit. Best effort: returns within seconds, never fails. Thread-safe.
  virtual void acknowledge(const Notice&) {}
};

// The clouds' base URLs; tests point them at a scripted server. Environment variables of the same
// purpose: BATON_AWS_METADATA, BATON_GCP_METADATA, BATON_AZURE_METADATA ("off" disables).
struct MetadataEndpoints {
  std::string aws = "http://169.254.169.254";
  std::string gcp = "http://metadata.google.internal";
  std::string azure = "http://169.254.169.254";
};

struct WatchTimes {  // milliseconds; tests shorten them
  int64_t aws_poll = 5'000;
  int64_t gcp_retry = 5'000;
  int64_t gcp_wait = 60'000;  // long poll
  int64_t azure_poll = 1'000;
  int64_t request = 2'000;        // one metadata request
  int64_t azure_first = 120'000;  // the first scheduled-events call may take two minutes
  int64_t file_poll = 200;
  int64_t file_young = 2'000;  // the file is looked at for so long before inotify is used
  int64_t gcp_budget =
      30'000;  // from "preempted" to the power-off; 120'000 with preemptionNoticeDuration
};

// Reports when `path` exists, once; its content may be JSON {"deadline_ms": 30000, "reason": "…"}
// or anything else.
std::unique_ptr<NoticeSource> make_file_notice(const std::string& path, Clock& clock,
                                               const WatchTimes& times);
std::unique_ptr<NoticeSource> make_aws_notice(HttpClient& http, Clock& clock, Log& log,
                                              const std::string& base, const WatchTimes& times);
std::unique_ptr<NoticeSource> make_gcp_notice(HttpClient& http, Clock& clock, Log& log,
                                              const std::string& base, const WatchTimes& times);
std::unique_ptr<NoticeSource> make_azure_notice(HttpClient& http, Clock& clock, Log& log,
                                                const std::string& base, const WatchTimes& times);

// What applies on this machine: the file, and a cloud's watcher where DMI or an explicit endpoint
// names one.
std::vector<std::unique_ptr<NoticeSource>> make_machine_notices(HttpClient& http, Clock& clock,
                                                                Log& log,
                                                                const std::string& notice_file);

// Reports what the test says.
class FakeNotice : public NoticeSource {
 public:
  std::string name() const override { return "fake"; }
  bool start(NoticeSink sink) override {
    sink_ = std::move(sink);
    return true;
  }
  void report(const Notice& notice) {
    if (sink_) sink_(notice);
  }

 private:
  NoticeSink sink_;
};

}  // namespace baton
