// What a look at a bucket finds out, and that it is wrong about nothing.
#include "store/access.h"

#include <gtest/gtest.h>

#include "os/clock.h"
#include "store/fake_bucket.h"

namespace baton {
namespace {

struct Tried {
  std::vector<Access> all;
  const Status* of(const std::string& what) const {
    for (const Access& access : all)
      if (access.what == what) return &access.status;
    return nullptr;
  }
  std::vector<std::string> failed() const {
    std::vector<std::string> names;
    for (const Access& access : all)
      if (!access.status.ok()) names.push_back(access.what);
    return names;
  }
};

Tried look_at(FakeBucket& bucket) {
  ManualClock clock;
  clock.set_auto_advance(true);
  return {try_access(bucket, clock)};
}

// Answers every request of that kind so.
void refuse(FakeBucket& bucket, const std::string& kind, Code code) {
  bucket.before = [kind, code](const std::string& what, const std::string&) {
    return what == kind ? Status(Error{code, "refused", ""}) : Status();
  };
}

TEST(Access, NothingIsMissingAndNothingIsLeft) {
  FakeBucket bucket;
  Tried tried = look_at(bucket);
  EXPECT_EQ(tried.failed(), std::vector<std::string>());
  EXPECT_EQ(tried.all.size(), 7u);
  EXPECT_TRUE(bucket.all().empty());
}

TEST(Access, ItsOwnWriteWhoseReplyWasLostIsNoOtherObject) {
  FakeBucket bucket;
  bool lost = false;
  bucket.before = [&](const std::string& what, const std::string& key) -> Status {
    if (what != "put" || lost) return {};
    lost = true;
    bucket.set(key, {"1"});
    return Error{Code::transient, "the connection was reset", ""};
  };
  EXPECT_EQ(look_at(bucket).failed(), std::vector<std::string>());
  EXPECT_TRUE(lost);
}

TEST(Access, EachThatIsDeniedIsNamedAlone) {
  for (const auto& [kind, what] : {std::pair{"list", "list objects"},
                                   {"get", "read objects"},
                                   {"remove", "remove objects"},
                                   {"put", "write objects"}}) {
    FakeBucket bucket;
    refuse(bucket, kind, Code::denied);
    Tried tried = look_at(bucket);
    EXPECT_EQ(tried.failed(), std::vector<std::string>{what});
    EXPECT_TRUE(tried.of(what)->is(Code::denied));
  }
}

TEST(Access, WhereNobodyAnswersNothingMoreIsTried) {
  FakeBucket bucket;
  refuse(bucket, "list", Code::transient);
  Tried tried = look_at(bucket);
  ASSERT_EQ(tried.all.size(), 1u);
  EXPECT_TRUE(tried.all[0].status.is(Code::transient));
  EXPECT_EQ(bucket.asked("list"), 3u);
  EXPECT_EQ(bucket.asked("put"), 0u);
}

}  // namespace
}  // namespace baton
