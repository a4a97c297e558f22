#include "ledger/interleave.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace baton {

class Interleaver::Handle : public ActorStore {
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
  void rest(uint64_t operations) override {
    owner_.actors_[actor_].rests_until = owner_.operations_ + operations;
    owner_.wait_turn(actor_);
  }

 private:
  template <class Call>
  auto turn(const char* operation, const std::string& key, Call call) -> decltype(call()) {
    owner_.wait_turn(actor_);
    auto result = call();
    ++owner_.operations_;
    owner_.check_(operation, key);
    return result;
  }

  Interleaver& owner_;
  const size_t actor_;
};

Interleaver::~Interleaver() {
  for (Actor& actor : actors_)
    if (actor.thread.joinable()) actor.thread.join();
}

void Interleaver::add(std::function<void(ActorStore&)> actor) {
  actors_.emplace_back().body = std::move(actor);
}

// Whoever has the turn picks the next one; no thread is woken when that is itself.
void Interleaver::wait_turn(size_t actor) {
  actors_[actor].waiting = true;
  if (pass_turn(actor) != actor) actors_[actor].turn.acquire();
}

size_t Interleaver::pass_turn(size_t self) {
  auto next = candidates();
  if (next.empty()) return self;
  const size_t actor = next[random_() % next.size()];
  actors_[actor].waiting = false;
  if (actor != self) actors_[actor].turn.release();
  return actor;
}

std::vector<size_t> Interleaver::candidates() {
  uint64_t earliest = UINT64_MAX;
  for (const Actor& actor : actors_)
    if (actor.waiting) earliest = std::min(earliest, actor.rests_until);
  std::vector<size_t> candidates;
  for (size_t i = 0; i < actors_.size(); ++i)
    if (actors_[i].waiting && actors_[i].rests_until <= std::max(earliest, operations_))
      candidates.push_back(i);
  return candidates;
}

void Interleaver::run(const std::function<void(const std::string&, const std::string&)>& check) {
  check_ = check;
  for (size_t i = 0; i < actors_.size(); ++i) {
    actors_[i].waiting = true;
    actors_[i].thread = std::thread([this, i] {
      actors_[i].turn.acquire();
      Handle handle(*this, i);
      actors_[i].body(handle);
      if (pass_turn(kNobody) == kNobody) all_ended_.release();
    });
  }
  if (pass_turn(kNobody) != kNobody) all_ended_.acquire();
}

namespace {

std::string trace(uint64_t seed) {
  auto store = make_mem_store();
  Interleaver interleaver(*store, seed);
  std::string order;
  for (int actor = 0; actor < 3; ++actor)
    interleaver.add([actor](ActorStore& handle) {
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
