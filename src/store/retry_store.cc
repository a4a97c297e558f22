#include <algorithm>

#include "store/backoff.h"
#include "store/fault_store.h"

namespace baton {
namespace {

constexpr int64_t kFirstWaitMs = 50;
constexpr int64_t kLongestWaitMs = 10'000;

// Every call of this store is safe to repeat: create() may then find its own object, which its
// callers expect.
class RetryStore : public ObjectStore {
 public:
  RetryStore(std::unique_ptr<ObjectStore> inner, int tries, std::function<void(int64_t)> sleep_ms)
      : inner_(std::move(inner)), tries_(std::max(tries, 1)), sleep_ms_(std::move(sleep_ms)) {}

  Status create(const std::string& key, std::string_view bytes) override {
    return retry([&] { return inner_->create(key, bytes); });
  }
  Status put(const std::string& key, std::string_view bytes) override {
    return retry([&] { return inner_->put(key, bytes); });
  }
  Result<std::string> get(const std::string& key, uint64_t limit) override {
    return retry([&] { return inner_->get(key, limit); });
  }
  Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) override {
    return retry([&] { return inner_->get_range(key, offset, size); });
  }
  Result<size_t> read_into(const std::string& key, char* to, size_t size) override {
    return retry([&] { return inner_->read_into(key, to, size); });
  }
  void will_read(const std::string& key) override { inner_->will_read(key); }
  Result<ObjectInfo> head(const std::string& key) override {
    return retry([&] { return inner_->head(key); });
  }
  Status remove(const std::string& key) override {
    return retry([&] { return inner_->remove(key); });
  }
  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    return retry([&] { return inner_->list(prefix, options); });
  }
  void defer_sync(bool on) override { inner_->defer_sync(on); }
  // Not repeated: a flush that failed has given up what it held, and a second one would hide that.
  Status flush() override { return inner_->flush(); }
  int concurrency() const override { return inner_->concurrency(); }
  std::string name() const override { return inner_->name(); }

 private:
  template <class Call>
  auto retry(Call call) -> decltype(call()) {
    for (int attempt = 1;; ++attempt) {
      auto result = call();
      if (!result.is(Code::transient) || attempt >= tries_) return result;
      sleep_ms_(backoff_.wait_ms(attempt));
    }
  }

  std::unique_ptr<ObjectStore> inner_;
  const int tries_;
  std::function<void(int64_t)> sleep_ms_;
  Backoff backoff_{kFirstWaitMs, kLongestWaitMs, reinterpret_cast<uintptr_t>(this)};
};

}  // namespace

std::unique_ptr<ObjectStore> make_retry_store(std::unique_ptr<ObjectStore> inner, int tries,
                                              std::function<void(int64_t)> sleep_ms) {
  return std::make_unique<RetryStore>(std::move(inner), tries, std::move(sleep_ms));
}

}  // namespace baton
