// For the ledger's tests: jobs, several handles on one store, and agents' steps in one line.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "ledger/ledger.h"
#include "store/fault_store.h"

namespace baton {

// A handle on a store that others use as well.
class SharedStore : public ObjectStore {
 public:
  explicit SharedStore(ObjectStore& store) : store_(store) {}
  Status create(const std::string& key, std::string_view bytes) override {
    return store_.create(key, bytes);
  }
  Status put(const std::string& key, std::string_view bytes) override {
    return store_.put(key, bytes);
  }
  Result<std::string> get(const std::string& key, uint64_t limit) override {
    return store_.get(key, limit);
  }
  Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) override {
    return store_.get_range(key, offset, size);
  }
  Result<ObjectInfo> head(const std::string& key) override { return store_.head(key); }
  Status remove(const std::string& key) override { return store_.remove(key); }
  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    return store_.list(prefix, options);
  }
  void defer_sync(bool on) override { store_.defer_sync(on); }
  Status flush() override { return store_.flush(); }
  std::string name() const override { return store_.name(); }

 private:
  ObjectStore& store_;
};

// Lets others act at the moment when something is about to be created.
class InterposedStore : public SharedStore {
 public:
  using Act = std::function<void(const std::string& key, std::string_view bytes)>;
  InterposedStore(ObjectStore& store, Act act) : SharedStore(store), act_(std::move(act)) {}
  Status create(const std::string& key, std::string_view bytes) override {
    act_(key, bytes);
    return SharedStore::create(key, bytes);
  }

 private:
  Act act_;
};

inline std::unique_ptr<ObjectStore> faulty(ObjectStore& store, FaultPlan plan,
                                           std::function<void()> die = nullptr) {
  return make_fault_store(std::make_unique<SharedStore>(store), std::move(plan), std::move(die));
}

inline Job make_job(const std::string& id, const std::string& name = "cnn", int retries = 0) {
  Job job;
  job.id = id;
  job.spec.name = name;
  job.spec.command = "true";
  job.spec.retries = retries;
  job.argv = {"/bin/sh", "-c", "true"};
  job.nonce = new_nonce();
  return job;
}

inline std::vector<std::string> keys_of(ObjectStore& store, const std::string& prefix) {
  std::vector<std::string> keys;
  EXPECT_TRUE(for_each_object(store, prefix, {}, [&](const ObjectInfo& object) {
                keys.push_back(object.key);
                return true;
              }).ok());
  return keys;
}

inline AgentIdentity agent(const std::string& name) {
  AgentIdentity identity;
  identity.agent = name;
  identity.host = "host-of-" + name;
  return identity;
}

inline Status refuse(const Summary&) { return Error{Code::fenced, "somebody else was first", ""}; }
inline Status anything(const Summary&) { return {}; }

inline Event event_of(EventType type, int attempt = 0, Outcome outcome = Outcome::succeeded) {
  Event event;
  event.type = type;
  event.attempt = attempt;
  event.outcome = outcome;
  return event;
}

// A ledger in memory with a submitted job.
class LedgerTest : public testing::Test {
 protected:
  static constexpr const char* kJob = "261122-013422-k3f9q2";

  void submit(const std::string& id, const std::string& name = "cnn", int retries = 0) {
    Job job = make_job(id, name, retries);
    ASSERT_TRUE(ledger_.add_job(job).ok());
    ASSERT_TRUE(ledger_.add_created(job, "").ok());
  }
  History open(const std::string& id = kJob) {
    auto history = ledger_.open(id);
    EXPECT_TRUE(history.ok()) << (history.ok() ? "" : history.error().message);
    return std::move(history).value();
  }
  // Claims and ends an attempt; settles when that is final.
  void finish(const std::string& id, Outcome outcome) {
    History history = open(id);
    auto claimed = claim(history, agent("a"), 1, 0, false);
    ASSERT_TRUE(claimed.ok()) << claimed.error().message;
    Event ended = event_of(EventType::ended, claimed->attempt, outcome);
    ended.ran_ms = 1234;
    ASSERT_TRUE(history.append(ended, 2, refuse).ok());
    if (!is_final(history.summary().state)) return;
    ASSERT_TRUE(ledger_.settle(history).ok());
  }

  std::unique_ptr<ObjectStore> store_ = make_mem_store();
  ManualClock clock_;
  Ledger ledger_{*store_, clock_};
};

}  // namespace baton
