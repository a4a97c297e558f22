#include <fmt/format.h>
#include <gmock/gmock.h>

#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using ListingTest = LedgerTest;

std::vector<std::string> ids(const Result<std::vector<JobLine>>& lines) {
  std::vector<std::string> ids;
  EXPECT_TRUE(lines.ok());
  for (size_t i = 0; lines.ok() && i < lines->size(); ++i) ids.push_back((*lines)[i].id);
  return ids;
}

TEST(Keys, MarkersRoundTripAndOddOnesAreNone) {
  IndexEntry entry{"261122-013422-k3f9q2", "a.b_c-d", State::stopped, 12, 3'600'000, 77};
  EXPECT_EQ(index_key(entry), "index/261122-013422-k3f9q2~a.b_c-d~stopped~12~3600000~00000077");
  auto read = parse_index_key(index_key(entry));
  ASSERT_TRUE(read);
  EXPECT_EQ(index_key(*read), index_key(entry));
  ActiveMarker marker{"261122-013422-k3f9q2", "cnn", 4};
  EXPECT_EQ(active_key(marker), "active/261122-013422-k3f9q2~cnn~00000004");
  EXPECT_EQ(active_key(*parse_active_key(active_key(marker))), active_key(marker));
  for (const char* key :
       {"active/", "active/x", "active/261122-013422-k3f9q2~cnn",
        "active/261122-013422-k3f9q2~cnn~4~5", "active/261122-013422-k3f9q2~CNN~4",
        "active/261122-013422-k3f9q2~cnn~-4", "index/261122-013422-k3f9q2~cnn~00000004"})
    EXPECT_FALSE(parse_active_key(key)) << key;
  for (const char* key : {"index/", "index/261122-013422-k3f9q2~cnn~running~1~2~3",
                          "index/261122-013422-k3f9q2~cnn~failed~1~-2~3",
                          "index/261122-013422-k3f9q2~cnn~failed~1~2~99999999999999999999",
                          "index/../../x~cnn~failed~1~2~3"})
    EXPECT_FALSE(parse_index_key(key)) << key;
  EXPECT_EQ(event_number("jobs/x/events/00000012.json"), 12u);
  for (const char* key : {"jobs/x/events/", "jobs/x/events/12.json", "jobs/x/events/00000000.json",
                          "jobs/x/events/00000012.jsox"})
    EXPECT_FALSE(event_number(key)) << key;
}

TEST_F(ListingTest, NewestFirstActiveAndFinished) {
  submit("261122-000001-aaaaaa", "one");
  submit("261122-000002-bbbbbb", "two");
  submit("261122-000003-cccccc", "three");
  submit("261122-000004-dddddd", "four");
  finish("261122-000002-bbbbbb", Outcome::succeeded);
  finish("261122-000004-dddddd", Outcome::failed);
  History running = open("261122-000003-cccccc");
  ASSERT_TRUE(claim(running, agent("a"), 1, 0, false).ok());
  auto lines = ledger_.list(10);
  EXPECT_THAT(ids(lines), ElementsAre("261122-000004-dddddd", "261122-000003-cccccc",
                                      "261122-000002-bbbbbb", "261122-000001-aaaaaa"));
  EXPECT_EQ((*lines)[0].state, State::failed);
  EXPECT_EQ((*lines)[0].ran_ms, 1234);
  EXPECT_FALSE((*lines)[0].active);
  EXPECT_EQ((*lines)[1].state, State::running);
  EXPECT_EQ((*lines)[1].attempts, 1);
  EXPECT_EQ((*lines)[1].name, "three");
  EXPECT_TRUE((*lines)[1].active);
  EXPECT_EQ((*lines)[2].state, State::succeeded);
  EXPECT_EQ((*lines)[3].state, State::pending);
  EXPECT_THAT(ids(ledger_.list(2)), ElementsAre("261122-000004-dddddd", "261122-000003-cccccc",
                                                "261122-000001-aaaaaa"));  // old, but not final
  EXPECT_THAT(ids(ledger_.list(0)), ElementsAre("261122-000003-cccccc", "261122-000001-aaaaaa"));
}

TEST_F(ListingTest, FinishedJobsCostNoReads) {
  for (int i = 0; i < 30; ++i) {
    std::string id = fmt::format("261122-0000{:02}-aaaaaa", i);
    submit(id);
    finish(id, Outcome::succeeded);
  }
  int others = 0;
  auto counted = faulty(*store_, [&](uint64_t, const char* operation, const std::string&) {
    others += std::string_view(operation) == "list" ? 0 : 1;
    return Fault::none;
  });
  EXPECT_EQ(Ledger(*counted, clock_).list(100)->size(), 30u);
  EXPECT_EQ(Ledger(*counted, clock_).resolve("latest").value(), "261122-000029-aaaaaa");
  EXPECT_EQ(others, 0);
}

TEST_F(ListingTest, SubmissionsUnderWayAreNotListed) {
  Job job = make_job(kJob);
  ASSERT_TRUE(ledger_.add_job(job).ok());
  ASSERT_TRUE(store_->create(active_key({kJob, "cnn", 1}), "").ok());
  EXPECT_THAT(ids(ledger_.list(10)), IsEmpty());
  EXPECT_TRUE(ledger_.resolve("latest").is(Code::not_found));
  EXPECT_TRUE(ledger_.resolve("cnn").is(Code::not_found));
}

TEST_F(ListingTest, ADamagedActiveJobDoesNotHideTheOthers) {
  submit("261122-000001-aaaaaa");
  submit("261122-000002-bbbbbb");
  ASSERT_TRUE(store_->put(event_key("261122-000001-aaaaaa", 1), "torn").ok());
  auto lines = ledger_.list(10);
  ASSERT_EQ(ids(lines).size(), 2u);
  EXPECT_THAT((*lines)[1].problem, HasSubstr("event 1"));
  EXPECT_EQ((*lines)[0].problem, "");
}

TEST_F(ListingTest, OddKeysAmongTheMarkersArePassedOver) {
  submit(kJob);
  for (const char* key :
       {"active/x", "active/~~", "index/readme.txt", "index/261122-013422-k3f9q2~cnn~odd~1~2~3"})
    ASSERT_TRUE(store_->create(key, "").ok());
  EXPECT_THAT(ids(ledger_.list(10)), ElementsAre(kJob));
}

TEST_F(ListingTest, OfSeveralIndexEntriesTheLatestCounts) {
  for (const char* state :
       {"failed~1~10~00000003", "succeeded~2~20~00000006", "stopped~1~10~00000004"})
    ASSERT_TRUE(store_->create(fmt::format("index/{}~cnn~{}", kJob, state), "").ok());
  auto lines = ledger_.list(10);
  ASSERT_EQ(ids(lines).size(), 1u);
  EXPECT_EQ((*lines)[0].state, State::succeeded);
}

class ResolveTest : public LedgerTest {
 protected:
  void SetUp() override {
    submit("261122-000001-abc111", "cnn");
    submit("261122-000002-abd222", "rnn");
    submit("261123-000001-xyz333", "cnn");
    finish("261123-000001-xyz333", Outcome::succeeded);
    submit("261123-000002-9zz444", "latest-try");
  }
};

TEST_F(ResolveTest, IdsPrefixesLastPartsNamesAndLatest) {
  EXPECT_EQ(ledger_.resolve("261122-000001-abc111").value(), "261122-000001-abc111");
  EXPECT_EQ(ledger_.resolve("261122-000002").value(), "261122-000002-abd222");
  EXPECT_EQ(ledger_.resolve("abd").value(), "261122-000002-abd222");
  EXPECT_EQ(ledger_.resolve("xyz333").value(), "261123-000001-xyz333");
  EXPECT_EQ(ledger_.resolve("cnn").value(), "261123-000001-xyz333");
  EXPECT_EQ(ledger_.resolve("rnn").value(), "261122-000002-abd222");
  EXPECT_EQ(ledger_.resolve("latest").value(), "261123-000002-9zz444");
}

TEST_F(ResolveTest, AmbiguityListsTheCandidates) {
  auto two = ledger_.resolve("ab");
  ASSERT_TRUE(two.is(Code::invalid));
  EXPECT_THAT(two.error().message, HasSubstr("261122-000001-abc111 (cnn)"));
  EXPECT_THAT(two.error().message, HasSubstr("261122-000002-abd222 (rnn)"));
  EXPECT_TRUE(ledger_.resolve("2611").is(Code::invalid));
}

TEST_F(ResolveTest, UnknownWordsGetASuggestion) {
  auto none = ledger_.resolve("cnm");
  ASSERT_TRUE(none.is(Code::not_found));
  EXPECT_EQ(none.error().hint, "did you mean cnn?");
  EXPECT_EQ(ledger_.resolve("lastest").error().hint, "did you mean latest?");
  EXPECT_THAT(ledger_.resolve("entirely-different-name").error().hint, HasSubstr("baton ps"));
  EXPECT_TRUE(ledger_.resolve("").is(Code::not_found));
  EXPECT_TRUE(ledger_.resolve("../../etc\n").is(Code::not_found));
  EXPECT_TRUE(ledger_.resolve("261122-000009-abc111").is(Code::not_found));
}

TEST_F(ListingTest, WithoutAnyJobItSaysSo) {
  EXPECT_THAT(ledger_.resolve("latest").error().message, HasSubstr("no job yet"));
}

}  // namespace
}  // namespace baton
