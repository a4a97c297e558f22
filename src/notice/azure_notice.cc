// Azure: scheduled events.
// https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
// https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
#include <strings.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/text.h"
#include "notice/notice.h"
#include "notice/parse.h"
#include "notice/watcher.h"

namespace baton {
namespace {

constexpr const char* kInstance = "/metadata/instance/compute?api-version=2021-02-01";
constexpr const char* kEvents = "/metadata/scheduledevents?api-version=2020-07-01";
constexpr uint64_t kMaxBody = 4 << 20;
constexpr int64_t kLongestPause = 5;  // polls; well below the 30 s that Preempt gives
constexpr int kAcknowledgeTries = 3;

// What an event means for a running job: the longest notice that Azure gives of it, or that it is
// passed over.
struct Meaning {
  Notice::Kind kind;
  int64_t budget_ms;
  const char* words;
};
const Meaning* meaning_of(const std::string& type) {
  constexpr int64_t kMinute = 60'000;
  static const std::map<std::string, Meaning> kMeanings = {
      {"Preempt", {Notice::Kind::terminate, 30'000, "the spot machine is taken away"}},
      {"Terminate", {Notice::Kind::terminate, 15 * kMinute, "the machine is deleted"}},
      {"Reboot", {Notice::Kind::terminate, 15 * kMinute, "the machine restarts"}},
      {"Redeploy", {Notice::Kind::terminate, 10 * kMinute, "the machine moves and restarts"}},
      {"Freeze", {Notice::Kind::rebalance, 15 * kMinute, "the machine pauses for some seconds"}},
  };
  auto it = kMeanings.find(type);
  return it == kMeanings.end() ? nullptr : &it->second;
}

class AzureNotice : public NoticeSource {
 public:
  AzureNotice(HttpClient& http, Clock& clock, Log& log, std::string base, const WatchTimes& times)
      : http_(http),
        clock_(clock),
        once_(log),
        base_(std::move(base)),
        times_(times),
        pause_(times.azure_poll, times.azure_poll * kLongestPause) {}

  std::string name() const override { return "azure"; }

  bool start(NoticeSink sink) override {
    return thread_.start(
        [this, sink = std::move(sink)](const Cancel& cancel) { watch(sink, cancel); });
  }

  // Sent only for events of this machine alone: it counts for every machine that the event names,
  // and would take away the others' time.
  void acknowledge(const Notice& notice) override {
    std::string event = notice.id.substr(0, notice.id.find('/'));
    {
      std::lock_guard lock(mutex_);
      if (notice.source != "azure" || notice.kind != Notice::Kind::terminate) return;
      if (shared_.count(event) > 0 || !seen_alone_.count(event)) return;
    }
    HttpRequest request = make_request(kEvents);
    request.method = "POST";
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = dump_json({{"StartRequests", Json::array({{{"EventId", event}}})}});
    for (int i = 0; i < kAcknowledgeTries; ++i) {
      auto reply = http_.send(request);
      // 400: the event is over or unknown; repeating cannot help.
      if (reply.ok() && reply->status / 100 != 5 && reply->status != 429 && reply->status != 410)
        return;
      clock_.sleep_ms(times_.azure_poll);
    }
  }

 private:
  struct Told {
    Notice notice;
    bool started;
  };

  void watch(const NoticeSink& sink, const Cancel& cancel) {
    int64_t pause = 0;
    while (!cancel.wait_ms(pause)) {
      // The first call switches the feature on, whatever else is known by then.
      bool good = poll_events(sink, cancel);
      if (name_.empty()) good = read_name(cancel) && poll_events(sink, cancel) && good;
      if (good) pause_.reset();
      pause = good ? times_.azure_poll : pause_.next_ms();
    }
  }

  bool read_name(const Cancel& cancel) {
    auto body = get(kInstance, times_.request, cancel);
    if (!body.ok()) return false;
    auto name = parse_azure_name(*body);
    if (!name.ok()) return failed(name.error().message);
    name_ = *name;
    return true;
  }

  bool poll_events(const NoticeSink& sink, const Cancel& cancel) {
    // Until it has answered once, the service may take two minutes to.
    auto body = get(
        kEvents, answered_ ? times_.request : std::max(times_.request, times_.azure_first), cancel);
    if (!body.ok()) return false;
    answered_ = true;
    auto events = parse_azure_events(*body);
    // What cannot be read says nothing, least of all that earlier events are gone.
    if (!events.ok()) return failed(events.error().message);
    std::set<std::string> listed;
    for (const AzureEvent& event : *events) {
      if (!concerns_us(event)) continue;
      listed.insert(event.id);
      report(event, sink);
    }
    withdraw_all_but(listed, sink);
    return true;
  }

  // The events of the whole placement group are listed.
  bool concerns_us(const AzureEvent& event) {
    bool ours = !name_.empty() && std::any_of(event.resources.begin(), event.resources.end(),
                                              [&](const std::string& r) {
                                                return strcasecmp(r.c_str(), name_.c_str()) == 0;
                                              });
    if (!ours) return false;
    std::lock_guard lock(mutex_);
    (event.resources.size() == 1 ? seen_alone_ : shared_).insert(event.id);
    return true;
  }

  void report(const AzureEvent& event, const NoticeSink& sink) {
    const Meaning* meaning = meaning_of(event.type);
    if (!meaning) {
      once_.warn("type " + event.type, "Azure announces an event of the unknown type \"" +
                                           printable(event.type.substr(0, 100)) +
                                           "\"; it is not taken for a notice");
      return;
    }
    int64_t now = clock_.mono_ms();
    auto told = told_.find(event.id);
    bool brought_forward =
        told != told_.end() && event.started && !told->second.started &&
        told->second.notice.kind == Notice::Kind::terminate &&
        (told->second.notice.deadline_mono_ms < 0 || told->second.notice.deadline_mono_ms > now);
    if (told != told_.end()) told->second.started = told->second.started || event.started;
    if (told != told_.end() && !brought_forward) return;
    Notice notice;
    notice.kind = meaning->kind;
    notice.source = "azure";
    notice.id = brought_forward ? event.id + "/started" : event.id;
    notice.reason = event.type + ": " + meaning->words;
    notice.deadline_mono_ms =
        event.started ? now : deadline_for(clock_, event.not_before_ms, meaning->budget_ms);
    if (told == told_.end()) told_.emplace(event.id, Told{notice, event.started});
    sink(notice);
  }

  // An event that is no longer listed was cancelled, or is over and has spared the machine.
  void withdraw_all_but(const std::set<std::string>& listed, const NoticeSink& sink) {
    for (auto it = told_.begin(); it != told_.end();) {
      if (listed.count(it->first)) {
        ++it;
        continue;
      }
      Notice notice = it->second.notice;
      it = told_.erase(it);
      if (notice.kind != Notice::Kind::terminate) continue;
      notice.kind = Notice::Kind::cancelled;
      sink(notice);
    }
  }

  HttpRequest make_request(const std::string& path) const {
    HttpRequest request;
    request.url = base_ + path;
    request.headers = {{"Metadata", "true"}};
    request.connect_timeout_ms = request.timeout_ms = times_.request;
    request.max_body = kMaxBody;
    request.use_proxy = false;
    return request;
  }

  Result<std::string> get(const std::string& path, int64_t timeout_ms, const Cancel& cancel) {
    HttpRequest request = make_request(path);
    request.timeout_ms = timeout_ms;
    auto reply = http_.send(request, &cancel);
    if (reply.ok() && reply->status == 200) return std::move(reply->body);
    std::string why =
        reply.ok() ? "status " + std::to_string(reply->status) : reply.error().message;
    if (!reply.is(Code::cancelled)) failed(why);
    return Error{Code::transient, why, ""};
  }

  bool failed(const std::string& why) {
    once_.warn("dead", "Azure's metadata service gives no usable answer (" + why +
                           "); notices from it are not heard until it does");
    return false;
  }

  HttpClient& http_;
  Clock& clock_;
  OnceLog once_;
  std::string base_;
  WatchTimes times_;
  Backoff pause_;
  std::string name_;
  bool answered_ = false;
  std::map<std::string, Told> told_;
  std::mutex mutex_;  // guards the next two, which acknowledge() reads from the agent's thread
  std::set<std::string> seen_alone_, shared_;
  WatchThread thread_;
};

}  // namespace

std::unique_ptr<NoticeSource> make_azure_notice(HttpClient& http, Clock& clock, Log& log,
                                                const std::string& base, const WatchTimes& times) {
  return std::make_unique<AzureNotice>(http, clock, log, base, times);
}

}  // namespace baton
