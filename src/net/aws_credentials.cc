#include "net/aws_credentials.h"

#include <condition_variable>
#include <mutex>

#include "net/aws_sources.h"

namespace baton {
namespace {

constexpr int64_t kRenewBeforeMs = 300'000;  // temporary credentials live 15 minutes or longer
constexpr int64_t kStillGoodMs = 30'000;     // used on while nothing newer can be had
constexpr int64_t kLeastBetweenMs = 20'000;  // a wrong clock must not make us ask all the time
constexpr char kNowhere[] =
    "looked in the environment, ~/.aws/credentials, ~/.aws/config, a web identity, the container's "
    "and the instance's role; `aws configure` makes a profile";

class FixedCredentials : public AwsCredentialSource {
 public:
  explicit FixedCredentials(AwsCredentials credentials) : credentials_(std::move(credentials)) {}
  Result<AwsCredentials> get() override { return credentials_; }
  void refuse(const AwsCredentials&) override {}

 private:
  const AwsCredentials credentials_;
};

class ChainCredentials : public AwsCredentialSource {
 public:
  ChainCredentials(const AwsSettings& settings, std::shared_ptr<HttpClient> http, Clock& clock)
      : settings_(settings), http_(std::move(http)), clock_(clock) {}

  Result<AwsCredentials> get() override {
    std::unique_lock lock(mutex_);
    while (true) {
      if (held_ && !wants_renewal()) return *held_;
      if (!fetching_) break;
      if (held_ && !refused_ && left_ms() > kStillGoodMs) return *held_;
      uint64_t round = rounds_;
      fetched_.wait(lock, [&] { return rounds_ != round; });
      if (!held_) return failure_;  // the one that was waited for
    }
    fetching_ = true;
    lock.unlock();
    auto found = find();
    lock.lock();
    fetching_ = false;
    ++rounds_;
    fetched_.notify_all();
    return take(std::move(found));
  }

  void refuse(const AwsCredentials& refused) override {
    std::lock_guard lock(mutex_);
    if (held_ && held_->key_id == refused.key_id && held_->token == refused.token) refused_ = true;
  }

 private:
  int64_t left_ms() const {
    return held_->expires_ms == 0 ? INT64_MAX : held_->expires_ms - clock_.wall_ms();
  }

  bool wants_renewal() const {
    if (refused_) return true;
    bool asked_lately = clock_.mono_ms() - asked_at_ < kLeastBetweenMs;
    return left_ms() < kRenewBeforeMs && !asked_lately;
  }

  Result<AwsCredentials> take(Result<AwsCredentials> found) {
    asked_at_ = clock_.mono_ms();
    if (found.ok()) {
      held_ = *found;
      refused_ = false;
      return found;
    }
    bool good = held_ && !refused_ && left_ms() > kStillGoodMs;
    if (good) return *held_;
    failure_ = found.error();
    return found;
  }

  Result<AwsCredentials> find() const {
    BATON_ASSIGN(AwsProfile profile, load_aws_profile(settings_.environment, settings_.profile));
    AwsLookup look{settings_.environment, profile, *http_, clock_};
    using Place = MaybeCredentials (*)(const AwsLookup&);
    for (Place place : {&environment_credentials, &web_identity_credentials, &profile_credentials,
                        &container_credentials, &instance_credentials}) {
      if (place == &environment_credentials && !settings_.profile.empty()) continue;
      BATON_ASSIGN(auto found, place(look));
      if (found) return *found;
    }
    return Error{Code::denied, "no AWS credentials were found", kNowhere};
  }

  const AwsSettings settings_;
  const std::shared_ptr<HttpClient> http_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  bool fetching_ = false;
  bool refused_ = false;
  std::optional<AwsCredentials> held_;
  Error failure_;
  int64_t asked_at_ = 0;
  uint64_t rounds_ = 0;
};

}  // namespace

std::unique_ptr<AwsCredentialSource> make_fixed_credentials(AwsCredentials credentials) {
  return std::make_unique<FixedCredentials>(std::move(credentials));
}

std::unique_ptr<AwsCredentialSource> make_aws_credentials(const AwsSettings& settings,
                                                          std::shared_ptr<HttpClient> http,
                                                          Clock& clock) {
  return std::make_unique<ChainCredentials>(settings, std::move(http), clock);
}

}  // namespace baton
