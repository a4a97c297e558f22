#include "net/azure_delegation.h"

#include <gtest/gtest.h>

#include "net/test_server.h"

namespace baton {
namespace {

// Whether Azure takes the signature is asked of Azurite (tests/test_data_mount.py).
class AzureDelegation : public testing::Test {
 protected:
  Result<std::string> ask(TestReply reply) {
    server_.set_script([reply](const TestRequest&) { return reply; });
    AzureCredentials token{AzureCredentials::Kind::bearer, "tok", 0, "`az`"};
    return delegated_read_only_sas(*http_, clock_, server_.url() + "/acc", "acc", "box", token);
  }

  TestServer server_{[](const TestRequest&) { return TestReply{}; }};
  ManualClock clock_{1'795'323'600'000};  // 2026-11-22T05:00:00Z
  std::unique_ptr<HttpClient> http_ = make_http_client();
};

constexpr char kKey[] =
    "<?xml "
    "version=\"1.0\"?><UserDelegationKey><SignedOid>o&amp;1</SignedOid><SignedTid>t</SignedTid>"
    "<SignedStart>2026-11-22T04:55:00Z</SignedStart><SignedExpiry>2026-11-29T04:50:00Z</"
    "SignedExpiry>"
    "<SignedService>b</SignedService><SignedVersion>2023-11-03</SignedVersion>"
    "<Value>c2VjcmV0</Value></UserDelegationKey>";

TEST_F(AzureDelegation, AsksForAKeyAndSignsOneContainerReadOnly) {
  auto sas = ask({.body = kKey});
  ASSERT_TRUE(sas.ok()) << sas.error().message;
  TestRequest request = server_.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/acc/?restype=service&comp=userdelegationkey");
  EXPECT_EQ(request.header("Authorization"), "Bearer tok");
  EXPECT_EQ(request.body,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>2026-11-22T04:55:00Z</Start>"
            "<Expiry>2026-11-29T04:50:00Z</Expiry></KeyInfo>");
  EXPECT_EQ(sas->find("sv=2023-11-03&sp=rl&sr=c&spr=https,http&st=2026-11-22T04%3A55%3A00Z&"), 0U)
      << *sas;
  EXPECT_NE(sas->find("&skoid=o%261&"), std::string::npos);
  EXPECT_EQ(sas->find("secret"), std::string::npos);
}

TEST_F(AzureDelegation, WhatIsNoKeyIsOneSentence) {
  auto refused = ask({.status = 403});
  ASSERT_TRUE(refused.is(Code::denied));
  EXPECT_EQ(refused.error().message, "`az` may not ask acc for a key that delegates");
  EXPECT_NE(refused.error().hint.find("Storage Blob Delegator"), std::string::npos);
  EXPECT_TRUE(ask({.status = 404}).is(Code::permanent));
  EXPECT_TRUE(ask({.status = 503}).is(Code::transient));
  for (const char* body :
       {"", "<a", "<UserDelegationKey></UserDelegationKey>",
        "<UserDelegationKey><SignedOid>o</SignedOid><SignedExpiry>x</SignedExpiry>"
        "<Value>%</Value></UserDelegationKey>"})
    EXPECT_TRUE(ask({.body = body}).is(Code::transient)) << body;
}

TEST_F(AzureDelegation, ATokenDoesNotTravelInTheClear) {
  AzureCredentials token{AzureCredentials::Kind::bearer, "tok", 0, "`az`"};
  auto sas = delegated_read_only_sas(*http_, clock_, "http://example.com", "acc", "box", token);
  EXPECT_TRUE(sas.is(Code::denied));
}

}  // namespace
}  // namespace baton
