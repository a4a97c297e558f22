#include "ledger/interleave.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace baton {

class Interleaver::Handle : public ObjectStore {
 public:
  Handle(Interleaver& owner, size_t actor) : owner_(owner), actor_(actor) {}
  Status create(const std::string& key, std::string_view bytes) override {
    return turn("create", key, [&] { return owner_.store_.create(key, bytes); });
  }
  Status put(const std::string& key, std::string_view bytes) override {
    return turn("put", key, [&] { return owner_.store_.put(key, bytes); });
  }
  Result<std::string> get(const std::string& key, uint64_t limit) override {
    return turn("get", key, [&] { return owner_.store_.get(key, limit); });
  }
  Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) override {
    return turn("get_range", key, [&] { return owner_.store_.get_range(key, offset, size); });
  }
  Result<ObjectInfo> head(const std::string& key) override {
    return turn("head", key, [&] { return owner_.store_.head(key); });
  }
  Status remove(const std::string& key) override {
    return turn("remove", key, [&] { return owner_.store_.remove(key); });
  }
  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    return turn("list", prefix, [&] { return owner_.store_.list(prefix, options); });
  }
  void defer_sync(bool on) override { owner_.store_.defer_sync(on); }
  Status flush() override { return owner_.store_.flush(); }
  std::string name() const override { return owner_.store_.name(); }

 private:
  template <class Call>
  auto turn(const char* operation, const std::string& key, Call call) -> decltype(call()) {
    owner_.wait_turn(actor_);
    owner_.operation_ = operation;
    owner_.key_ = key;
    return call();
  }

  Interleaver& owner_;
  const size_t actor_;
};

Interleaver::~Interleaver() {
  for (std::thread& thread : threads_) thread.join();
}

void Interleaver::add(std::function<void(ObjectStore&)> actor) {
  actors_.push_back(std::move(actor));
}

void Interleaver::wait_turn(size_t actor) {
  std::unique_lock lock(mutex_);
  waiting_.push_back(actor);
  turn_ = kNobody;
  changed_.notify_all();
  changed_.wait(lock, [&] { return turn_ == actor; });
}

void Interleaver::end(size_t) {
  std::lock_guard lock(mutex_);
  turn_ = kNobody;
  changed_.notify_all();
}

void Interleaver::run(const std::function<void(const std::string&, const std::string&)>& check) {
  std::unique_lock lock(mutex_);
  for (size_t i = 0; i < actors_.size(); ++i) {
    turn_ = i;  // until it waits, which it does at once
    threads_.emplace_back([this, i] {
      wait_turn(i);
      Handle handle(*this, i);
      actors_[i](handle);
      end(i);
    });
    changed_.wait(lock, [&] { return turn_ == kNobody; });
  }
  while (!waiting_.empty()) {
    std::sort(waiting_.begin(), waiting_.end());
    auto next = waiting_.begin() + static_cast<ptrdiff_t>(random_() % waiting_.size());
    operation_.clear();
    turn_ = *next;
    waiting_.erase(next);
    changed_.notify_all();
    changed_.wait(lock, [&] { return turn_ == kNobody; });
    if (!operation_.empty()) check(operation_, key_);
  }
}

namespace {

std::string trace(uint64_t seed) {
  auto store = make_mem_store();
  Interleaver interleaver(*store, seed);
  std::string order;
  for (int actor = 0; actor < 3; ++actor)
    interleaver.add([actor](ObjectStore& handle) {
      for (int i = 0; i < 4; ++i) {
        Status status = handle.create("k" + std::to_string(i), std::to_string(actor));
        EXPECT_TRUE(status.ok() || status.is(Code::exists));
      }
    });
  interleaver.run([&](const std::string& operation, const std::string& key) {
    order += operation[0] + key + store->get(key, 10).value() + " ";
  });
  return order;
}

TEST(Interleaver, ASeedDecidesTheOrder) {
  EXPECT_EQ(trace(7), trace(7));
  EXPECT_NE(trace(7), trace(8));
  EXPECT_EQ(trace(1).size(), 3u * 4 * 5);
}

}  // namespace
}  // namespace baton
