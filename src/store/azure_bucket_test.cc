// What Azure may answer, by a scripted server: classification, remedies, and the retries above
// them.
#include "store/azure_bucket.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "base/crc32c.h"
#include "base/text.h"
#include "net/test_server.h"
#include "store/bucket_heeds.h"
#include "store/bucket_store.h"

namespace baton {
namespace {

TestReply error_reply(int status, const std::string& code, Headers headers = {},
                      const std::string& detail = "") {
  headers.emplace_back("x-ms-error-code", code);
  return {.status = status,
          .body = "<?xml version=\"1.0\"?><Error><Code>" + code +
                  "</Code><Message>It is said.\nRequestId:1\nTime:2</Message>" + detail +
                  "</Error>",
          .headers = std::move(headers)};
}

// Tokens that count how often they were refused.
class CountingTokens : public AzureCredentialSource {
 public:
  Result<AzureCredentials> get() override {
    return AzureCredentials{AzureCredentials::Kind::bearer,
                            "very-secret-" + std::to_string(refused), 0, "the test"};
  }
  void refuse(const AzureCredentials&) override { ++refused; }
  std::atomic<int> refused{0};
};

class AzureBucketTest : public testing::Test {
 protected:
  void SetUp() override { clock_.set_auto_advance(true); }

  std::unique_ptr<Bucket> bucket() {
    return make_azure_bucket({"acct", "cont", "p/q", server_.url() + "/acct"}, make_http_client(),
                             tokens_, clock_);
  }
  std::unique_ptr<ObjectStore> store(const BucketStoreOptions& options = {}) {
    return make_bucket_store(bucket(), clock_, options);
  }
  // Replies one after the other; the last one for ever.
  void replies(std::vector<TestReply> list) {
    auto next = std::make_shared<size_t>(0);
    server_.set_script(
        [list, next](const TestRequest&) { return list[std::min((*next)++, list.size() - 1)]; });
  }
  size_t asked() { return server_.requests().size(); }

  TestServer server_{[](const TestRequest&) { return TestReply{.status = 201}; }};
  ManualClock clock_{1'795'323'600'000};  // 2026-11-22T05:00:00Z
  std::shared_ptr<CountingTokens> tokens_ = std::make_shared<CountingTokens>();
};

TEST_F(AzureBucketTest, APutCarriesConditionChecksumsAndToken) {
  ASSERT_TRUE(bucket()->put("a/k=1", "123456789", crc32c("123456789"), Write::if_absent).ok());
  TestRequest request = server_.requests().at(0);
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.target, "/acct/cont/p/q/a/k%3D1");
  EXPECT_EQ(request.body, "123456789");
  EXPECT_EQ(request.header("If-None-Match"), "*");
  EXPECT_EQ(request.header("x-ms-blob-type"), "BlockBlob");
  EXPECT_EQ(request.header("Content-MD5"), "JfnnlDI7RTiF9RgfG2JNCw==");
  EXPECT_EQ(request.header("x-ms-meta-baton_crc32c"), "4waSgw==");
  EXPECT_EQ(request.header("x-ms-version"), "2023-11-03");
  EXPECT_EQ(request.header("x-ms-date"), "Sun, 22 Nov 2026 05:00:00 GMT");
  EXPECT_EQ(request.header("Authorization"), "Bearer very-secret-0");
  ASSERT_TRUE(bucket()->put("k", "", 0, Write::replace).ok());
  EXPECT_EQ(server_.requests().at(1).header("If-None-Match"), "");
}

TEST_F(AzureBucketTest, AVersionIsAConditionAndComesBack) {
  replies({{.status = 201, .headers = {{"ETag", "\"0x2\""}}}});
  EXPECT_EQ(*bucket()->put("k", "x", crc32c("x"), Write::if_version("\"0x1\"")), "\"0x2\"");
  EXPECT_EQ(*bucket()->finish_upload("k", "u", {{"a", 0}}, 0, Write::if_version("\"0x1\"")),
            "\"0x2\"");
  EXPECT_TRUE(bucket()->remove_version("k", "\"0x1\"").ok());
  EXPECT_TRUE(bucket()->remove("k").ok());
  for (size_t i : {0, 1, 2}) EXPECT_EQ(server_.requests().at(i).header("If-Match"), "\"0x1\"");
  EXPECT_EQ(server_.requests().at(0).header("If-None-Match"), "");
  EXPECT_EQ(server_.requests().at(3).header("If-Match"), "");
  replies({error_reply(412, "ConditionNotMet")});
  EXPECT_TRUE(bucket()->remove_version("k", "\"0x1\"").is(Code::exists));
}

struct Answer {
  TestReply reply;
  Code code;
};

TEST_F(AzureBucketTest, RepliesAreClassified) {
  const std::vector<Answer> answers = {
      {error_reply(412, "ConditionNotMet"), Code::exists},
      {error_reply(409, "BlobAlreadyExists"), Code::exists},
      {{.status = 412}, Code::exists},
      // 409 and 412 that say nothing of an object being there.
      {error_reply(409, "BlobImmutableDueToPolicy"), Code::denied},
      {error_reply(409, "ContainerBeingDeleted"), Code::permanent},
      {error_reply(409, "SnapshotsPresent"), Code::permanent},
      {error_reply(409, "Unheard"), Code::permanent},
      {error_reply(412, "LeaseIdMissing"), Code::denied},
      {error_reply(412, "Unheard"), Code::permanent},
      {error_reply(404, "ContainerNotFound"), Code::permanent},
      {error_reply(403, "AuthorizationPermissionMismatch"), Code::denied},
      {error_reply(403, "AuthorizationFailure"), Code::denied},
      {error_reply(403, "AuthenticationFailed"), Code::denied},
      {error_reply(409, "KeyBasedAuthenticationNotPermitted"), Code::denied},
      {error_reply(400, "Md5Mismatch"), Code::transient},
      {error_reply(400, "InvalidHeaderValue"), Code::permanent},
      {error_reply(503, "ServerBusy"), Code::transient},
      {error_reply(500, "OperationTimedOut"), Code::transient},
      {error_reply(500, "InternalError"), Code::transient},
      {{.status = 502, .body = "<html>Bad gateway"}, Code::transient},
      {{.status = 429}, Code::transient},
      {{.reset = true}, Code::transient},
  };
  for (const Answer& answer : answers) {
    replies({answer.reply});
    auto status = bucket()->put("k", "x", crc32c("x"), Write::if_absent);
    EXPECT_TRUE(status.is(answer.code)) << status.error().text();
    EXPECT_EQ(status.error().text().find("very-secret"), std::string::npos);
    EXPECT_EQ(status.error().text().find("RequestId"), std::string::npos);
    EXPECT_NE(status.error().message.find("az://acct/cont/p/q"), std::string::npos);
  }
}

TEST_F(AzureBucketTest, WhyASignatureFailedIsToldOnlyWhereItIsTheTime) {
  replies(
      {error_reply(403, "AuthenticationFailed", {},
                   "<AuthenticationErrorDetail>Signature not valid in the specified time frame: "
                   "Expiry [x]</AuthenticationErrorDetail>")});
  EXPECT_NE(bucket()->head("k").error().message.find("status 403"), std::string::npos);
  EXPECT_NE(bucket()->remove("k").error().message.find("Expiry [x]"), std::string::npos);
  replies({error_reply(
      403, "AuthenticationFailed", {},
      "<AuthenticationErrorDetail>The MAC signature abc</AuthenticationErrorDetail>")});
  EXPECT_EQ(bucket()->remove("k").error().message.find("abc"), std::string::npos);
}

TEST_F(AzureBucketTest, AnExpiredTokenIsReplacedAtOnce) {
  server_.set_script([](const TestRequest& request) {
    bool old = ends_with(request.header("Authorization"), "-0");
    return old ? error_reply(401, "InvalidAuthenticationInfo") : TestReply{.status = 201};
  });
  EXPECT_TRUE(bucket()->put("k", "x", crc32c("x"), Write::replace).ok());
  EXPECT_EQ(tokens_->refused, 1);
  replies({error_reply(401, "InvalidAuthenticationInfo")});
  size_t before = asked();
  EXPECT_TRUE(bucket()->put("k", "x", crc32c("x"), Write::replace).is(Code::denied));
  EXPECT_LE(asked(), before + 3);
}

// The server's clock is 20 minutes ahead, or behind.
TEST_F(AzureBucketTest, AWrongClockIsCorrected) {
  for (const char* date : {"Sun, 22 Nov 2026 05:20:00 GMT", "Sun, 22 Nov 2026 04:40:00 GMT"}) {
    server_.set_script([date](const TestRequest& request) {
      bool good = request.header("x-ms-date") == date;
      return good ? TestReply{.body = "123"}
                  : error_reply(403, "AuthenticationFailed", {{"Date", date}});
    });
    auto own = bucket();
    size_t before = asked();
    EXPECT_EQ(own->head("k")->size, 3u);
    EXPECT_EQ(asked(), before + 2);
    EXPECT_EQ(own->head("k")->size, 3u);
    EXPECT_EQ(asked(), before + 3);  // the correction stays
    EXPECT_EQ(tokens_->refused, 0);
  }
}

TEST_F(AzureBucketTest, RetryAfterHoldsEverythingBack) {
  replies({error_reply(503, "ServerBusy", {{"Retry-After", "7"}}), TestReply{.status = 201}});
  int64_t before = clock_.mono_ms();
  EXPECT_TRUE(store()->put("k", "x").ok());
  EXPECT_GE(clock_.mono_ms() - before, 7000);
}

TEST_F(AzureBucketTest, PassingTroublesAreRetriedAndLastingOnesNot) {
  replies({error_reply(500, "InternalError"), {.status = 429}, {.reset = true}, {.status = 201}});
  EXPECT_TRUE(store()->put("k", "x").ok());
  EXPECT_EQ(asked(), 4u);
  replies({error_reply(403, "AuthorizationPermissionMismatch")});
  EXPECT_TRUE(store()->put("k", "x").is(Code::denied));
  EXPECT_EQ(asked(), 5u);
}

TEST_F(AzureBucketTest, ADamagedDownloadIsFetchedAgain) {
  const std::string text = "what was stored";
  TestReply good{.body = text, .headers = {{"x-ms-meta-baton_crc32c", crc32c_text(crc32c(text))}}};
  TestReply damaged = good;
  damaged.body = "what was stOred";
  TestReply cut = good;
  cut.cut_after = 5;
  replies({damaged, cut, good});
  EXPECT_EQ(store()->get("k", 100).value(), text);
  replies({damaged});
  EXPECT_TRUE(store()->get("k", 100).is(Code::transient));
}

TEST_F(AzureBucketTest, AReplacedObjectIsNotMixed) {
  replies({error_reply(412, "ConditionNotMet")});
  auto got =
      bucket()->get("k", BucketRange{8, 8}, "\"old\"", [](std::string_view) { return Status(); });
  EXPECT_TRUE(got.is(Code::transient));
  EXPECT_EQ(server_.requests().at(0).header("If-Match"), "\"old\"");
  EXPECT_EQ(server_.requests().at(0).header("Range"), "bytes=8-15");
}

// A server for uploads in blocks whose list is refused the first time.
class Blocks {
 public:
  Blocks(TestReply first, bool completed) : first_(std::move(first)), completed_(completed) {}
  TestReply operator()(const TestRequest& request) {
    std::lock_guard lock(mutex_);
    if (request.target.find("comp=blocklist") != std::string::npos) {
      crc_ = request.header("x-ms-meta-baton_crc32c");
      lists.push_back(request.body);
      return lists.size() == 1 ? first_ : TestReply{.status = 201};
    }
    if (request.method == "PUT") {
      ids.push_back(request.target.substr(request.target.find("blockid=") + 8));
      return {.status = 201};
    }
    if (completed_)
      return {.headers = {{"x-ms-meta-baton_crc32c", crc_}}, .content_length = 20'000'000};
    return {.status = 404};
  }
  std::vector<std::string> ids, lists;

 private:
  const TestReply first_;
  const bool completed_;
  std::mutex mutex_;
  std::string crc_;
};

TEST_F(AzureBucketTest, BlocksThatAreGoneAreSentAgain) {
  BucketStoreOptions options;
  options.transfer.single_below = 1 << 20;
  const std::string bytes(20'000'000, 'x');
  auto blocks = std::make_shared<Blocks>(error_reply(400, "InvalidBlockList"), false);
  server_.set_script([blocks](const TestRequest& request) { return (*blocks)(request); });
  EXPECT_TRUE(store(options)->put("k", bytes).ok());
  ASSERT_EQ(blocks->ids.size(), 6u);  // three each time, under other names, all of one length
  EXPECT_EQ(std::set<std::string>(blocks->ids.begin(), blocks->ids.end()).size(), 6u);
  for (const std::string& id : blocks->ids) EXPECT_EQ(id.size(), blocks->ids[0].size());
  ASSERT_EQ(blocks->lists.size(), 2u);
  EXPECT_NE(blocks->lists[0], blocks->lists[1]);
}

TEST_F(AzureBucketTest, AnUploadCompletedByALostReplyIsSeen) {
  BucketStoreOptions options;
  options.transfer.single_below = 1 << 20;
  auto blocks = std::make_shared<Blocks>(error_reply(400, "InvalidBlockList"), true);
  server_.set_script([blocks](const TestRequest& request) { return (*blocks)(request); });
  EXPECT_TRUE(store(options)->put("k", std::string(20'000'000, 'x')).ok());
  EXPECT_EQ(blocks->ids.size(), 3u);
}

TEST_F(AzureBucketTest, ListingsAreReadInPages) {
  replies({{.body = "<EnumerationResults><Blobs><BlobPrefix><Name>p/q/b/</Name></BlobPrefix><Blob>"
                    "<Name>p/q/a</Name><Properties><Content-Length>7</Content-Length></Properties>"
                    "</Blob><Blob><Name>p/other</Name></Blob></Blobs><NextMarker>2!8</NextMarker>"
                    "</EnumerationResults>"}});
  auto page = bucket()->list("", "", "1!", true, 10);
  ASSERT_TRUE(page.ok()) << page.error().text();
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "a");
  EXPECT_EQ(page->objects[0].size, 7u);
  EXPECT_EQ(page->objects[1].key, "b/");
  EXPECT_EQ(page->next, "2!8");
  EXPECT_EQ(server_.requests().at(0).target,
            "/acct/cont?restype=container&comp=list&maxresults=10&prefix=p%2Fq%2F&delimiter=%2F&"
            "marker=1%21");
  EXPECT_EQ(bucket()->list("", "a", "", true, 10)->objects.size(), 1u);  // what is not behind "a"
  replies({{.body = "<html></html>"}});
  EXPECT_TRUE(bucket()->list("", "", "", false, 10).is(Code::transient));
}

// Keys "k000" to "k099", with their numbers as markers; what is asked for is kept.
class Names {
 public:
  TestReply operator()(const TestRequest& request) {
    size_t at = request.target.find("marker=");
    size_t from = at == std::string::npos ? 0 : std::stoul(request.target.substr(at + 7));
    if (at != std::string::npos) markers.push_back(from);
    if (refuse && at != std::string::npos) return error_reply(400, "OutOfRangeInput");
    std::string body = "<EnumerationResults><Blobs>";
    for (size_t i = from; i < from + 10; ++i) {
      std::string digits = std::to_string(1000 + i).substr(1);
      body += "<Blob><Name>p/q/k" + digits + "</Name></Blob>";
    }
    std::string next = from + 10 < 100 ? std::to_string(from + 10) : "";
    return {.body = body + "</Blobs><NextMarker>" + next + "</NextMarker></EnumerationResults>"};
  }
  std::vector<size_t> markers;
  bool refuse = false;
};

TEST_F(AzureBucketTest, AListingGoesOnFromAPageThatIsKnown) {
  auto names = std::make_shared<Names>();
  server_.set_script([names](const TestRequest& request) { return (*names)(request); });
  auto own = bucket();
  auto page = own->list("", "", "", false, 10);
  while (!page->next.empty()) page = own->list("", "", page->next, false, 10);
  EXPECT_EQ(names->markers.size(), 9u);
  auto begins = [&](const std::string& after) {
    names->markers.clear();
    auto found = own->list("", after, "", false, 10);
    return std::pair(found->objects.empty() ? "" : found->objects.front().key, names->markers);
  };
  using Found = std::pair<std::string, std::vector<size_t>>;
  EXPECT_EQ(begins("k054"), Found("k055", {50}));
  EXPECT_EQ(begins("k050"), Found("k051", {50}));
  EXPECT_EQ(begins("k0499"), Found("", {40}));  // not 50: something might be between by now
  EXPECT_EQ(begins("k005"), Found("k006", {}));
  names->refuse = true;  // then from the start
  page = own->list("", "k054", "", false, 10);
  ASSERT_TRUE(page.ok()) << page.error().text();
  EXPECT_TRUE(page->objects.empty());
  EXPECT_EQ(page->next, "10");
}

TEST_F(AzureBucketTest, NamesAreTakenAsTheyStand) {
  replies({{.body = "<EnumerationResults><Blobs>"
                    "<BlobPrefix><Name Encoded=\"true\">p/q/%EF%BF%BE b%2F</Name></BlobPrefix>"
                    "<Blob><Name> p/q/no</Name></Blob>"
                    "<Blob><Name>p/q/ a\n</Name><Properties><Content-Length> 7\n</Content-Length>"
                    "</Properties></Blob>"
                    "<Blob><Name>p/q/c%20d+e</Name></Blob>"
                    "<Blob><Name Encoded='true'>p/q/%EF%BF%BF c+d%25 </Name></Blob>"
                    "</Blobs><NextMarker>\n</NextMarker></EnumerationResults>"}});
  auto page = bucket()->list("", "", "", true, 10);
  ASSERT_TRUE(page.ok()) << page.error().text();
  std::vector<std::string> keys;
  for (const ObjectInfo& object : page->objects) keys.push_back(object.key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{" a\n", "c%20d+e", "\xEF\xBF\xBE b/", "\xEF\xBF\xBF c+d% "}));
  EXPECT_EQ(page->objects.at(0).size, 7u);
  EXPECT_EQ(page->next, "");
}

TEST_F(AzureBucketTest, ARequestHeedsACancellation) {
  expect_heeds_cancellation(server_, *bucket());
}

TEST_F(AzureBucketTest, AHierarchicalNamespaceIsRefused) {
  replies({{.body = "<EnumerationResults><Blobs><Blob><Name>p/q/a</Name><Properties><ResourceType>"
                    "directory</ResourceType></Properties></Blob></Blobs></EnumerationResults>"}});
  auto page = bucket()->list("", "", "", false, 10);
  ASSERT_TRUE(page.is(Code::unsupported));
  EXPECT_NE(page.error().message.find("hierarchical namespace"), std::string::npos);
}

Result<AzurePlace> parse(const std::string& url,
                         std::map<std::string, std::string> variables = {}) {
  return parse_azure_url(url, [variables](const std::string& name) -> std::optional<std::string> {
    auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  });
}

TEST(AzureUrl, PlacesAndTheirEndpoints) {
  auto plain = parse("az://acct/tmp/a/b/");
  ASSERT_TRUE(plain.ok()) << plain.error().text();
  EXPECT_EQ(plain->account, "acct");
  EXPECT_EQ(plain->container, "tmp");
  EXPECT_EQ(plain->prefix, "a/b");
  EXPECT_EQ(plain->endpoint, "https://acct.blob.core.windows.net");
  const std::string named = "AccountName=acct;AccountKey=k;BlobEndpoint=http://127.0.0.1:1/acct";
  std::map<std::string, std::string> both{{"AZURE_STORAGE_CONNECTION_STRING", named},
                                          {"AZURE_STORAGE_SERVICE_ENDPOINT", "https://e/"}};
  EXPECT_EQ(parse("az://acct/con", both)->endpoint, "http://127.0.0.1:1/acct");
  EXPECT_EQ(parse("az://other/con", both)->endpoint, "https://e");
  both["AZURE_STORAGE_ACCOUNT"] = "acct";
  EXPECT_EQ(parse("az://other/con", both)->endpoint, "https://other.blob.core.windows.net");
  EXPECT_EQ(parse("az://acct/con?endpoint=http%3A//127.0.0.1:9/acct/", both)->endpoint,
            "http://127.0.0.1:9/acct");
}

TEST(AzureUrl, MistakesAreNamedAndSecretsAreNot) {
  for (const char* bad :
       {"az://", "az://acct", "az://acct/", "az://acct/c", "az://Acct/con", "az://acct/Con",
        "az://acct/con//p", "az://acct/con/a b", "az://acct/con/tmp", "az://user:hunter2@acct/con",
        "az://acct/con?sv=1&sig=hunter2", "az://acct/con?endpoint=ftp://x",
        "az://acct/con?endpoint=https://x/?a=hunter2", "az://acct/con?region=x"}) {
    auto place = parse(bad);
    EXPECT_TRUE(place.is(Code::invalid)) << bad;
    std::string said = place.ok() ? "" : place.error().text();
    EXPECT_EQ(said.find("hunter2"), std::string::npos) << bad;
  }
}

}  // namespace
}  // namespace baton
