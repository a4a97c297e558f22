#include "ledger/bucket_delivery.h"

#include <gtest/gtest.h>
#include <unistd.h>

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
