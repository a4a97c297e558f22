// For the tests of the clouds: that a request ends when its bucket heeds a cancellation.
#pragma once

#include <gtest/gtest.h>

#include "net/test_server.h"
#include "store/bucket.h"

namespace baton {

inline void expect_heeds_cancellation(TestServer& server, Bucket& bucket) {
  server.set_script([](const TestRequest&) { return TestReply{.delay_ms = 10'000}; });
  Cancel cancel;
  cancel.set();
  {
    Bucket::Heeding heeding(bucket, cancel);
    EXPECT_TRUE(bucket.head("k").is(Code::cancelled));
    EXPECT_TRUE(
        bucket.get("k", {}, "", [](std::string_view) { return Status(); }).is(Code::cancelled));
  }
  EXPECT_EQ(bucket.cancel(), nullptr);
}

}  // namespace baton
