#include "ledger/bucket_delivery.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "ledger/tree_kit.h"
#include "os/files.h"
#include "store/fake_bucket.h"

namespace baton {
namespace {

using kit::write_file;

class BucketDeliveryTest : public testing::Test {
 protected:
  BucketDeliveryTest() { clock_.set_auto_advance(true); }

  // The results as they are now, as a commit.
  Manifest commit() {
    auto captured = job_.capture(*committer_);
    EXPECT_TRUE(captured.ok());
    return captured.ok() ? captured->manifest : Manifest{};
  }
  // A place for a file among the results.
  std::string result(const std::string& name) {
    std::string path = job_.root("results") + "/" + name;
    EXPECT_TRUE(make_dirs(parent_path(path)).ok());
    return path;
  }
  BucketDelivery delivery() { return {bucket_, clock_, "job"}; }
  // What is there but baton's own.
  std::map<std::string, std::string> there() {
    auto all = bucket_->all();
    std::map<std::string, std::string> plain;
    for (const auto& [key, bytes] : all)
      if (!starts_with(key, "job/_baton/")) plain[key] = bytes;
    return plain;
  }
  static bool named(const Delivery& delivered, const std::string& name) {
    for (const std::string& line : delivered.left_out)
      if (starts_with(line, name + " ")) return true;
    return false;
  }
  using Objects = std::map<std::string, std::string>;

  ManualClock clock_;
  std::shared_ptr<FakeBucket> bucket_ = std::make_shared<FakeBucket>();
  std::unique_ptr<ObjectStore> store_ = make_mem_store();
  kit::Job job_;
  std::unique_ptr<Committer> committer_ = make_committer(*store_, job_.name(), 1);
};

TEST_F(BucketDeliveryTest, SendsWhatChangedAndRemovesWhatIsGone) {
  write_file(result("a"), "one");
  write_file(result("sub/b"), "two");
  auto deliverer = delivery();
  auto first = deliverer.deliver(*store_, commit(), job_.root("results"), {});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->sent, 2U);
  EXPECT_EQ(there(), (Objects{{"job/a", "one"}, {"job/sub/b", "two"}}));
  write_file(result("a"), "changed");
  ASSERT_EQ(unlink(result("sub/b").c_str()), 0);
  Manifest second = commit();
  // By another agent, from the store alone.
  auto other = delivery().deliver(*store_, second, "", {});
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->sent, 1U);
  EXPECT_EQ(there(), (Objects{{"job/a", "changed"}}));
  EXPECT_EQ(delivery().deliver(*store_, second, "", {})->sent, 0U);
}

TEST_F(BucketDeliveryTest, WhatChangedOnTheDiskIsSentAsTheCommitHasIt) {
  write_file(result("a"), "as committed");
  Manifest manifest = commit();
  write_file(result("a"), "written since, and longer");
  ASSERT_TRUE(delivery().deliver(*store_, manifest, job_.root("results"), {}).ok());
  EXPECT_EQ(there(), (Objects{{"job/a", "as committed"}}));
}

TEST_F(BucketDeliveryTest, NoLinkThatCameSinceIsFollowed) {
  write_file(result("sub/key"), "as committed");
  const std::string inside = result("sub/key");
  const Manifest manifest = commit();
  // The very size and time of the commit's file, in a directory that the program cannot see.
  auto outside = TempDir::create("outside");
  ASSERT_TRUE(outside.ok());
  struct stat info {};
  ASSERT_EQ(stat(inside.c_str(), &info), 0);
  write_file(outside->path() + "/key", "of the host!");
  const timespec times[2] = {info.st_atim, info.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, (outside->path() + "/key").c_str(), times, 0), 0);
  const std::string sub = parent_path(inside);
  ASSERT_EQ(rename(sub.c_str(), (job_.root("results") + "/old").c_str()), 0);
  ASSERT_EQ(symlink(outside->path().c_str(), sub.c_str()), 0);
  ASSERT_TRUE(delivery().deliver(*store_, manifest, job_.root("results"), {}).ok());
  EXPECT_EQ(there(), (Objects{{"job/sub/key", "as committed"}}));
}

TEST_F(BucketDeliveryTest, NothingOfOthersIsTouched) {
  bucket_->set("job/a", {"somebody's"});
  write_file(result("a"), "ours");
  write_file(result("b"), "ours");
  write_file(result("_baton/x"), "ours");
  ASSERT_EQ(symlink("b", result("link").c_str()), 0);
  auto delivered = delivery().deliver(*store_, commit(), job_.root("results"), {{"a", "extra"}});
  ASSERT_TRUE(delivered.ok());
  EXPECT_EQ(there(), (Objects{{"job/a", "somebody's"}, {"job/b", "ours"}}));
  EXPECT_EQ(delivered->left_out.size(), 3U);
  // And what was changed since by somebody, or came between the listing and the writing.
  bucket_->set("job/b", {"edited"});
  write_file(result("b"), "ours again");
  write_file(result("c"), "ours");
  bool came = false;
  bucket_->before = [&](const std::string& what, const std::string& key) -> Status {
    if (what == "put" && key == "job/c" && !came) bucket_->set("job/c", {"came between"});
    came = came || key == "job/c";
    return {};
  };
  auto again = delivery().complete(*store_, commit(), "", {}, Json::object());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(there(),
            (Objects{{"job/a", "somebody's"}, {"job/b", "edited"}, {"job/c", "came between"}}));
  auto mark = parse_json(bucket_->all().at("job/_baton/complete.json"), "mark");
  EXPECT_EQ((*mark)["left_out"].size(), again->left_out.size());
}

TEST_F(BucketDeliveryTest, AReplyThatWasLostIsOnesOwnWrite) {
  write_file(result("a"), "ours");
  bool lost = false;
  bucket_->before = [&](const std::string& what, const std::string& key) -> Status {
    if (what != "put" || key != "job/a" || lost) return {};
    lost = true;
    bucket_->set(key, {"ours"});
    return Error{Code::transient, "the reply was lost", ""};
  };
  auto delivered = delivery().deliver(*store_, commit(), job_.root("results"), {});
  ASSERT_TRUE(delivered.ok());
  EXPECT_TRUE(lost);
  EXPECT_EQ(delivered->left_out.size(), 0U);
  EXPECT_EQ(delivered->sent, 1U);
}

// Somebody's edit, of the same size or not, of what this attempt or an earlier one has written.
TEST_F(BucketDeliveryTest, EditsOfAnySizeAreLeftAtAnyTime) {
  auto same = delivery();
  int round = 0;
  for (const char* edit : {"EDIT", "edited"})
    for (bool crc : {true, false})
      for (bool later : {true, false}) {
        const std::string name = "f" + std::to_string(++round), gone = name + "-gone";
        write_file(result(name), "ours");
        write_file(result(gone), "ours");
        ASSERT_TRUE(same.deliver(*store_, commit(), job_.root("results"), {}).ok());
        ASSERT_EQ(there().at("job/" + name), "ours");
        bucket_->set("job/" + name, {edit, "", "", crc});
        bucket_->set("job/" + gone, {edit, "", "", crc});
        write_file(result(name), "ours again");
        ASSERT_EQ(unlink(result(gone).c_str()), 0);
        auto other = delivery();
        auto delivered =
            (later ? other : same).deliver(*store_, commit(), job_.root("results"), {});
        ASSERT_TRUE(delivered.ok());
        EXPECT_EQ(there().at("job/" + name), edit) << round;
        EXPECT_EQ(there().at("job/" + gone), edit) << round;
        EXPECT_TRUE(named(*delivered, name)) << round;
      }
}

TEST_F(BucketDeliveryTest, AnEditBetweenLookingAndWritingIsLeft) {
  for (bool conditions : {true, false}) {
    bucket_->conditions = conditions;
    write_file(result("a"), "ours");
    write_file(result("gone"), "ours");
    auto deliverer = delivery();
    ASSERT_TRUE(deliverer.deliver(*store_, commit(), "", {}).ok());
    bucket_->before = [&](const std::string& what, const std::string& key) -> Status {
      if (what == "put" && key == "job/a") bucket_->set(key, {"edit"});
      if (what == "remove" && key == "job/gone") bucket_->set(key, {"edit"});
      return {};
    };
    write_file(result("a"), "ours again");
    ASSERT_EQ(unlink(result("gone").c_str()), 0);
    auto delivered = deliverer.deliver(*store_, commit(), "", {});
    ASSERT_TRUE(delivered.ok());
    bucket_->before = nullptr;
    EXPECT_EQ(named(*delivered, "a"), conditions);
    // Where conditions on versions are not known, nobody can tell.
    EXPECT_EQ(there(), conditions ? (Objects{{"job/a", "edit"}, {"job/gone", "edit"}})
                                  : (Objects{{"job/a", "ours again"}}));
    for (const auto& [key, bytes] : bucket_->all()) ASSERT_TRUE(bucket_->remove(key).ok());
  }
}

TEST_F(BucketDeliveryTest, WhatIsRemovedBetweenLookingAndWritingIsWrittenAnew) {
  write_file(result("a"), "ours");
  auto deliverer = delivery();
  ASSERT_TRUE(deliverer.deliver(*store_, commit(), "", {}).ok());
  bucket_->before = [&](const std::string& what, const std::string& key) -> Status {
    if (what != "put" || key != "job/a" || !there().contains(key)) return {};
    return bucket_->remove(key);
  };
  write_file(result("a"), "ours again");
  auto delivered = deliverer.deliver(*store_, commit(), "", {});
  ASSERT_TRUE(delivered.ok());
  EXPECT_EQ(there(), (Objects{{"job/a", "ours again"}}));
  EXPECT_TRUE(delivered->left_out.empty());
}

// The network's fault is not the file's: it is not sent once more from the commit.
TEST_F(BucketDeliveryTest, AnUploadThatFailsIsNotDoneOnceMoreFromTheStore) {
  write_file(result("a"), "ours");
  const Manifest manifest = commit();
  bucket_->before = [&](const std::string& what, const std::string& key) -> Status {
    if (what != "put" || key != "job/a") return {};
    return Error{Code::transient, "no network", ""};
  };
  EXPECT_TRUE(delivery().deliver(*store_, manifest, job_.root("results"), {}).is(Code::transient));
  EXPECT_EQ(bucket_->asked("put"), size_t(TransferOptions().tries) + 2) << "and two records";
}

// An agent that was partitioned delivers on beside its successor, until it learns of it.
TEST_F(BucketDeliveryTest, NeitherOfTwoAttemptsForgetsWhatTheOtherHasSent) {
  write_file(result("a"), "ours");
  const Manifest manifest = commit();
  auto old = delivery();
  ASSERT_TRUE(old.deliver(*store_, manifest, "", {}).ok());
  write_file(result("b"), "of the successor");
  const Manifest more = commit();
  auto successor = delivery();
  ASSERT_TRUE(successor.deliver(*store_, more, "", {}).ok());
  write_file(result("a"), "of the old one");
  ASSERT_EQ(unlink(result("b").c_str()), 0);
  write_file(result("c"), "of the old one");
  ASSERT_TRUE(old.deliver(*store_, commit(), "", {}).ok());
  old.cancel(true);
  write_file(result("d"), "too late");
  EXPECT_TRUE(old.deliver(*store_, commit(), "", {}).is(Code::cancelled));
  // Whoever comes next knows all of it as baton's.
  for (const char* name : {"a", "b", "c"}) write_file(result(name), "of the next");
  ASSERT_EQ(unlink(result("d").c_str()), 0);
  auto next = delivery().deliver(*store_, commit(), "", {});
  ASSERT_TRUE(next.ok());
  EXPECT_TRUE(next->left_out.empty()) << next->left_out.front();
  EXPECT_EQ(
      there(),
      (Objects{{"job/a", "of the next"}, {"job/b", "of the next"}, {"job/c", "of the next"}}));
}

// A service that answers "not implemented" to conditions on versions.
class Refusing : public FakeBucket {
 public:
  Result<std::string> put(const std::string& key, std::string_view bytes, uint32_t crc,
                          Write mode) override {
    if (!mode.version().empty()) return Error{Code::unsupported, "no such condition", ""};
    return FakeBucket::put(key, bytes, crc, mode);
  }
  Status remove_version(const std::string& key, const std::string& version) override {
    if (!version.empty()) return Error{Code::unsupported, "no such condition", ""};
    return FakeBucket::remove_version(key, version);
  }
};

TEST_F(BucketDeliveryTest, WhereConditionsAreRefusedComparingHasToDo) {
  bucket_ = std::make_shared<Refusing>();
  for (const char* name : {"a", "b", "gone", "kept"}) write_file(result(name), "ours");
  ASSERT_TRUE(delivery().deliver(*store_, commit(), "", {}).ok());
  bucket_->set("job/b", {"edit"});
  for (const char* name : {"a", "b"}) write_file(result(name), "ours again");
  ASSERT_EQ(unlink(result("gone").c_str()), 0);
  ASSERT_TRUE(delivery().deliver(*store_, commit(), "", {}).ok());
  EXPECT_EQ(there(), (Objects{{"job/a", "ours again"}, {"job/b", "edit"}, {"job/kept", "ours"}}));
  ASSERT_EQ(unlink(result("kept").c_str()), 0);
  ASSERT_TRUE(delivery().deliver(*store_, commit(), "", {}).ok());
  EXPECT_EQ(there(), (Objects{{"job/a", "ours again"}, {"job/b", "edit"}}));
}

TEST_F(BucketDeliveryTest, AfterACrashOnesOwnWritesAreKnownAndOthersAreLeft) {
  for (const char* name : {"a", "b", "c"}) write_file(result(name), "0");
  ASSERT_TRUE(delivery().deliver(*store_, commit(), "", {}).ok());
  // Each attempt ends before it can note what it has written; "d" is new in the second.
  for (const char* content : {"11", "222"}) {
    for (const char* name : {"a", "b", "c", "d"}) write_file(result(name), content);
    int records = 0;
    bucket_->before = [&](const std::string&, const std::string& key) -> Status {
      bool dead = key == "job/_baton/delivered.json" && ++records > 2;  // read, announced, noted
      if (key == "job/c" && content == std::string("222") && records > 1) {
        // The second attempt dies before it has written this one, and behind all others.
        auto last = [&](const char* name) { return there()[name] == content; };
        while (!last("job/a") || !last("job/b") || !last("job/d")) std::this_thread::yield();
        dead = true;
      }
      return dead ? Status(Error{Code::denied, "the machine is gone", ""}) : Status();
    };
    EXPECT_TRUE(delivery().deliver(*store_, commit(), "", {}).is(Code::denied));
    bucket_->before = nullptr;
  }
  EXPECT_EQ(there(),
            (Objects{{"job/a", "222"}, {"job/b", "222"}, {"job/c", "11"}, {"job/d", "222"}}));
  bucket_->set("job/b", {"EDI", "", "", false});
  for (const char* name : {"a", "b", "c", "d"}) write_file(result(name), "3333");
  auto delivered = delivery().deliver(*store_, commit(), "", {});
  ASSERT_TRUE(delivered.ok());
  EXPECT_EQ(there(),
            (Objects{{"job/a", "3333"}, {"job/b", "EDI"}, {"job/c", "3333"}, {"job/d", "3333"}}));
  EXPECT_EQ(delivered->left_out.size(), 1U);
}

// As they were written before versions were kept: by the checksum, and where none is told, by what
// is there.
TEST_F(BucketDeliveryTest, RecordsWithoutVersionsAreUnderstood) {
  Json files = Json::object();
  for (const char* name : {"crc", "none", "edited-crc", "edited", "pending", "taken"})
    files[name] = {{"size", 4}, {"mtime_ns", 1}, {"crc32c", crc32c("ours")}};
  for (const char* name : {"pending", "taken"}) files[name]["pending"] = true;
  bucket_->set("job/_baton/delivered.json", {dump_json({{"format", 1}, {"files", files}})});
  bucket_->set("job/crc", {"ours"});
  bucket_->set("job/none", {"ours", "", "", false});
  bucket_->set("job/edited-crc", {"edit"});
  bucket_->set("job/edited", {"edit", "", "", false});
  bucket_->set("job/pending", {"ours again"});  // the same is to be sent now
  bucket_->set("job/taken", {"edit again"});
  for (const auto& [name, entry] : files.items()) write_file(result(name), "ours again");
  auto delivered = delivery().deliver(*store_, commit(), "", {});
  ASSERT_TRUE(delivered.ok());
  EXPECT_EQ(there(), (Objects{{"job/crc", "ours again"},
                              {"job/none", "ours again"},
                              {"job/edited-crc", "edit"},
                              {"job/edited", "edit"},
                              {"job/pending", "ours again"},
                              {"job/taken", "edit again"}}));
  EXPECT_EQ(delivered->left_out.size(), 3U);
}

TEST_F(BucketDeliveryTest, AnEditOfTheSameSizeIsNamedAtTheEnd) {
  for (const char* name : {"a", "b", "c"}) write_file(result(name), "ours");
  Manifest manifest = commit();
  ASSERT_TRUE(delivery().deliver(*store_, manifest, "", {}).ok());
  bucket_->set("job/a", {"edit"});
  bucket_->set("job/b", {"ours"});  // written anew as it was
  auto done = delivery().complete(*store_, manifest, "", {}, Json::object());
  ASSERT_TRUE(done.ok());
  ASSERT_EQ(done->left_out.size(), 1U);
  EXPECT_TRUE(named(*done, "a"));
}

TEST_F(BucketDeliveryTest, ADamagedRecordIsNamedAndNothingIsSent) {
  write_file(result("a"), "ours");
  Manifest manifest = commit();
  for (const char* text : {"{", "[]", "{\"files\": 3}"}) {
    bucket_->set("job/_baton/delivered.json", {text});
    auto delivered = delivery().deliver(*store_, manifest, "", {});
    EXPECT_TRUE(delivered.is(Code::corrupt)) << text;
    EXPECT_EQ(there(), Objects{});
  }
}

TEST_F(BucketDeliveryTest, ErrorsOfTheServiceEndItAndTheNextGoesOn) {
  for (int i = 0; i < 20; ++i) write_file(result("f" + std::to_string(i)), "x");
  Manifest manifest = commit();
  bucket_->before = [](const std::string& what, const std::string& key) -> Status {
    bool third = what == "put" && key == "job/f3";
    return third ? Status(Error{Code::denied, "not you", ""}) : Status();
  };
  EXPECT_TRUE(delivery().deliver(*store_, manifest, "", {}).is(Code::denied));
  bucket_->before = nullptr;
  ASSERT_TRUE(delivery().deliver(*store_, manifest, "", {}).ok());
  EXPECT_EQ(there().size(), 20U);
  bucket_->before = [](const std::string& what, const std::string&) -> Status {
    return what == "list" ? Status(Error{Code::denied, "not you", ""}) : Status();
  };
  EXPECT_TRUE(delivery().deliver(*store_, manifest, "", {}).is(Code::denied));
  bucket_->before = [](const std::string& what, const std::string&) -> Status {
    return what == "head" ? Status(Error{Code::denied, "not you", ""}) : Status();
  };
  EXPECT_TRUE(delivery().is_complete().is(Code::denied));
}

TEST_F(BucketDeliveryTest, CancelledAndLaterComplete) {
  write_file(result("a"), std::string(20 << 20, 'x'));
  Manifest manifest = commit();
  auto deliverer = delivery();
  deliverer.cancel(true);
  EXPECT_TRUE(deliverer.deliver(*store_, manifest, job_.root("results"), {}).is(Code::cancelled));
  EXPECT_EQ(there(), Objects{});
  deliverer.cancel(false);
  ASSERT_TRUE(deliverer.complete(*store_, manifest, "", {{"m", "1"}}, Json::object()).ok());
  EXPECT_EQ(there().at("job/a").size(), 20U << 20);
  EXPECT_TRUE(*delivery().is_complete());
  // A job that goes on takes the mark back.
  write_file(result("b"), "more");
  ASSERT_TRUE(delivery().deliver(*store_, commit(), "", {}).ok());
  EXPECT_FALSE(*delivery().is_complete());
}

}  // namespace
}  // namespace baton
