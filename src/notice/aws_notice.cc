// AWS: the instance metadata service, version 2.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
#include <algorithm>
#include <string>

#include "notice/notice.h"
#include "notice/parse.h"
#include "notice/watcher.h"

namespace baton {
namespace {

constexpr int64_t kTokenSeconds = 21'600;  // the longest allowed
constexpr int64_t kTokenRenewMs = (kTokenSeconds - 300) * 1000;
constexpr int64_t kBudgetMs = 120'000;
constexpr int64_t kLongestPause = 6;  // polls
constexpr uint64_t kMaxBody = 64 << 10;

class AwsNotice : public NoticeSource {
 public:
  AwsNotice(HttpClient& http, Clock& clock, Log& log, std::string base, const WatchTimes& times)
      : http_(http),
        clock_(clock),
        once_(log),
        base_(std::move(base)),
        times_(times),
        throttle_(times.aws_poll * 2, times.aws_poll * kLongestPause) {}

  std::string name() const override { return "aws"; }

  bool start(NoticeSink sink) override {
    return thread_.start(
        [this, sink = std::move(sink)](const Cancel& cancel) { watch(sink, cancel); });
  }

 private:
  enum class Outcome { answer, none, failed, throttled, disabled };

  void watch(const NoticeSink& sink, const Cancel& cancel) {
    int64_t pause = 0;
    while (!cancel.wait_ms(pause)) {
      Outcome action = poll_action(sink, cancel);
      // A definite "forbidden": the service is switched off for this machine, and stays so.
      if (action == Outcome::disabled) return;
      bool throttled = action == Outcome::throttled;
      if (action == Outcome::answer || action == Outcome::none)
        throttled = poll_rebalance(sink, cancel) == Outcome::throttled;
      pause = throttled ? throttle_.next_ms() : times_.aws_poll;
      if (!throttled) throttle_.reset();
    }
  }

  Outcome poll_action(const NoticeSink& sink, const Cancel& cancel) {
    std::string body;
    Outcome outcome = get("/latest/meta-data/spot/instance-action", body, cancel);
    if (outcome == Outcome::none) gap_ = true;
    if (outcome != Outcome::answer) return outcome;
    auto action = parse_aws_action(body);
    if (!action.ok()) {
      once_.warn("action", action.error().message + "; it is not taken for a notice");
      return Outcome::answer;
    }
    if (!is_new(*action)) return Outcome::answer;
    Notice notice;
    notice.source = "aws";
    notice.id = "interruption-" + std::to_string(++interruptions_);
    notice.reason = "spot interruption (" + action->action + ")";
    // Hibernation begins with the notice.
    notice.deadline_mono_ms = action->action == "hibernate"
                                  ? clock_.mono_ms()
                                  : deadline_for(clock_, action->time_ms, kBudgetMs);
    sink(notice);
    return Outcome::answer;
  }

  // An interruption has no identity, and its stated time may move with every reading. It is another
  // one only if there was definitely none in between and the earlier one's time had passed: a
  // machine that was hibernated or stopped goes on later.
  bool is_new(const AwsAction& action) {
    int64_t now = clock_.mono_ms();
    bool repeated = interruptions_ > 0 && !(gap_ && now > last_due_);
    gap_ = false;
    if (repeated) return false;
    last_due_ = std::max(now, deadline_for(clock_, action.time_ms, kBudgetMs));
    return true;
  }

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
  Outcome poll_rebalance(const NoticeSink& sink, const Cancel& cancel) {
    std::string body;
    Outcome outcome = get("/latest/meta-data/events/recommendations/rebalance", body, cancel);
    if (outcome == Outcome::none) rebalance_told_ = false;
    if (outcome != Outcome::answer || rebalance_told_ || !is_aws_rebalance(body)) return outcome;
    rebalance_told_ = true;
    Notice notice;
    notice.kind = Notice::Kind::rebalance;
    notice.source = "aws";
    notice.id = "rebalance-" + std::to_string(++rebalances_);
    notice.reason = "rebalance recommendation";
    sink(notice);
    return outcome;
  }

  Outcome get(const std::string& path, std::string& body, const Cancel& cancel) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      Outcome token = renew_token(cancel);
      if (token != Outcome::answer) return token;
      HttpRequest request = make_request("GET", path);
      if (!token_.empty()) request.headers.emplace_back("X-aws-ec2-metadata-token", token_);
      auto reply = http_.send(request, &cancel);
      if (reply.is(Code::cancelled)) return Outcome::failed;
      if (!reply.ok()) return failed(reply.error().message);
      body = std::move(reply->body);
      bool refused = reply->status == 401;
      if (!refused) return judge(reply->status);
      // Expired, or made by the machine's earlier life: only the next token is sent from here on.
      if (token_.empty() && no_token_until_ > clock_.mono_ms()) return needs_token();
      token_.clear();
    }
    return failed("status 401 with a new token");
  }

  // answer: token_ may be used ("": the service is asked without one).
  Outcome renew_token(const Cancel& cancel) {
    int64_t now = clock_.mono_ms();
    if ((!token_.empty() && now < token_until_) || now < no_token_until_) return Outcome::answer;
    token_.clear();
    HttpRequest request = make_request("PUT", "/latest/api/token");
    request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", std::to_string(kTokenSeconds)}};
    auto reply = http_.send(request, &cancel);
    if (reply.is(Code::cancelled)) return Outcome::failed;
    if (reply.ok() && reply->status == 200 && usable(reply->body)) {
      token_ = reply->body;
      token_until_ = now + kTokenRenewMs;
      refusals_ = 0;
      return Outcome::answer;
    }
    // The reply to PUT is lost where it takes more than one network hop (a container's network),
    // and version 1 of the service has no tokens: both are asked without one.
    bool versionless = !reply.ok() || reply->status == 404 || reply->status == 405;
    if (!versionless) return judge(reply->status);
    no_token_until_ = now + times_.request + times_.aws_poll;
    return Outcome::answer;
  }

  static bool usable(const std::string& token) {
    auto good = [](char c) { return c > ' ' && c < 0x7f; };
    return !token.empty() && token.size() <= 4096 && std::all_of(token.begin(), token.end(), good);
  }

  HttpRequest make_request(const std::string& method, const std::string& path) const {
    HttpRequest request;
    request.method = method;
    request.url = base_ + path;
    request.connect_timeout_ms = request.timeout_ms = times_.request;
    request.max_body = kMaxBody;
    request.use_proxy = false;
    return request;
  }

  Outcome judge(int status) {
    if (status == 200) return Outcome::answer;
    if (status == 404) return Outcome::none;
    if (status == 403) return Outcome::disabled;
    if (status == 429 || status == 503) return Outcome::throttled;
    return failed("status " + std::to_string(status));
  }

  Outcome failed(const std::string& why) {
    once_.warn("dead", "the AWS metadata service gives no usable answer (" + why +
                           "); notices from it are not heard until it does");
    return Outcome::failed;
  }

  // A service that is down for a moment looks the same, so that it is only told when it lasts.
  Outcome needs_token() {
    if (++refusals_ < 3) return Outcome::failed;
    once_.warn(
        "hops",
        "the AWS metadata service wants a token but does not give one here; if this is a "
        "container, run: aws "
        "ec2 modify-instance-metadata-options --http-put-response-hop-limit 2 --instance-id ID");
    return Outcome::failed;
  }

  HttpClient& http_;
  Clock& clock_;
  OnceLog once_;
  std::string base_;
  WatchTimes times_;
  Backoff throttle_;
  std::string token_;
  int64_t token_until_ = 0;
  int64_t no_token_until_ = -1;
  int refusals_ = 0;
  int interruptions_ = 0;
  int rebalances_ = 0;
  bool gap_ = false;
  int64_t last_due_ = 0;
  bool rebalance_told_ = false;
  WatchThread thread_;
};

}  // namespace

std::unique_ptr<NoticeSource> make_aws_notice(HttpClient& http, Clock& clock, Log& log,
                                              const std::string& base, const WatchTimes& times) {
  return std::make_unique<AwsNotice>(http, clock, log, base, times);
}

}  // namespace baton
