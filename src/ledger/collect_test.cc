// Cleaning beside live jobs: what a kept commit needs is never removed, whoever cleans whenever.
#include <gtest/gtest.h>

#include "ledger/blob_codec.h"
#include "ledger/interleave.h"
#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"
#include "ledger/tree_kit.h"

namespace baton {
namespace {

constexpr int kKeep = 2;

TEST_F(LedgerTest, ACleaningThatIsCancelledLeavesTheRest) {
  const std::vector<std::string> keys = {manifest_key(kJob, "00000001-1"),
                                         blob_key(kJob, 1, std::string(64, 'a'))};
  for (const std::string& key : keys) ASSERT_TRUE(store_->create(key, "x").ok());
  auto none = collect_job(*store_, kJob, {}, 2, [] { return true; });
  ASSERT_TRUE(none.ok()) << none.error().text();
  EXPECT_EQ(none->objects, 0u);
  for (const std::string& key : keys) EXPECT_TRUE(store_->head(key).ok()) << key;
  EXPECT_EQ(collect_job(*store_, kJob, {}, 2)->objects, 2u);
}

// Gives one object a page, and counts the pages.
class Pages : public SharedStore {
 public:
  using SharedStore::SharedStore;
  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    ++pages;
    ListOptions one = options;
    one.limit = 1;
    return SharedStore::list(prefix, one);
  }
  int pages = 0;
};

TEST_F(LedgerTest, ACleaningThatIsCancelledListsNoFurther) {
  for (int attempt = 1; attempt <= 20; ++attempt)
    ASSERT_TRUE(store_->create(blob_key(kJob, attempt, std::string(64, 'a')), "x").ok());
  Pages store(*store_);
  auto some = collect_job(store, kJob, {}, 100, [&] { return store.pages >= 5; });
  ASSERT_TRUE(some.ok()) << some.error().text();
  EXPECT_EQ(some->objects, 0u);
  EXPECT_EQ(store.pages, 5);
}

class Cleaning : public LedgerTest {
 protected:
  void SetUp() override {
    Job job = make_job(kJob);
    job.spec.checkpoint_keep = kKeep;
    ASSERT_TRUE(ledger_.add_job(job).ok());
    ASSERT_TRUE(ledger_.add_created(job, "").ok());
  }

  // An agent that takes the job over whoever has it, goes on from its last commit, and commits and
  // cleans up until it finds itself fenced.
  void own(ActorStore& store, uint64_t seed) {
    std::mt19937_64 random(seed);
    store.rest(random() % 250);
    Ledger ledger(store, clock_);
    auto history = ledger.open(kJob);
    if (!history.ok() || !claim(*history, agent("a"), 1, 0, true).ok()) return;
    const int attempt = history->summary().attempt;
    kit::Job work(kJob);
    CaptureOptions options;
    options.threads = 0;
    auto committer = make_committer(store, kJob, attempt);
    std::vector<Manifest> kept;
    for (const Event& event : kept_commits(history->summary(), kKeep)) {
      auto manifest = read_manifest(store, kJob, event);
      if (!manifest.ok()) return;  // cleaned away by a later owner, which check_all watches
      kept.push_back(std::move(*manifest));
    }
    ASSERT_TRUE(committer->set_kept(kept).ok());
    if (!kept.empty()) {
      if (!committer->restore(kept.back(), work.roots(), options).ok()) return;  // likewise
      EXPECT_EQ(kit::read_tree(work.root("checkpoint")),
                expected_[commit_name(kept.back().seq, kept.back().attempt)]);
    }
    for (int step = 0; step < 6; ++step) {
      for (int file = 0; file < 3; ++file)
        if (kept.empty() || random() % 2)
          kit::write_file(work.root("checkpoint") + "/" + std::to_string(file),
                          std::string(1 << 20, static_cast<char>('a' + random() % 4)));
      auto captured =
          committer->capture(work.roots(), kept.empty() ? 1 : kept.back().seq + 1, 0, 0, options);
      if (!captured.ok()) return;
      expected_[commit_name(captured->manifest.seq, attempt)] =
          kit::read_tree(work.root("checkpoint"));
      if (!history->append(work.committed(*captured), 2, refuse).ok()) return;
      kept.push_back(captured->manifest);
      if (kept.size() > kKeep) kept.erase(kept.begin());
      ASSERT_TRUE(committer->collect(kept).ok());
    }
  }

  // A garbage collector that looks at the job, thinks for a while, and acts on what it saw.
  void collect_garbage(ActorStore& store, uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int i = 0; i < 8; ++i) {
      store.rest(random() % 60);
      Ledger ledger(store, clock_);
      auto history = ledger.open(kJob);
      ASSERT_TRUE(history.ok());
      const Summary& summary = history->summary();
      std::vector<Manifest> kept;
      bool whole = true;
      for (const Event& event : kept_commits(summary, kKeep)) {
        auto manifest = read_manifest(store, kJob, event);
        whole = whole && manifest.ok();
        if (manifest.ok()) kept.push_back(std::move(*manifest));
      }
      if (!whole) continue;
      store.rest(random() % 60);
      ASSERT_TRUE(
          collect_job(store, kJob, kept,
                      summary.state == State::running ? summary.attempt : summary.attempt + 1)
              .ok());
    }
  }

  // Every commit that is kept by the history as it stands now has its manifest and blobs.
  void check_all(const std::string& operation, const std::string& key) {
    if (operation != "remove" && key.find("/events/") == std::string::npos) return;
    History history = open();
    for (const Event& event : kept_commits(history.summary(), kKeep)) {
      auto manifest = read_manifest(*store_, kJob, event);
      ASSERT_TRUE(manifest.ok()) << "after " << operation << " " << key << ": "
                                 << manifest.error().text();
      for (const Blob& blob : manifest->blobs)
        ASSERT_TRUE(store_->head(blob_key(kJob, blob.attempt, blob.hash)).ok())
            << "after " << operation << " " << key;
    }
  }

  std::map<std::string, kit::Nodes> expected_;  // by commit
};

class CleaningSeeds : public Cleaning, public testing::WithParamInterface<uint64_t> {};

TEST_P(CleaningSeeds, NothingThatIsKeptIsEverRemoved) {
  const uint64_t seed = GetParam();
  Interleaver interleaver(*store_, seed);
  for (uint64_t i = 0; i < 3; ++i)
    interleaver.add([&, i](ActorStore& store) { own(store, seed * 10 + i); });
  interleaver.add([&](ActorStore& store) { collect_garbage(store, seed * 10 + 7); });
  interleaver.run(
      [&](const std::string& operation, const std::string& key) { check_all(operation, key); });
  History history = open();
  ASSERT_FALSE(history.summary().commits.empty());
  for (const Event& event : kept_commits(history.summary(), kKeep)) {
    kit::Job back(kJob);
    auto manifest = read_manifest(*store_, kJob, event);
    ASSERT_TRUE(manifest.ok());
    ASSERT_TRUE(make_committer(*store_, kJob, 99)->restore(*manifest, back.roots(), {}).ok());
    EXPECT_EQ(kit::read_tree(back.root("checkpoint")), expected_[event.commit]);
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, CleaningSeeds, testing::Range<uint64_t>(1, 9));

TEST_F(Cleaning, RemovesJustWhatNoKeptCommitNames) {
  kit::Job work(kJob);
  auto committer = make_committer(*store_, kJob, 1);
  kit::write_file(work.root("checkpoint") + "/a", std::string(5000, 'a'));
  auto first = work.capture(*committer);
  ASSERT_TRUE(first.ok());
  kit::write_file(work.root("checkpoint") + "/a", std::string(5000, 'b'));
  auto second = work.capture(*committer);
  ASSERT_TRUE(second.ok());
  std::string old_blob = blob_key(kJob, 1, first->manifest.blobs[0].hash);
  // Attempt 1 runs: nobody but its owner touches its objects.
  EXPECT_EQ(collect_job(*store_, kJob, {second->manifest}, 1)->objects, 0u);
  EXPECT_TRUE(store_->head(old_blob).ok());
  auto collected = collect_job(*store_, kJob, {second->manifest}, 2);
  ASSERT_TRUE(collected.ok());
  EXPECT_EQ(collected->objects, 2u);
  EXPECT_EQ(keys_of(*store_, job_prefix(kJob) + "commits/").size(), 1u);
  EXPECT_EQ(keys_of(*store_, job_prefix(kJob) + "blobs/").size(), 1u);
  EXPECT_FALSE(store_->head(old_blob).ok());
}

// A content that comes back after its blob was removed is written anew, and not before the removal
// was seen to succeed.
TEST_F(Cleaning, ANameInDoubtIsRemovedBeforeItIsWrittenAgain) {
  std::vector<std::string> log;
  bool lose = false;
  auto store = faulty(*store_, [&](uint64_t, const char* operation, const std::string& key) {
    if (key.find("/blobs/") == std::string::npos) return Fault::none;
    std::string name = operation;
    if (name == "create" || name == "remove") log.push_back(name);
    return lose && name == "remove" ? Fault::error_before : Fault::none;
  });
  kit::Job work(kJob);
  auto committer = make_committer(*store, kJob, 1);
  std::string path = work.root("checkpoint") + "/a";
  kit::write_file(path, std::string(5000, 'a'));
  ASSERT_TRUE(work.capture(*committer).ok());
  kit::write_file(path, std::string(5000, 'b'));
  auto second = work.capture(*committer);
  ASSERT_TRUE(second.ok());
  lose = true;
  EXPECT_EQ(committer->collect({second->manifest})->unsure.size(), 1u);
  lose = false;
  log.clear();
  kit::write_file(path, std::string(5000, 'a'));
  auto third = work.capture(*committer);
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(log, (std::vector<std::string>{"remove", "create"}));
  kit::Job back(kJob);
  EXPECT_TRUE(make_committer(*store_, kJob, 2)->restore(third->manifest, back.roots(), {}).ok());
}

}  // namespace
}  // namespace baton
