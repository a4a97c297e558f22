// What S3 may answer, by a scripted server: classification, remedies, and the retries above them.
#include "store/s3_bucket.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "base/crc32c.h"
#include "base/text.h"
#include "net/http_date.h"
#include "net/test_server.h"
#include "os/files.h"
#include "store/bucket_heeds.h"
#include "store/bucket_store.h"
#include "store/open_store.h"

namespace baton {
namespace {

TestReply error_reply(int status, const std::string& code, Headers headers = {}) {
  return {.status = status,
          .body = "<?xml version=\"1.0\"?><Error><Code>" + code +
                  "</Code><Message>It is said.</Message></Error>",
          .headers = std::move(headers)};
}

TestReply object_reply(const std::string& body) {
  return {.body = body,
          .headers = {{"ETag", "\"1\""}, {"x-amz-checksum-crc32c", crc32c_text(crc32c(body))}}};
}

// Credentials that count how often they were refused.
class CountingCredentials : public AwsCredentialSource {
 public:
  Result<AwsCredentials> get() override {
    return AwsCredentials{"AKIA" + std::to_string(refused), "very-secret", "tok", 0, ""};
  }
  void refuse(const AwsCredentials&) override { ++refused; }
  std::atomic<int> refused{0};
};

class S3BucketTest : public testing::Test {
 protected:
  void SetUp() override { clock_.set_auto_advance(true); }

  std::unique_ptr<Bucket> bucket() {
    return make_s3_bucket({"b", "p/q", server_.url(), "us-east-1", true}, make_http(), credentials_,
                          clock_);
  }
  std::unique_ptr<ObjectStore> store(const BucketStoreOptions& options = {}) {
    return make_bucket_store(bucket(), clock_, options);
  }
  static std::shared_ptr<HttpClient> make_http() { return make_http_client(); }
  void script(TestScript script) { server_.set_script(std::move(script)); }
  // Replies one after the other; the last one for ever.
  void replies(std::vector<TestReply> list) {
    auto next = std::make_shared<size_t>(0);
    server_.set_script(
        [list, next](const TestRequest&) { return list[std::min((*next)++, list.size() - 1)]; });
  }
  size_t asked() { return server_.requests().size(); }

  TestServer server_{[](const TestRequest&) { return TestReply{}; }};
  ManualClock clock_{1'795'323'600'000};  // 2026-11-22T05:00:00Z
  std::shared_ptr<CountingCredentials> credentials_ = std::make_shared<CountingCredentials>();
};

// base64 of the check value of CRC-64/NVME, of CRC-32, of a SHA-1 and of a SHA-256.
TEST_F(S3BucketTest, TheBestChecksumIsTold) {
  const std::string crc = "rosUhgp5mIg=", etag = '"' + std::string(32, 'a') + '"',
                    sha = std::string(43, 'A') + "=", guess = "md5?:" + std::string(32, 'a'),
                    parts = "\"" + std::string(32, 'a') + "-2\"",
                    crc32 = "y/Q5Jg==", sha1 = std::string(27, 'A') + "=";
  struct Row {
    Headers headers;
    std::string sum;
  };
  const std::vector<Row> rows = {
      {{{"ETag", etag}}, guess},
      {{{"ETag", parts}, {"x-amz-checksum-crc64nvme", crc}}, "crc64nvme:ae8b14860a799888"},
      {{{"ETag", parts}}, "md5-parts:" + std::string(32, 'a') + "-2"},
      {{{"ETag", parts}, {"x-amz-server-side-encryption", "aws:kms"}}, ""},
      {{{"ETag", parts},
        {"x-amz-server-side-encryption", "aws:kms"},
        {"x-amz-checksum-crc32", crc32 + "-2"},
        {"x-amz-checksum-type", "COMPOSITE"}},
       "crc32-parts:cbf43926-2"},
      {{{"ETag", parts}, {"x-amz-checksum-sha1", sha1 + "-2"}},
       "sha1-parts:" + std::string(40, '0') + "-2"},
      {{{"ETag", parts}, {"x-amz-checksum-sha1", sha1}}, "sha1:" + std::string(40, '0')},
      {{{"ETag", "\"" + std::string(32, 'a') + "-0\""}}, ""},
      {{{"ETag", "\"" + std::string(31, 'a') + "-2\""}}, ""},
      {{{"ETag", etag}, {"x-amz-checksum-crc64nvme", crc}}, "crc64nvme:ae8b14860a799888"},
      {{{"ETag", etag}, {"x-amz-checksum-crc64nvme", "rosUhgp5"}}, guess},
      {{{"ETag", etag}, {"x-amz-server-side-encryption", "aws:kms"}}, ""},
      {{{"ETag", etag}, {"x-amz-checksum-sha256", sha}}, "sha256:" + std::string(64, '0')},
      {{{"ETag", parts},
        {"x-amz-checksum-sha256", sha + "-2"},
        {"x-amz-checksum-type", "COMPOSITE"}},
       "sha256-parts:" + std::string(64, '0') + "-2"}};
  for (const Row& row : rows) {
    replies({{.body = "123456789", .headers = row.headers}});
    auto told = bucket()->head("k");
    ASSERT_TRUE(told.ok()) << told.error().message;
    EXPECT_EQ(told->sum, row.sum);
  }
}

TEST_F(S3BucketTest, APutCarriesConditionChecksumAndSignature) {
  ASSERT_TRUE(bucket()->put("a/k=1", "123456789", crc32c("123456789"), Write::if_absent).ok());
  TestRequest request = server_.requests().at(0);
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.target, "/b/p/q/a/k%3D1");
  EXPECT_EQ(request.body, "123456789");
  EXPECT_EQ(request.header("If-None-Match"), "*");
  EXPECT_EQ(request.header("x-amz-checksum-crc32c"), "4waSgw==");
  EXPECT_EQ(request.header("x-amz-security-token"), "tok");
  EXPECT_EQ(request.header("x-amz-date"), "20261122T050000Z");
  std::string signature = request.header("Authorization");
  EXPECT_TRUE(starts_with(signature,
                          "AWS4-HMAC-SHA256 Credential=AKIA0/20261122/us-east-1/s3/aws4_request"));
  for (const char* name : {"if-none-match", "x-amz-checksum-crc32c", "host", "x-amz-meta-baton"})
    EXPECT_NE(signature.find(name), std::string::npos) << name;
  ASSERT_TRUE(bucket()->put("k", "", 0, Write::replace).ok());
  EXPECT_EQ(server_.requests().at(1).header("If-None-Match"), "");
}

struct Answer {
  TestReply reply;
  Code code;
};

TEST_F(S3BucketTest, RepliesAreClassified) {
  const std::vector<Answer> answers = {
      {error_reply(412, "PreconditionFailed"), Code::exists},
      {error_reply(409, "ConditionalRequestConflict"), Code::transient},
      {error_reply(404, "NoSuchBucket"), Code::permanent},
      {error_reply(403, "AccessDenied"), Code::denied},
      {error_reply(403, "SignatureDoesNotMatch"), Code::denied},
      {error_reply(400, "BadDigest"), Code::transient},
      {error_reply(400, "XAmzContentChecksumMismatch"), Code::transient},
      {error_reply(400, "RequestTimeout"), Code::transient},
      {error_reply(400, "InvalidArgument"), Code::permanent},
      {error_reply(503, "SlowDown"), Code::transient},
      {error_reply(500, "InternalError"), Code::transient},
      {{.status = 502, .body = "<html>Bad gateway"}, Code::transient},
      {{.status = 429}, Code::transient},
      {{.status = 507}, Code::no_space},
      {error_reply(501, "NotImplemented"), Code::unsupported},
      {{.reset = true}, Code::transient},
  };
  for (const Answer& answer : answers) {
    replies({answer.reply});
    auto status = bucket()->put("k", "x", crc32c("x"), Write::if_absent);
    EXPECT_TRUE(status.is(answer.code)) << status.error().text();
    EXPECT_EQ(status.error().text().find("very-secret"), std::string::npos);
    EXPECT_NE(status.error().message.find("s3://b/p/q"), std::string::npos);
  }
}

TEST_F(S3BucketTest, ExpiredCredentialsAreReplacedAtOnce) {
  script([](const TestRequest& request) {
    bool old = request.header("Authorization").find("AKIA0/") != std::string::npos;
    return old ? error_reply(400, "ExpiredToken") : TestReply{};
  });
  EXPECT_TRUE(bucket()->put("k", "x", crc32c("x"), Write::replace).ok());
  EXPECT_EQ(credentials_->refused, 1);
}

TEST_F(S3BucketTest, CredentialsThatStayExpiredAreAnError) {
  replies({error_reply(400, "ExpiredToken")});
  EXPECT_TRUE(bucket()->put("k", "x", crc32c("x"), Write::replace).is(Code::denied));
  EXPECT_LE(asked(), 3u);
}

// HEAD's replies have no body that could name the reason.
TEST_F(S3BucketTest, AHeadRefusedWithoutAReasonRenewsCredentialsOnce) {
  for (int status : {400, 403}) {
    credentials_->refused = 0;
    script([&](const TestRequest& request) -> TestReply {
      bool old = request.header("Authorization").find("AKIA0/") != std::string::npos;
      Headers region = {{"x-amz-bucket-region", "us-east-1"}};  // as it is taken to be already
      return old ? TestReply{.status = status, .headers = region} : TestReply{.body = "123"};
    });
    auto told = bucket()->head("k");
    ASSERT_TRUE(told.ok()) << status << ": " << told.error().text();
    EXPECT_EQ(credentials_->refused, 1);
    script([&](const TestRequest&) { return TestReply{.status = status}; });
    auto own = bucket();
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(own->head("k").ok());
    EXPECT_EQ(credentials_->refused, 2) << "not with each request";
    clock_.advance(61'000);
    EXPECT_FALSE(own->head("k").ok());
    EXPECT_EQ(credentials_->refused, 3);
  }
}

// The server's clock is 20 minutes ahead.
TEST_F(S3BucketTest, AWrongClockIsCorrected) {
  script([](const TestRequest& request) {
    bool good = request.header("x-amz-date") == "20261122T052000Z";
    return good ? TestReply{}
                : error_reply(403, "RequestTimeTooSkewed",
                              {{"Date", "Sun, 22 Nov 2026 05:20:00 GMT"}});
  });
  auto own = bucket();
  EXPECT_TRUE(own->put("k", "x", crc32c("x"), Write::replace).ok());
  EXPECT_EQ(asked(), 2u);
  EXPECT_TRUE(own->put("k", "x", crc32c("x"), Write::replace).ok());
  EXPECT_EQ(asked(), 3u);  // the correction stays
}

TEST_F(S3BucketTest, AHeadRefusedForTheClockIsCorrectedToo) {
  script([](const TestRequest& request) -> TestReply {
    if (request.header("x-amz-date") == "20261122T044000Z") return {.body = "123"};
    return {.status = 403, .headers = {{"Date", "Sun, 22 Nov 2026 04:40:00 GMT"}}};
  });
  EXPECT_EQ(bucket()->head("k")->size, 3u);
}

TEST_F(S3BucketTest, AnotherRegionIsTakenFromTheReply) {
  script([](const TestRequest& request) {
    bool good = request.header("Authorization").find("/eu-north-1/") != std::string::npos;
    return good ? TestReply{}
                : error_reply(400, "AuthorizationHeaderMalformed",
                              {{"x-amz-bucket-region", "eu-north-1"}});
  });
  EXPECT_TRUE(bucket()->put("k", "x", crc32c("x"), Write::replace).ok());
}

TEST_F(S3BucketTest, RetryAfterHoldsEverythingBack) {
  auto probe_free = BucketStoreOptions{};
  replies({error_reply(503, "SlowDown", {{"Retry-After", "7"}}), TestReply{}});
  int64_t before = clock_.mono_ms();
  EXPECT_TRUE(store(probe_free)->put("k", "x").ok());
  EXPECT_GE(clock_.mono_ms() - before, 7000);
}

// Records and output: whoever waits for them has other things to do.
TEST_F(S3BucketTest, NobodyIsKeptAwayForLongerThanHisPatience) {
  replies({error_reply(503, "SlowDown", {{"Retry-After", "60"}})});
  auto own = store();
  int64_t before = clock_.mono_ms();
  auto read = own->get("k", 100);
  ASSERT_TRUE(read.is(Code::transient));
  EXPECT_NE(read.error().message.find("keep away for 60 s"), std::string::npos)
      << read.error().message;
  EXPECT_TRUE(own->head("k").is(Code::transient));
  EXPECT_LE(clock_.mono_ms() - before, 5'000);
  EXPECT_TRUE(own->put("k", "x").is(Code::transient)) << "twice a minute is too long";
  EXPECT_LE(clock_.mono_ms() - before, 70'000);
}

// What was to be recorded would be lost otherwise.
TEST_F(S3BucketTest, RecordsWaitForAServiceThatAsksForAMinute) {
  replies({error_reply(503, "SlowDown", {{"Retry-After", "60"}}), TestReply{}});
  auto own = store();
  EXPECT_TRUE(own->get("k", 100).is(Code::transient));
  int64_t before = clock_.mono_ms();
  EXPECT_TRUE(own->put("k", "x").ok());
  EXPECT_GE(clock_.mono_ms() - before, 59'000);
}

TEST_F(S3BucketTest, OutputIsNotTriedForAsLongAsABlob) {
  replies({error_reply(500, "InternalError")});
  const std::string much(1 << 20, 'x');
  TransferOptions often;
  often.tries = 1'000;
  auto own = store({often, ""});
  auto took = [&](const std::string& key) {
    int64_t before = clock_.mono_ms();
    EXPECT_TRUE(own->put(key, much).is(Code::transient));
    return clock_.mono_ms() - before;
  };
  EXPECT_LE(took("jobs/j/logs/1/0"), 50'000);
  EXPECT_LE(took("jobs/j/metrics/1/0"), 50'000);
  EXPECT_GE(took("jobs/j/blobs/1/ab/abc"), 290'000);
}

TEST_F(S3BucketTest, PassingTroublesAreRetriedAndLastingOnesNot) {
  replies({error_reply(500, "InternalError"), {.status = 429}, {.reset = true}, TestReply{}});
  EXPECT_TRUE(store()->put("k", "x").ok());
  EXPECT_EQ(asked(), 4u);
  replies({error_reply(403, "AccessDenied")});
  EXPECT_TRUE(store()->put("k", "x").is(Code::denied));
  EXPECT_EQ(asked(), 5u);
}

TEST_F(S3BucketTest, RetriesComeToAnEnd) {
  replies({error_reply(500, "InternalError")});
  EXPECT_TRUE(store()->put("k", "x").is(Code::transient));
  EXPECT_EQ(asked(), static_cast<size_t>(TransferOptions{}.tries));
}

TEST_F(S3BucketTest, ADamagedDownloadIsFetchedAgain) {
  TestReply damaged = object_reply("what was stored");
  damaged.body = "what was stOred";
  replies({damaged, object_reply("what was stored")});
  EXPECT_EQ(store()->get("k", 100).value(), "what was stored");
  TestReply cut = object_reply("what was stored");
  cut.cut_after = 5;
  replies({cut, object_reply("what was stored")});
  EXPECT_EQ(store()->get("k", 100).value(), "what was stored");
  replies({damaged});
  EXPECT_TRUE(store()->get("k", 100).is(Code::transient));
}

// A server that keeps what it is given, and honours conditions or not.
class Memory {
 public:
  explicit Memory(bool conditions) : conditions_(conditions) {}
  TestReply operator()(const TestRequest& request) {
    if (request.method == "PUT") {
      bool taken = objects_.count(request.target) > 0;
      if (conditions_ && taken && request.header("If-None-Match") == "*")
        return error_reply(412, "PreconditionFailed");
      objects_[request.target] = request.body;
      return {};
    }
    if (request.method == "DELETE") objects_.erase(request.target);
    return {.status = request.method == "DELETE" ? 204 : 404};
  }

 private:
  bool conditions_;
  std::map<std::string, std::string> objects_;
};

TEST_F(S3BucketTest, ABucketWithoutConditionsIsRefused) {
  script([memory = std::make_shared<Memory>(false)](const TestRequest& request) {
    return (*memory)(request);
  });
  auto own = store();
  Status status = own->create("k", "x");
  ASSERT_TRUE(status.is(Code::unsupported));
  EXPECT_NE(status.error().message.find("conditional writes"), std::string::npos);
  size_t before = asked();
  EXPECT_TRUE(own->create("k2", "x").is(Code::unsupported));
  EXPECT_EQ(asked(), before);  // not asked again
}

TEST_F(S3BucketTest, ThatABucketHasPassedIsRemembered) {
  TempDir cache = TempDir::create("baton-probe").value();
  script([memory = std::make_shared<Memory>(true)](const TestRequest& request) {
    return (*memory)(request);
  });
  BucketStoreOptions options;
  options.cache_dir = cache.path() + "/buckets";
  EXPECT_TRUE(store(options)->create("k", "x").ok());
  EXPECT_EQ(asked(), 4u);  // twice, removed, and the object itself
  EXPECT_TRUE(store(options)->create("k", "x").is(Code::exists));
  EXPECT_EQ(asked(), 5u);
}

TEST_F(S3BucketTest, AVersionIsAConditionAndComesBack) {
  replies({{.headers = {{"ETag", "\"2\""}}},
           {.body = "<CompleteMultipartUploadResult><ETag>&quot;3-1&quot;</ETag>"
                    "</CompleteMultipartUploadResult>"},
           {.body = "<CompleteMultipartUploadResult><ETag>3-1</ETag>"
                    "</CompleteMultipartUploadResult>"},
           {.status = 204}});
  const Write first = Write::if_version("\"1\"");
  EXPECT_EQ(*bucket()->put("k", "x", crc32c("x"), first), "\"2\"");
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(*bucket()->finish_upload("k", "u", {{"\"1\"", 0}}, 0, first), "\"3-1\"");
  EXPECT_TRUE(bucket()->remove_version("k", "\"1\"").ok());
  for (size_t i : {0, 1, 2, 3}) EXPECT_EQ(server_.requests().at(i).header("If-Match"), "\"1\"");
  EXPECT_EQ(server_.requests().at(0).header("If-None-Match"), "");
  EXPECT_TRUE(bucket()->remove("k").ok());
  EXPECT_EQ(server_.requests().at(4).header("If-Match"), "");
  replies({error_reply(412, "PreconditionFailed")});
  EXPECT_TRUE(bucket()->put("k", "x", crc32c("x"), first).is(Code::exists));
  EXPECT_TRUE(bucket()->remove_version("k", "\"1\"").is(Code::exists));
}

TEST_F(S3BucketTest, AnErrorBehindStatus200IsAnError) {
  replies({error_reply(200, "InternalError")});
  EXPECT_TRUE(
      bucket()->finish_upload("k", "u", {{"\"1\"", 0}}, 0, Write::replace).is(Code::transient));
}

// A server for uploads in parts whose completing request fails the first time.
class Parts {
 public:
  Parts(std::string code, bool completed) : code_(std::move(code)), completed_(completed) {}
  TestReply operator()(const TestRequest& request) {
    const bool whole = request.target.find('?') == std::string::npos;
    if (request.target.find("?uploads=") != std::string::npos) {
      ++begun;
      crc_ = request.header("x-amz-meta-baton-crc32c");
      return {.body = "<R><UploadId>u</UploadId></R>"};
    }
    if (request.method == "PUT") return {.headers = {{"ETag", "\"p\""}}};
    if (request.method == "POST" && ++completions_ == 1)
      return error_reply(code_ == "NoSuchUpload" ? 404 : 409, code_);
    if (request.method == "POST") return {.body = "<CompleteMultipartUploadResult/>"};
    if (request.method == "HEAD" && whole && completed_)
      return {.headers = {{"x-amz-meta-baton-crc32c", crc_}}, .content_length = 10'000'000};
    return {.status = request.method == "HEAD" ? 404 : 204};
  }
  int begun = 0;

 private:
  const std::string code_;
  const bool completed_;
  int completions_ = 0;
  std::string crc_;
};

TEST_F(S3BucketTest, AnUploadThatTheServiceLostBeginsAgain) {
  BucketStoreOptions options;
  options.transfer.single_below = 1 << 20;
  const std::string bytes(10'000'000, 'x');
  for (const char* code : {"NoSuchUpload", "ConditionalRequestConflict"}) {
    auto parts = std::make_shared<Parts>(code, false);
    script([parts](const TestRequest& request) { return (*parts)(request); });
    EXPECT_TRUE(store(options)->put("k", bytes).ok());
    EXPECT_EQ(parts->begun, 2) << code;
  }
}

TEST_F(S3BucketTest, AnUploadCompletedByALostReplyIsSeen) {
  BucketStoreOptions options;
  options.transfer.single_below = 1 << 20;
  auto parts = std::make_shared<Parts>("NoSuchUpload", true);
  script([parts](const TestRequest& request) { return (*parts)(request); });
  EXPECT_TRUE(store(options)->put("k", std::string(10'000'000, 'x')).ok());
  EXPECT_EQ(parts->begun, 1);
}

// As Amazon and MinIO encode them.
TEST_F(S3BucketTest, ListedKeysAreDecodedAsAForm) {
  replies({{.body = "<ListBucketResult><EncodingType>url</EncodingType>"
                    "<Contents><Key>p/q/a+b</Key></Contents>"
                    "<Contents><Key>p/q/a%2Bb</Key></Contents>"
                    "<Contents><Key>p/q/+a+%2B%C3%BC%2525</Key></Contents>"
                    "<CommonPrefixes><Prefix>p/q/c+d%2F</Prefix></CommonPrefixes>"
                    "</ListBucketResult>"},
           {.body = "<ListBucketResult><Contents><Key>p/q/ a+b%20 </Key></Contents>"
                    "</ListBucketResult>"}});
  std::vector<std::string> keys;
  auto page = bucket()->list("", "", "", true, 10);
  ASSERT_TRUE(page.ok());
  for (const ObjectInfo& object : page->objects) keys.push_back(object.key);
  EXPECT_EQ(keys, (std::vector<std::string>{" a +ü%25", "a b", "a+b", "c d/"}));
  page = bucket()->list("", "", "", true, 10);  // of a service that does not encode
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->objects.at(0).key, " a+b%20 ");
}

TEST_F(S3BucketTest, ARequestHeedsACancellation) { expect_heeds_cancellation(server_, *bucket()); }

TEST_F(S3BucketTest, APageThatBreaksOffIsAnError) {
  replies({{.body = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"}});
  EXPECT_TRUE(bucket()->list("", "", "", false, 10).is(Code::transient));
  replies({{.body = "<html></html>"}});
  EXPECT_TRUE(bucket()->list("", "", "", false, 10).is(Code::transient));
}

Result<S3Target> parse(const std::string& url, std::map<std::string, std::string> variables = {}) {
  variables.emplace("AWS_CONFIG_FILE", "/nowhere/config");
  return parse_s3_url(url, [variables](const std::string& name) -> std::optional<std::string> {
    auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  });
}

TEST(S3Url, PlacesAndTheirGaps) {
  auto plain = parse("s3://bucket/a/b/");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->place.bucket, "bucket");
  EXPECT_EQ(plain->place.prefix, "a/b");
  EXPECT_EQ(plain->place.endpoint, "");
  EXPECT_FALSE(plain->place.path_style);
  EXPECT_TRUE(parse("s3://my.bucket")->place.path_style);
  auto full = parse("s3://b/p?endpoint=http%3A//127.0.0.1:9000/&region=x-1&path_style=false",
                    {{"AWS_REGION", "y"}, {"AWS_ENDPOINT_URL", "http://elsewhere"}});
  ASSERT_TRUE(full.ok()) << full.error().text();
  EXPECT_EQ(full->place.endpoint, "http://127.0.0.1:9000");
  EXPECT_EQ(full->place.region, "x-1");
  EXPECT_FALSE(full->place.path_style);
  auto from_environment = parse("s3://b", {{"AWS_REGION", "y"}, {"AWS_ENDPOINT_URL", "http://e"}});
  EXPECT_EQ(from_environment->place.region, "y");
  EXPECT_EQ(from_environment->place.endpoint, "http://e");
  EXPECT_TRUE(from_environment->place.path_style);
}

TEST(S3Url, MistakesAreNamed) {
  for (const char* bad :
       {"s3://", "s3:///p", "s3://b//p", "s3://b/../p", "s3://b/a b", "s3://b/tmp",
        "s3://user:pass@b/p", "s3://b?regoin=x", "s3://b?region=X Y", "s3://b?endpoint=ftp://x",
        "s3://b?endpoint=http://x/y"})
    EXPECT_TRUE(parse(bad).is(Code::invalid)) << bad;
  EXPECT_NE(parse("s3://b?regoin=x").error().message.find("did you mean region"),
            std::string::npos);
  EXPECT_EQ(parse("s3://user:hunter2@b/p").error().text().find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace baton
