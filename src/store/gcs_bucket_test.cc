// What Google Cloud Storage may answer, by a scripted server: classification, remedies, and what
// exactly is asked for.
#include "store/gcs_bucket.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "base/crc32c.h"
#include "base/json.h"
#include "base/text.h"
#include "net/test_server.h"
#include "store/bucket_heeds.h"
#include "store/bucket_store.h"
#include "store/gcs_errors.h"

namespace baton {
namespace {

TestReply error_reply(int status, const std::string& reason, const std::string& message = "Said.") {
  Json error{{"message", message}, {"domain", "global"}, {"reason", reason}};
  Json body{
      {"error", Json{{"code", status}, {"message", message}, {"errors", Json::array({error})}}}};
  return {.status = status, .body = dump_json(body)};
}

TestReply resource_reply(const std::string& crc, const std::string& generation = "7") {
  return {.body = dump_json(Json{{"size", "4"}, {"crc32c", crc}, {"generation", generation}})};
}

class CountingTokens : public TokenSource {
 public:
  Result<BearerToken> get() override {
    return BearerToken{"t" + std::to_string(refused.load()), 0, ""};
  }
  void refuse(const BearerToken&) override { ++refused; }
  std::atomic<int> refused{0};
};

class GcsBucketTest : public testing::Test {
 protected:
  std::unique_ptr<Bucket> bucket(const std::string& user_project = "") {
    return make_gcs_bucket({"b", "p", server_.url(), user_project}, make_http_client(), tokens_,
                           clock_);
  }
  void replies(std::vector<TestReply> list) {
    server_.set_script(
        [list = std::move(list), next = std::make_shared<size_t>(0)](const TestRequest&) {
          return list[std::min((*next)++, list.size() - 1)];
        });
  }
  TestRequest asked(size_t index) { return server_.requests().at(index); }
  Result<BucketObject> read(const std::optional<BucketRange>& range = std::nullopt,
                            const std::string& expected = "") {
    body_.clear();
    return bucket()->get("a/k", range, expected, [this](std::string_view piece) -> Status {
      body_ += piece;
      return {};
    });
  }

  ManualClock clock_;
  TestServer server_{[](const TestRequest&) { return TestReply{.status = 404}; }};
  std::shared_ptr<CountingTokens> tokens_ = std::make_shared<CountingTokens>();
  std::string body_;
};

TEST_F(GcsBucketTest, ARequestHeedsACancellation) { expect_heeds_cancellation(server_, *bucket()); }

TEST_F(GcsBucketTest, AnUploadCarriesItsConditionAndChecksum) {
  replies({{.body = R"({"generation": "1"})"}});
  const std::string bytes("\r\n--\0x", 6);
  ASSERT_TRUE(bucket()->put("a/k", bytes, crc32c(bytes), Write::if_absent).ok());
  TestRequest request = asked(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target,
            "/upload/storage/v1/b/b/o?uploadType=multipart&fields=generation&ifGenerationMatch=0");
  EXPECT_EQ(request.header("Authorization"), "Bearer t0");
  std::string kind = request.header("Content-Type");
  std::string boundary = "--" + kind.substr(kind.find("boundary=") + 9);
  EXPECT_EQ(request.body, boundary +
                              "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
                              "{\"name\":\"p/a/k\",\"crc32c\":\"" +
                              crc32c_text(crc32c(bytes)) + "\"}\r\n" + boundary +
                              "\r\nContent-Type: application/octet-stream\r\n\r\n" + bytes +
                              "\r\n" + boundary + "--\r\n");
  ASSERT_TRUE(bucket("mine")->put("k", "", 0, Write::replace).ok());
  EXPECT_EQ(asked(1).target.find("ifGenerationMatch"), std::string::npos);
  EXPECT_EQ(asked(1).header("x-goog-user-project"), "mine");
}

TEST_F(GcsBucketTest, AGenerationIsAConditionAndComesBack) {
  replies({{.body = R"({"generation": "17"})"}});
  EXPECT_EQ(*bucket()->put("k", "x", crc32c("x"), Write::if_version("16")), "17");
  EXPECT_NE(asked(0).target.find("&ifGenerationMatch=16"), std::string::npos);
  EXPECT_TRUE(bucket()->remove_version("k", "17").ok());
  EXPECT_EQ(asked(1).target, "/storage/v1/b/b/o/p%2Fk?ifGenerationMatch=17");
  replies({{.body = "garbled"}});  // it is written all the same
  EXPECT_EQ(*bucket()->put("k", "x", crc32c("x"), Write::replace), "");
  replies({{.status = 412, .body = R"({"error": {"errors": [{"reason": "conditionNotMet"}]}})"}});
  EXPECT_TRUE(bucket()->remove_version("k", "17").is(Code::exists));
}

TEST_F(GcsBucketTest, ADownloadTellsSizeChecksumAndGeneration) {
  replies({{.status = 206,
            .body = "ell",
            .headers = {{"Content-Range", "bytes 1-3/5"},
                        {"x-goog-generation", "17"},
                        {"X-Goog-Hash", "md5=AAAA"},
                        {"X-Goog-Hash", "crc32c=" + crc32c_text(9)}}}});
  auto object = read(BucketRange{1, 3}, "17");
  ASSERT_TRUE(object.ok()) << object.error().text();
  EXPECT_EQ(body_, "ell");
  EXPECT_EQ(object->size, 5u);
  EXPECT_EQ(object->crc32c, 9u);
  EXPECT_EQ(object->version, "17");
  EXPECT_EQ(asked(0).target, "/storage/v1/b/b/o/p%2Fa%2Fk?alt=media&ifGenerationMatch=17");
  EXPECT_EQ(asked(0).header("Range"), "bytes=1-3");
  replies({{.body = "x", .headers = {{"x-goog-hash", "crc32c=" + crc32c_text(7) + ",md5=A="}}}});
  EXPECT_EQ(read()->crc32c, 7u);
}

TEST_F(GcsBucketTest, AReplacedObjectIsReadAnew) {
  replies({{.status = 412, .body = "At least one of the pre-conditions did not hold."}});
  EXPECT_TRUE(read(BucketRange{1, 1}, "3").is(Code::transient));
}

TEST_F(GcsBucketTest, ARangeBehindTheEndGivesTheSize) {
  replies({{.status = 416}, resource_reply(crc32c_text(1))});
  auto object = read(BucketRange{10, 10});
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(object->size, 4u);
  EXPECT_EQ(body_, "");
}

TEST_F(GcsBucketTest, AnExpiredTokenIsReplacedOnce) {
  replies({error_reply(401, "authError"), resource_reply(crc32c_text(1))});
  EXPECT_TRUE(bucket()->head("k").ok());
  EXPECT_EQ(asked(1).header("Authorization"), "Bearer t1");
  replies({error_reply(401, "authError")});
  EXPECT_TRUE(bucket()->head("k").is(Code::denied));
  EXPECT_EQ(server_.requests().size(), 4u);
}

TEST_F(GcsBucketTest, ErrorsByTheirReasons) {
  struct Case {
    TestReply reply;
    Code code;
  };
  const std::string mismatch =
      "Provided CRC32C \"AAAAAA==\" doesn't match calculated CRC32C \"x\".";
  for (const Case& one :
       {Case{error_reply(404, "notFound", "No such object: b/k"), Code::not_found},
        Case{error_reply(404, "notFound", "The specified bucket does not exist."), Code::permanent},
        Case{error_reply(412, "conditionNotMet"), Code::exists},
        Case{error_reply(409, "conflict"), Code::transient},
        Case{error_reply(403, "forbidden"), Code::denied},
        Case{error_reply(403, "rateLimitExceeded"), Code::transient},
        Case{error_reply(429, "rateLimitExceeded"), Code::transient},
        Case{error_reply(400, "invalid", mismatch), Code::transient},
        Case{error_reply(400, "invalid"), Code::permanent},
        Case{error_reply(400, "userProjectMissing"), Code::invalid},
        Case{error_reply(403, "retentionPolicyNotMet"), Code::denied},
        Case{{.status = 503, .body = "<html>"}, Code::transient},
        Case{{.status = 500, .body = "{\"error\": 1}"}, Code::transient},
        Case{{.status = 403, .body = "{\"error\": {\"errors\": {}}}"}, Code::denied},
        Case{{.status = 408}, Code::transient}}) {
    HttpResponse reply{one.reply.status, {}, one.reply.body};
    EXPECT_EQ(classify_gcs(reply, "x").error.code, one.code) << one.reply.body;
  }
}

TEST_F(GcsBucketTest, RetryAfterHoldsEverythingBack) {
  replies({{.status = 503, .headers = {{"Retry-After", "7"}}}});
  auto own = bucket();
  EXPECT_TRUE(own->head("k").is(Code::transient));
  EXPECT_EQ(own->hold_ms(), 7000);
}

TEST_F(GcsBucketTest, AListingHidesUploadsUnderWay) {
  replies({{.body = R"({"items": [{"name": "p/b", "size": "3"}, {"name": 1}, 7,
        {"name": "p/tmp/baton-upload-x/p000001", "size": "9"}, {"name": "q"}],
        "prefixes": ["p/a/", 3], "nextPageToken": "n"})"}});
  auto page = bucket()->list("", "a/\xF4\x8F\xBF\xBF", "", true, 10);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "a/");
  EXPECT_EQ(page->objects[1].key, "b");
  EXPECT_EQ(page->objects[1].size, 3u);
  EXPECT_EQ(page->next, "n");
  EXPECT_NE(asked(0).target.find("&startOffset=p%2Fa0"), std::string::npos);
  replies({{.body = "<html>"}});
  EXPECT_TRUE(bucket()->list("", "", "", false, 10).is(Code::transient));
}

// Composing, by its reply and by what a look at the object then says.
TEST_F(GcsBucketTest, AComposedObjectIsVerified) {
  const std::string right = crc32c_text(5), wrong = crc32c_text(6);
  const TestReply none{.body = "{}"};
  replies({resource_reply(right), none});
  EXPECT_TRUE(bucket()->finish_upload("k", "u", {{"tmp/x", 5}}, 5, Write::if_absent).ok());
  EXPECT_EQ(asked(0).target,
            "/storage/v1/b/b/o/p%2Fk/compose?fields=size,crc32c,generation&ifGenerationMatch=0");
  EXPECT_NE(asked(0).body.find("[{\"name\":\"p/tmp/x\"}]"), std::string::npos);
  size_t before = server_.requests().size();
  replies({{.body = "garbled"}, resource_reply(right), none});
  EXPECT_TRUE(bucket()->finish_upload("k", "u", {{"tmp/x", 5}}, 5, Write::if_absent).ok());
  EXPECT_EQ(asked(before + 1).method, "GET");
  before = server_.requests().size();
  replies({resource_reply(wrong, "8"), resource_reply(wrong, "8"), none});
  EXPECT_TRUE(
      bucket()->finish_upload("k", "u", {{"tmp/x", 5}}, 5, Write::if_absent).is(Code::transient));
  EXPECT_EQ(asked(before + 2).method, "DELETE");
  EXPECT_EQ(asked(before + 2).target, "/storage/v1/b/b/o/p%2Fk?ifGenerationMatch=8");
  // What somebody else has written meanwhile is left.
  before = server_.requests().size();
  replies({resource_reply(wrong, "8"), resource_reply(wrong, "9"), none});
  EXPECT_TRUE(
      bucket()->finish_upload("k", "u", {{"tmp/x", 5}}, 5, Write::if_absent).is(Code::transient));
  EXPECT_EQ(server_.requests().size(), before + 2);
}

TEST_F(GcsBucketTest, PartsThatCannotBeRemovedAreTriedAgain) {
  auto left = std::make_shared<std::atomic<int>>(3);
  server_.set_script([left](const TestRequest& request) -> TestReply {
    if (request.method == "GET")
      return {.body = R"({"items": [{"name": "p/tmp/baton-upload-u/p000001"}, {"name": "q"}]})"};
    return {.status = --*left > 0 ? 503 : 204};
  });
  EXPECT_TRUE(bucket()->abort_upload("k", "u").ok());
  *left = 100;
  EXPECT_TRUE(bucket()->abort_upload("k", "u").is(Code::transient));
  EXPECT_EQ(asked(1).target, "/storage/v1/b/b/o/p%2Ftmp%2Fbaton-upload-u%2Fp000001");
}

Result<GcsTarget> parse(const std::string& url, std::map<std::string, std::string> variables = {}) {
  return parse_gs_url(url, [variables](const std::string& name) -> std::optional<std::string> {
    auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  });
}

TEST(GsUrl, PlacesAndTheirGaps) {
  auto plain = parse("gs://bucket.example.org/a/b/");
  ASSERT_TRUE(plain.ok()) << plain.error().text();
  EXPECT_EQ(plain->place.bucket, "bucket.example.org");
  EXPECT_EQ(plain->place.prefix, "a/b");
  EXPECT_EQ(plain->place.endpoint, "https://storage.googleapis.com");
  EXPECT_FALSE(plain->anonymous);
  auto emulated = parse("gs://b", {{"STORAGE_EMULATOR_HOST", "somewhere:4443/"}});
  ASSERT_TRUE(emulated.ok());
  EXPECT_EQ(emulated->place.endpoint, "http://somewhere:4443");
  EXPECT_TRUE(emulated->anonymous);
  auto full = parse("gs://b?endpoint=http%3A//127.0.0.1:1&user_project=p",
                    {{"STORAGE_EMULATOR_HOST", "http://elsewhere"}});
  EXPECT_EQ(full->place.endpoint, "http://127.0.0.1:1");
  EXPECT_EQ(full->place.user_project, "p");
  EXPECT_FALSE(full->anonymous);
  EXPECT_TRUE(parse("gs://b?anonymous=true&endpoint=http://example.org")->anonymous);
}

TEST(GsUrl, MistakesAreNamed) {
  for (const char* bad :
       {"gs://", "gs:///p", "gs://b//p", "gs://b/tmp", "gs://user:pass@b/p", "gs://b?region=x",
        "gs://b?endpoint=ftp://x", "gs://b?endpoint=https://x/y", "gs://b?endpoint=http://x.org",
        "gs://b?anonymous=yes"})
    EXPECT_TRUE(parse(bad).is(Code::invalid)) << bad;
}

}  // namespace
}  // namespace baton
