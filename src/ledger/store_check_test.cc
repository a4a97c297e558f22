// Every kind of damage that store check knows, made on purpose, one at a time; and none where there
// is none.
#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "base/text.h"
#include "ledger/blob_codec.h"
#include "ledger/commits.h"
#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"
#include "ledger/tree_kit.h"

namespace baton {
namespace {

namespace fs = std::filesystem;
using kit::random_bytes;
using kit::write_file;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kAny = 64 << 20;

// A store with one job that runs (its third commit made, two kept), one that succeeded, and one
// that waits; with code, logs and metrics.
class StoreCheckTest : public LedgerTest {
 protected:
  static constexpr const char* kRunning = "261122-000001-aaaaaa";
  static constexpr const char* kDone = "261122-000002-bbbbbb";
  static constexpr const char* kWaiting = "261122-000003-cccccc";

  void SetUp() override {
    ASSERT_TRUE(check_store_format(*store_, true).ok());
    fs::create_directory(dir_.path() + "/code");
    write_file(dir_.path() + "/code/train.py", "print(1)\n");
    code_ = snapshot_code(dir_.path() + "/code", {}).value();
    for (const char* id : {kRunning, kDone, kWaiting}) submit_with_code(id);
    run(kRunning, 3);
    run(kDone, 1);
    History history = open(kDone);
    ASSERT_TRUE(history.append(event_of(EventType::ended, 1, Outcome::succeeded), 9, refuse).ok());
    ASSERT_TRUE(ledger_.settle(history).ok());
  }

  void submit_with_code(const std::string& id) {
    Job job = make_job(id);
    job.spec.checkpoint_keep = 2;
    job.code_tree = code_.tree_hash;
    ASSERT_TRUE(ledger_.add_job(job).ok());
    ASSERT_TRUE(ledger_.add_created(job, store_code(*store_, code_).value()).ok());
  }

  // Claims attempt 1, writes streams and makes commits; what is no longer kept is collected.
  void run(const std::string& id, int commits) {
    History history = open(id);
    ASSERT_TRUE(claim(history, agent("a"), 1, 0, false).ok());
    ASSERT_TRUE(ledger_.append_stream(id, "logs", 1, 0, "hello\n").ok());
    ASSERT_TRUE(ledger_.append_stream(id, "logs", 1, 6, "world\n").ok());
    ASSERT_TRUE(ledger_.append_stream(id, "metrics", 1, 0, "{}\n").ok());
    kit::Job work(id);
    auto committer = make_committer(*store_, id, 1);
    write_file(work.root("checkpoint") + "/model", random_bytes(random_, 3 << 20));
    std::vector<Manifest> kept;
    for (int i = 0; i < commits; ++i) {
      write_file(work.root("results") + "/log", std::string(1000, static_cast<char>('a' + i)));
      auto captured = work.capture(*committer);
      ASSERT_TRUE(captured.ok());
      ASSERT_TRUE(history.append(work.committed(*captured), 2, refuse).ok());
      kept.push_back(captured->manifest);
      if (kept.size() > 2) kept.erase(kept.begin());
      ASSERT_TRUE(committer->collect(kept).ok());
    }
    last_[id] = kept.back();
  }

  std::vector<Finding> check(bool deep = true) {
    auto findings = check_store(*store_, deep, nullptr);
    EXPECT_TRUE(findings.ok()) << findings.error().text();
    return findings.ok() ? *findings : std::vector<Finding>();
  }

  // Exactly one finding: of this kind, at this key, naming the job (unless ""), harmless or not.
  void expect_one(const std::string& kind, const std::string& key, const std::string& job,
                  bool harmless = false, bool deep = true) {
    auto findings = check(deep);
    ASSERT_EQ(findings.size(), 1u) << all(findings);
    EXPECT_EQ(findings[0].kind, kind) << all(findings);
    EXPECT_THAT(findings[0].key, HasSubstr(key));
    EXPECT_THAT(findings[0].meaning, HasSubstr(job));
    EXPECT_EQ(findings[0].harmless, harmless) << all(findings);
  }
  static std::string all(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& finding : findings)
      text += finding.key + " | " + finding.kind + " | " + finding.meaning +
              (finding.harmless ? " (harmless)" : "") + "\n";
    return text;
  }

  std::string text(const std::string& key) { return store_->get(key, kAny).value(); }
  void replace(const std::string& key, const std::string& bytes) {
    ASSERT_TRUE(store_->put(key, bytes).ok()) << key;
  }
  void remove(const std::string& key) {
    ASSERT_TRUE(store_->head(key).ok()) << key;
    ASSERT_TRUE(store_->remove(key).ok());
  }
  static std::string key_of(const std::string& job, const std::string& name) {
    return "jobs/" + job + "/" + name;
  }
  // The blob that only the last commit has: of the log.
  std::string last_blob(const std::string& job) {
    const Blob& blob = last_.at(job).blobs.back();
    return blob_key(job, blob.attempt, blob.hash);
  }
  // The blob of the model, which all commits have.
  std::string common_blob(const std::string& job) {
    const Blob& blob = last_.at(job).blobs.front();
    return blob_key(job, blob.attempt, blob.hash);
  }
  std::string first_key(const std::string& prefix) { return keys_of(*store_, prefix).at(0); }

  TempDir dir_ = TempDir::create("baton-check-test").value();
  std::mt19937_64 random_{9};
  CodeSnapshot code_;
  std::map<std::string, Manifest> last_;
};

TEST_F(StoreCheckTest, AGoodStoreHasNoFindings) {
  EXPECT_THAT(all(check(true)), IsEmpty());
  EXPECT_THAT(all(check(false)), IsEmpty());
}

TEST_F(StoreCheckTest, TellsHowFarItIs) {
  std::vector<uint64_t> seen;
  ASSERT_TRUE(check_store(*store_, true, [&](uint64_t done) { seen.push_back(done); }).ok());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_GT(seen.back(), 6u << 20);
}

TEST_F(StoreCheckTest, FormatFile) {
  replace("baton.json", "{");
  expect_one("damaged format file", "baton.json", "");
  remove("baton.json");
  expect_one("missing format file", "baton.json", "");
  replace("baton.json", "{\"format\": 99}");
  expect_one("newer format", "baton.json", "newer baton");
}

TEST_F(StoreCheckTest, AnEmptyPlaceIsNoDamagedStore) {
  auto empty = make_mem_store();
  EXPECT_TRUE(check_store(*empty, true, nullptr).is(Code::not_found));
}

TEST_F(StoreCheckTest, JobRecord) {
  std::string key = key_of(kRunning, "job.json"), good = text(key);
  replace(key, good.substr(0, good.size() / 2));
  expect_one("damaged job", key, kRunning);
  replace(key, text(key_of(kDone, "job.json")));
  expect_one("damaged job", key, kRunning);
  std::string newer = good;
  newer.replace(newer.find("\"format\""), 8, "\"format\":77,\"x\"");
  replace(key, newer);
  expect_one("newer format", key, kRunning);
  remove(key);
  expect_one("missing job", key, kRunning);
}

TEST_F(StoreCheckTest, RecordOfAFinishedJob) {
  remove(key_of(kDone, "job.json"));
  expect_one("missing job", key_of(kDone, "job.json"), kDone);
}

TEST_F(StoreCheckTest, DamagedEvents) {
  std::string key = event_key(kRunning, 3), good = text(key);
  replace(key, "{\"number\":");
  expect_one("damaged event", key, kRunning);
  replace(key, text(event_key(kRunning, 2)));
  EXPECT_FALSE(check().empty());
  Event ended = event_of(EventType::ended, 7);
  ended.number = 3;
  ended.nonce = new_nonce();
  replace(key, encode_event(ended));
  expect_one("impossible event", key, kRunning);
  remove(key);
  expect_one("gap in events", key, kRunning);
}

TEST_F(StoreCheckTest, AnEventOfALaterBaton) {
  std::string key = event_key(kRunning, 3), newer = text(key);
  size_t at = newer.find("\"committed\"");
  ASSERT_NE(at, std::string::npos);
  newer.replace(at, 11, "\"teleported\"");
  replace(key, newer);
  expect_one("newer format", key, kRunning);
}

TEST_F(StoreCheckTest, LostLastEventsOfAFinishedJob) {
  remove(event_key(kDone, 4));
  expect_one("missing events", event_key(kDone, 4), kDone);
}

TEST_F(StoreCheckTest, Manifests) {
  std::string key = manifest_key(kRunning, "00000003-1"), good = text(key);
  replace(key, good + " ");
  expect_one("damaged manifest", key, "commit 00000002-1 is whole");
  replace(key, "");
  expect_one("damaged manifest", key, kRunning);
  remove(key);
  expect_one("missing manifest", key, "it is the last one");
}

TEST_F(StoreCheckTest, Blobs) {
  std::string key = last_blob(kRunning), good = text(key);
  remove(key);
  expect_one("missing blob", key, "commit 00000003-1 of job " + std::string(kRunning));
  expect_one("missing blob", key, "commit 00000002-1 is whole", false, /*deep=*/false);
  replace(key, good.substr(1));
  expect_one("truncated blob", key, kRunning, false, /*deep=*/false);
  replace(key, good + "x");
  expect_one("damaged blob", key, kRunning, false, /*deep=*/false);
  std::string flipped = good;
  flipped[flipped.size() / 2] ^= 1;
  replace(key, flipped);
  expect_one("damaged blob", key, kRunning);
  EXPECT_THAT(all(check(/*deep=*/false)), IsEmpty());
}

TEST_F(StoreCheckTest, ABlobOfAllCommits) {
  std::string key = common_blob(kRunning), flipped = text(key);
  flipped[1000] ^= 1;
  replace(key, flipped);
  expect_one("damaged blob", key, "commit 00000002-1, 00000003-1");
  EXPECT_THAT(check()[0].meaning, HasSubstr("no commit of the job is whole"));
}

TEST_F(StoreCheckTest, AManifestThatBelongsToAnotherHashOfTheSameBytes) {
  // A manifest and its event changed together, so that only the blob's name betrays it.
  std::string key = manifest_key(kDone, "00000001-1"), manifest = text(key);
  std::string hash = last_.at(kDone).blobs.front().hash, other = hash;
  other[63] = other[63] == '0' ? '1' : '0';
  manifest.replace(manifest.find(hash), 64, other);
  replace(key, manifest);
  std::string event = event_key(kDone, 3);
  Event committed = decode_event(text(event), "event").value();
  committed.commit_hash = sha256_hex(manifest);
  replace(event, encode_event(committed));
  std::string bytes = text(blob_key(kDone, 1, hash));
  remove(blob_key(kDone, 1, hash));
  replace(blob_key(kDone, 1, other), bytes);
  expect_one("damaged blob", other, kDone);
}

TEST_F(StoreCheckTest, Streams) {
  remove(key_of(kDone, "logs/1/000000000000"));
  expect_one("gap in logs", "logs/1/000000000006", kDone);
  replace(key_of(kDone, "logs/1/000000000000"), "longer than it was");
  expect_one("gap in logs", "logs/1/000000000006", "there twice");
  replace(key_of(kDone, "logs/1/000000000000"), "hello\n");
  replace(key_of(kDone, "metrics/2/000000000003"), "x");
  expect_one("unknown object", "metrics/2", "no attempt 2");
}

TEST_F(StoreCheckTest, Markers) {
  std::string active = first_key("active/"), index = first_key("index/");
  remove(active);
  expect_one("missing marker", active, kRunning);
  replace(active, "");
  remove(index);
  expect_one("missing marker", "index/", kDone);
  std::string wrong = index;
  wrong.replace(wrong.find("succeeded"), 9, "failed");
  replace(wrong, "");
  expect_one("wrong marker", wrong, kDone);
}

TEST_F(StoreCheckTest, AnEntryOfAJobThatIsGone) {
  for (const std::string& key : keys_of(*store_, key_of(kDone, ""))) remove(key);
  expect_one("missing job", first_key("index/"), kDone);
}

TEST_F(StoreCheckTest, Code) {
  std::string key = first_key("code/"), good = text(key);
  remove(key);
  expect_one("missing code", key, kRunning);
  std::string flipped = good;
  flipped[flipped.size() - 5] ^= 1;
  replace(key, flipped);
  expect_one("damaged code", key, kWaiting);
  replace(key, good.substr(0, 40));
  expect_one("damaged code", key, kDone, false, /*deep=*/false);
}

TEST_F(StoreCheckTest, WhatACrashLeavesIsHarmless) {
  auto only = [&](const std::string& kind, const std::string& key, const std::string& job) {
    expect_one(kind, key, job, /*harmless=*/true);
  };
  // Between job.json and created.
  std::string cut_off = "261122-000009-dddddd";
  ASSERT_TRUE(ledger_.add_job(make_job(cut_off)).ok());
  only("unfinished submission", cut_off, cut_off);
  // Beginning and end of a removal.
  remove(key_of(cut_off, "job.json"));
  replace(active_key({cut_off, "removed", 0}), "");
  only("unfinished removal", cut_off, cut_off);
  replace(key_of(cut_off, "logs/1/000000000000"), "x");
  only("unfinished removal", key_of(cut_off, ""), cut_off);
  remove(key_of(cut_off, "logs/1/000000000000"));
  remove(active_key({cut_off, "removed", 0}));
  // Between the final event and the end of settling; before `resumed`.
  replace(active_key({kDone, "cnn", 1}), "");
  only("unfinished ending", active_key({kDone, "cnn", 1}), kDone);
  remove(active_key({kDone, "cnn", 1}));
  replace(active_key({kDone, "cnn", 5}), "");
  only("unfinished resuming", active_key({kDone, "cnn", 5}), kDone);
  remove(active_key({kDone, "cnn", 5}));
  // Blobs and manifests that no event names.
  replace(blob_key(kDone, 1, std::string(64, 'e')), "x");
  only("unused objects", key_of(kDone, "blobs/"), kDone);
  remove(blob_key(kDone, 1, std::string(64, 'e')));
  replace(manifest_key(kDone, "00000009-1"), "x");
  only("unused objects", key_of(kDone, "commits/"), kDone);
  remove(manifest_key(kDone, "00000009-1"));
  // A collector that was killed.
  replace("code/condemned/" + code_.tree_hash + "/" + code_.tree_hash + "~nonce", "");
  only("unfinished collection", "code/condemned/", "");
  remove("code/condemned/" + code_.tree_hash + "/" + code_.tree_hash + "~nonce");
  // A capture under way.
  replace(blob_key(kRunning, 1, std::string(64, 'e')), "x");
  replace(manifest_key(kRunning, "00000009-1"), "x");
  EXPECT_THAT(all(check()), IsEmpty());
}

TEST_F(StoreCheckTest, CodeThatNoJobUses) {
  write_file(dir_.path() + "/code/other.py", "");
  std::string key = store_code(*store_, snapshot_code(dir_.path() + "/code", {}).value()).value();
  expect_one("unused code", key, "", /*harmless=*/true);
}

TEST_F(StoreCheckTest, WhatIsNotBatonsIsNamedAndLeftAlone) {
  for (const char* key : {"notes.txt", "jobs/readme", "active/readme", "index/x~y", "code/readme",
                          "code/ab/readme"}) {
    replace(key, "x");
    expect_one("unknown object", std::string(key).substr(0, 5), "", /*harmless=*/true);
    remove(key);
  }
  for (const char* name : {"notes", "events/1.json", "logs/1/7"}) {
    replace(key_of(kDone, name), "x");
    expect_one("unknown object", name, "", /*harmless=*/true);
    remove(key_of(kDone, name));
  }
}

// Any single change to any object of the store is found, whatever it is.
TEST_F(StoreCheckTest, NoSingleDamageGoesUnnoticed) {
  std::mt19937 random(4);
  for (const std::string& key : keys_of(*store_, "")) {
    std::string good = text(key);
    if (starts_with(key, "active/") || starts_with(key, "index/"))
      continue;  // empty: their names are what counts
    std::string bad = good;
    bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 7);
    replace(key, bad);
    // Job records, events and the format file carry no hash of their own: a changed digit in one
    // reads as another value.
    bool hashed = key.find("/blobs/") != std::string::npos ||
                  key.find("/commits/") != std::string::npos || starts_with(key, "code/");
    EXPECT_TRUE(!hashed || !check().empty()) << key;
    replace(key, good.substr(0, good.size() - 1 - random() % (good.size() / 2 + 1)));
    bool last_chunk =
        key.find("/logs/") != std::string::npos || key.find("/metrics/") != std::string::npos;
    // The end of a log has no chunk behind it that would show the gap.
    EXPECT_TRUE(last_chunk || !check().empty()) << "truncated " << key;
    replace(key, good);
  }
  EXPECT_THAT(all(check()), IsEmpty());
}

// An agent that commits and cleans, a job that comes and goes: never a word of damage meanwhile.
TEST_F(StoreCheckTest, SaysNothingOfALiveStore) {
  std::atomic<bool> stop = false;
  std::thread agent_thread([&] {
    kit::Job work(kRunning);
    auto committer = make_committer(*store_, kRunning, 2);
    History history = open(kRunning);
    EXPECT_TRUE(claim(history, agent("b"), 1, 0, true).ok());
    std::vector<Manifest> kept;
    work.seq = 3;
    for (int i = 0; !stop; ++i) {
      write_file(work.root("results") + "/log",
                 std::string(1 + static_cast<size_t>(i) % 5000, 'x'));
      auto captured = work.capture(*committer);
      EXPECT_TRUE(captured.ok());
      Event committed = work.committed(*captured);
      EXPECT_TRUE(history.append(committed, 2, refuse).ok());
      kept.push_back(captured->manifest);
      if (kept.size() > 2) kept.erase(kept.begin());
      EXPECT_TRUE(committer->set_kept(kept).ok());
      EXPECT_TRUE(kept.size() < 2 || committer->collect(kept).ok());
    }
  });
  std::thread user_thread([&] {
    for (int i = 0; !stop; ++i) {
      std::string id = "261122-1000" + std::to_string(10 + i % 90) + "-eeeeee";
      submit_with_code(id);
      EXPECT_TRUE(ledger_.remove_job(id).ok());
    }
  });
  for (int i = 0; i < 30; ++i)
    for (const Finding& finding : check())
      if (!finding.harmless)
        ADD_FAILURE() << finding.key << " | " << finding.kind << " | " << finding.meaning;
  stop = true;
  agent_thread.join();
  user_thread.join();
}

TEST(StoreCheckPlaces, OneThatWasOnlyTriedIsNoDamagedStore) {
  auto store = make_mem_store();
  ASSERT_TRUE(store->create("probe/x", "").ok());
  EXPECT_TRUE(check_store(*store, true, nullptr).is(Code::not_found));
  ASSERT_TRUE(store->create("jobs/x", "").ok());
  auto findings = check_store(*store, true, nullptr);
  ASSERT_TRUE(findings.ok());
  EXPECT_EQ(findings->front().kind, "missing format file");
}

TEST(StoreCheckPlaces, SomebodysFilesAreNoStore) {
  auto store = make_mem_store();
  ASSERT_TRUE(store->create("thesis/chapter-1", "").ok());
  auto findings = check_store(*store, true, nullptr);
  ASSERT_TRUE(findings.is(Code::corrupt));
  EXPECT_NE(findings.error().message.find("holds thesis/"), std::string::npos);
  EXPECT_EQ(findings.error().hint.find("store check"), std::string::npos) << "that was just tried";
}

}  // namespace
}  // namespace baton
