// Commits of a running program whose recording fails for a while.
#include <atomic>

#include "agent/agent_fixture.h"
#include "ledger/blob_codec.h"
#include "ledger/commits.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

constexpr const char* kCommit = R"({"op":"commit"})";

// A store that creates nothing under names that hold `refused`.
class Recording : public Agent {
 protected:
  void SetUp() override {
    Agent::SetUp();
    use(make_fault_store(
        make_mem_store(), [this](uint64_t, const char* name, const std::string& key) {
          const char* part = refused_;
          bool hit = part && std::string(name) == "create" && key.find(part) != std::string::npos;
          return hit ? Fault::error_before : Fault::none;
        }));
  }
  static bool commit(FakeProgram& program, const std::string& state) {
    EXPECT_TRUE(write(program, "/checkpoint/state", state));
    EXPECT_TRUE(write(program, "/baton/metrics/metrics.jsonl",
                      read(program, "/baton/metrics/metrics.jsonl") + "{\"step\":1}\n"));
    return ask(program, kCommit).find("\"ok\":true") != std::string::npos;
  }
  bool commit_refused(FakeProgram& program, const std::string& state, const char* part) {
    refused_ = part;
    bool refused = !commit(program, state);
    refused_ = nullptr;
    return refused;
  }
  void expect_a_whole_store() {
    auto findings = check_store(*store_, true, [](uint64_t) {});
    ASSERT_TRUE(findings.ok()) << findings.error().text();
    for (const Finding& finding : *findings)
      EXPECT_TRUE(finding.harmless) << finding.key << ": " << finding.kind;
  }
  // A program whose second and fourth commits are not recorded at once, and the job's next attempt.
  void go_through(const char* part) {
    std::string job = submit([](Spec& spec) { spec.checkpoint_keep = 2; });
    std::string restored;
    engine_.set_program([&](FakeProgram& program) {
      restored = read(program, "/checkpoint/state");
      if (!restored.empty()) return ExitStatus{0, 0};
      EXPECT_TRUE(commit(program, "first"));
      EXPECT_TRUE(commit_refused(program, "second", part));
      EXPECT_TRUE(commit(program, "third"));
      EXPECT_TRUE(commit_refused(program, "fourth", part));
      request(*store_, clock_, job, EventType::preempt_requested);
      program.wait_signal();
      write(program, "/checkpoint/state", "fifth");
      return ExitStatus{0, 0};
    });
    AgentParts p = parts();
    auto result = drive(p, job, false);
    ASSERT_TRUE(result.ok()) << result.error().text();
    EXPECT_EQ(result->state, State::succeeded);
    EXPECT_EQ(restored, "fifth");
    EXPECT_EQ(summary(job).attempts.size(), 2u);
    expect_a_whole_store();
  }
  std::atomic<const char*> refused_{nullptr};
};

TEST_F(Recording, CommitsGoOnAfterAnEventThatWasRefusedForAWhile) { go_through("/events/"); }

TEST_F(Recording, CommitsGoOnAfterMetricsThatWereRefusedForAWhile) { go_through("/metrics/"); }

TEST_F(Recording, ACommitWhoseEventComesLaterIsTheAgentsTooAtTheEnd) {
  std::string job = submit();
  engine_.set_program([&](FakeProgram& program) {
    while (!summary(job).attempts.back().started) program.sleep_ms(1);  // an event of its own
    EXPECT_TRUE(commit_refused(program, "saved", "/events/"));
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->state, State::succeeded);
  EXPECT_EQ(summary(job).commits.size(), 1u) << "it holds all that there is at the end";
  EXPECT_TRUE(view_.told("commit 1"));
  expect_a_whole_store();
}

// Lists slowly, an object a page; counts the pages, and tells each manifest.
class SlowPages : public SharedStore {
 public:
  SlowPages(ObjectStore& store, std::function<void()> on_manifest)
      : SharedStore(store), on_manifest_(std::move(on_manifest)) {}
  Status create(const std::string& key, std::string_view bytes) override {
    if (key.find("/commits/") != std::string::npos) on_manifest_();
    return SharedStore::create(key, bytes);
  }
  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    ++pages;
    SystemClock().sleep_ms(10);
    ListOptions one = options;
    one.limit = 1;
    return SharedStore::list(prefix, one);
  }
  std::atomic<int> pages{0};

 private:
  std::function<void()> on_manifest_;
};

TEST_F(Agent, TheFinalCommitDoesNotWaitUntilOldOnesAreDropped) {
  constexpr int kOld = 200;
  auto memory = make_mem_store();
  int at_end = 0, at_manifest = 0;
  SlowPages* slow = nullptr;
  auto store = std::make_unique<SlowPages>(*memory, [&] { at_manifest = slow->pages; });
  slow = store.get();
  use(std::move(store));
  std::string job = submit([](Spec& spec) { spec.checkpoint_keep = 1; });
  for (int i = 0; i < kOld; ++i) {
    std::string hash = std::to_string(1'000 + i) + std::string(60, 'a');
    ASSERT_TRUE(memory->create(blob_key(job, 1, hash), "x").ok());
  }
  engine_.set_program([&](FakeProgram& program) {
    write(program, "/checkpoint/state", "first");
    EXPECT_NE(ask(program, kCommit).find("\"ok\":true"), std::string::npos);
    while (slow->pages < 3) program.sleep_ms(1);
    write(program, "/checkpoint/state", "last");
    at_end = slow->pages;
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(summary(job).commits.size(), 2u);
  EXPECT_LT(at_manifest - at_end, kOld / 2) << "pages that were listed meanwhile";
  EXPECT_EQ(keys_of(*memory, "jobs/" + job + "/blobs/").size(), 1u)
      << "they are dropped behind the end";
}

TEST_F(Agent, CommitsGoOnAfterAManifestWhoseReplyWasLost) {
  std::atomic<bool> lose{true};
  use(make_fault_store(make_mem_store(), [&](uint64_t, const char*, const std::string& key) {
    bool hit = key.find("/commits/") != std::string::npos && lose.exchange(false);
    return hit ? Fault::lost_reply : Fault::none;
  }));
  std::string job = submit();
  engine_.set_program([](FakeProgram& program) {
    write(program, "/checkpoint/state", "saved");
    EXPECT_NE(ask(program, kCommit).find("\"ok\":true"), std::string::npos);
    return ExitStatus{0, 0};
  });
  AgentParts p = parts();
  auto result = drive(p, job, false);
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(result->state, State::succeeded);
  EXPECT_EQ(summary(job).commits.size(), 1u);
}

}  // namespace
}  // namespace baton
