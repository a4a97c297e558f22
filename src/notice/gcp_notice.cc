// Google Cloud: the metadata server's long poll.
// https://cloud.google.com/compute/docs/metadata/querying-metadata
// https://cloud.google.com/compute/docs/instances/spot
// https://cloud.google.com/compute/docs/metadata/getting-live-migration-notice
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "notice/notice.h"
#include "notice/parse.h"
#include "notice/watcher.h"

namespace baton {
namespace {

constexpr int64_t kMaintenanceBudgetMs = 60'000;
constexpr uint64_t kMaxBody = 64 << 10;
constexpr const char* kPreempted = "instance/preempted";
constexpr const char* kMaintenance = "instance/maintenance-event";

// The server's name, and its fixed address for where the name cannot be resolved: in a container
// with another name server, or while that one is down.
std::vector<std::string> with_fallback(const std::string& base) {
  constexpr std::string_view kName = "://metadata.google.internal";
  size_t at = base.find(kName);
  if (at == std::string::npos) return {base};
  return {base, base.substr(0, at) + "://169.254.169.254" + base.substr(at + kName.size())};
}

std::string percent_encoded(const std::string& text) {
  std::string out;
  for (char c : text) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

class GcpNotice : public NoticeSource {
 public:
  GcpNotice(HttpClient& http, Clock& clock, Log& log, const std::string& base,
            const WatchTimes& times)
      : http_(http), clock_(clock), once_(log), bases_(with_fallback(base)), times_(times) {}

  std::string name() const override { return "gcp"; }

  bool start(NoticeSink sink) override {
    sink_ = std::move(sink);
    const bool one = preempted_.start([this](const Cancel& cancel) { watch(kPreempted, cancel); });
    const bool other =
        maintenance_.start([this](const Cancel& cancel) { watch(kMaintenance, cancel); });
    return one && other;
  }

 private:
  struct Value {
    std::string text, etag;
  };

  // The value is read first and the long poll names that reading's ETag: wait_for_change alone
  // misses a change that came before the call.
  void watch(const std::string& key, const Cancel& cancel) {
    std::string etag;
    bool announced = false;
    while (!cancel.is_set()) {
      int64_t asked = clock_.mono_ms();
      auto value = read(key, etag, cancel);
      if (value.is(Code::cancelled)) return;
      if (value.ok()) announced = judge(key, value->text, announced);
      bool baseline = etag.empty();
      etag = value.ok() ? value->etag : "";
      // A server without long polls answers at once, for ever.
      bool waited = clock_.mono_ms() - asked >= times_.gcp_retry;
      if (etag.empty() || (!baseline && !waited)) cancel.wait_ms(times_.gcp_retry);
    }
  }

  // Reports what is news; returns whether an end of the machine is announced now.
  bool judge(const std::string& key, const std::string& text, bool announced) {
    bool preempted = key == kPreempted && parse_gcp_preempted(text).value_or(false);
    auto maintenance = key == kMaintenance ? parse_gcp_maintenance(text) : std::nullopt;
    bool ends = preempted || maintenance == GcpMaintenance::terminate;
    if (ends && !announced) report(key, Notice::Kind::terminate);
    bool withdrawn = announced && maintenance && *maintenance != GcpMaintenance::terminate;
    if (withdrawn) report(key, Notice::Kind::cancelled);
    return ends || (announced && !withdrawn);
  }

  void report(const std::string& key, Notice::Kind kind) {
    bool spot = key == kPreempted;
    int64_t budget = spot ? times_.gcp_budget : kMaintenanceBudgetMs;
    Notice notice;
    notice.kind = kind;
    notice.source = "gcp";
    // An announcement has no identity: each one until it is withdrawn is one.
    notice.id = spot ? "preempted" : "maintenance-" + std::to_string(maintenance_count_);
    if (!spot && kind == Notice::Kind::cancelled) ++maintenance_count_;
    notice.reason = spot ? "preempted" : "host maintenance (terminate)";
    notice.deadline_mono_ms = clock_.mono_ms() + budget;
    std::lock_guard lock(sink_mutex_);
    sink_(notice);
  }

  Result<Value> read(const std::string& key, const std::string& etag, const Cancel& cancel) {
    size_t base = base_index_;
    HttpRequest request;
    request.url = bases_[base] + "/computeMetadata/v1/" + key;
    request.timeout_ms = request.connect_timeout_ms = times_.request;
    request.headers = {{"Metadata-Flavor", "Google"}};
    request.max_body = kMaxBody;
    request.use_proxy = false;
    if (!etag.empty()) {
      int64_t seconds = std::max<int64_t>(1, times_.gcp_wait / 1000);
      request.url += "?wait_for_change=true&last_etag=" + percent_encoded(etag) +
                     "&timeout_sec=" + std::to_string(seconds);
      request.timeout_ms = seconds * 1000 + times_.request;
    }
    auto reply = http_.send(request, &cancel);
    if (reply.ok() && reply->status == 200) return Value{reply->body, reply->header("ETag")};
    if (reply.is(Code::cancelled)) return reply.error();
    if (!reply.ok()) base_index_ = (base + 1) % bases_.size();
    std::string why =
        reply.ok() ? "status " + std::to_string(reply->status) : reply.error().message;
    // Metadata proxies of container engines may conceal single values; that is no trouble of the
    // service.
    bool absent = reply.ok() && reply->status == 404;
    if (!absent)
      once_.warn("dead", "Google's metadata server gives no usable answer (" + why +
                             "); notices from it are not heard until it does");
    return Error{Code::transient, why, ""};
  }

  HttpClient& http_;
  Clock& clock_;
  OnceLog once_;
  std::vector<std::string> bases_;
  std::atomic<size_t> base_index_{0};
  WatchTimes times_;
  std::mutex sink_mutex_;
  NoticeSink sink_;
  int maintenance_count_ = 1;
  WatchThread preempted_;
  WatchThread maintenance_;
};

}  // namespace

std::unique_ptr<NoticeSource> make_gcp_notice(HttpClient& http, Clock& clock, Log& log,
                                              const std::string& base, const WatchTimes& times) {
  return std::make_unique<GcpNotice>(http, clock, log, base, times);
}

}  // namespace baton
