// Credentials that are renewed before they expire: the same for every cloud.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "os/clock.h"
#include "os/threads.h"

namespace baton {

// Thread-safe. Nothing that it says contains a secret.
template <class Credentials>
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // Credentials that are good for a while. Who has none that are good waits until they are fetched,
  // by one thread for all. Code::denied when none are found anywhere, with where was looked;
  // Code::transient when a place that should have them does not answer.
  virtual Result<Credentials> get() = 0;
  // The service has refused these as expired or invalid: the next get() fetches new ones.
  virtual void refuse(const Credentials& refused) = 0;
  // The service has refused something without a reason, which may be these: the next get() looks
  // for others, and where there are none, they are used on.
  virtual void doubt(const Credentials& doubted) { refuse(doubted); }
};

// A token that is sent as it is ("Authorization: Bearer …"), of Google's and Azure's kind.
struct BearerToken {
  std::string token;
  int64_t expires_ms = 0;  // wall clock; 0: never
  std::string source;      // where it was found, for people; never what it is
  bool operator==(const BearerToken&) const = default;
};
using TokenSource = CredentialSource<BearerToken>;

// Never renewed: keys that were given, and tests.
template <class Credentials>
class FixedCredentials : public CredentialSource<Credentials> {
 public:
  explicit FixedCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  Result<Credentials> get() override { return credentials_; }
  void refuse(const Credentials&) override {}

 private:
  const Credentials credentials_;
};

struct RenewalTimes {
  int64_t before_ms = 300'000;        // renewed so long before the end
  int64_t still_good_ms = 30'000;     // used on until then, while nothing newer can be had
  int64_t least_between_ms = 20'000;  // a wrong clock must not make us ask all the time
};

// `Credentials` has expires_ms (wall clock; 0: never) and ==.
template <class Credentials>
class RenewedCredentials : public CredentialSource<Credentials> {
 public:
  // Looks everywhere, one at a time: on a caller's thread, or in the background while the old ones
  // are good still.
  using Find = std::function<Result<Credentials>()>;

  // Calls `find` at the first get() and not before. `clock` must outlive it.
  RenewedCredentials(Find find, Clock& clock, const RenewalTimes& times = {})
      : find_(std::move(find)), clock_(clock), times_(times) {}
  // Waits for a fetch in the background.
  ~RenewedCredentials() override {
    if (renewing_.joinable()) renewing_.join();
  }

  Result<Credentials> get() override {
    std::unique_lock lock(mutex_);
    while (true) {
      if (held_ && !wants_renewal()) return *held_;
      if (still_good() && !doubted_) {
        if (!fetching_) renew();
        return *held_;
      }
      if (!fetching_) break;
      uint64_t round = rounds_;
      fetched_.wait(lock, [&] { return rounds_ != round; });
      if (failed_ && !still_good()) return failure_;  // that of the one that was waited for
    }
    fetching_ = true;
    return fetch(lock);
  }

  void refuse(const Credentials& refused) override {
    std::lock_guard lock(mutex_);
    if (held_ && *held_ == refused) refused_ = true;
  }

  void doubt(const Credentials& doubted) override {
    std::lock_guard lock(mutex_);
    if (held_ && *held_ == doubted) doubted_ = true;
  }

 private:
  int64_t left_ms() const {
    return held_->expires_ms == 0 ? INT64_MAX : held_->expires_ms - clock_.wall_ms();
  }
  bool still_good() const { return held_ && !refused_ && left_ms() > times_.still_good_ms; }
  bool wants_renewal() const {
    if (refused_ || doubted_) return true;
    bool asked_lately = clock_.mono_ms() - asked_at_ < times_.least_between_ms;
    return left_ms() < times_.before_ms && !asked_lately;
  }

  // Called with the lock, and fetching_ set; the lock is given up meanwhile.
  Result<Credentials> fetch(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    auto found = find_();
    lock.lock();
    fetching_ = false;
    ++rounds_;
    fetched_.notify_all();
    return take(std::move(found));
  }

  // The one before is at its end: fetching_ was unset.
  void renew() {
    if (renewing_.joinable()) renewing_.join();
    fetching_ = true;
    const bool begun = start_thread(renewing_, [this] {
      std::unique_lock lock(mutex_);
      auto ignored = fetch(lock);  // should it fail, the old ones are used on
      (void)ignored;
    });
    if (begun) return;
    fetching_ = false;
    asked_at_ = clock_.mono_ms();
  }

  Result<Credentials> take(Result<Credentials> found) {
    asked_at_ = clock_.mono_ms();
    doubted_ = false;
    failed_ = !found.ok();
    if (found.ok()) {
      held_ = *found;
      refused_ = false;
      return found;
    }
    if (still_good()) return *held_;
    failure_ = found.error();
    return found;
  }

  const Find find_;
  Clock& clock_;
  const RenewalTimes times_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  bool fetching_ = false;
  bool refused_ = false, doubted_ = false;
  bool failed_ = false;  // the last round, with failure_ where nothing good was left
  std::optional<Credentials> held_;
  Error failure_;
  int64_t asked_at_ = 0;
  uint64_t rounds_ = 0;
  std::thread renewing_;
};

}  // namespace baton
