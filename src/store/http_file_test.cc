#include "store/http_file.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "net/test_server.h"

namespace baton {
namespace {

class HttpFileTest : public testing::Test {
 protected:
  HttpFileTest() { clock_.set_auto_advance(true); }

  std::unique_ptr<Bucket> file(const std::string& path = "/dir/f.bin?x=1") {
    return make_http_file(server_.url() + path, make_http_client(), clock_);
  }
  void script(TestScript script) { server_.set_script(std::move(script)); }
  static TestReply whole(const std::string& body, Headers headers = {{"ETag", "\"1\""}}) {
    return {.body = body, .headers = std::move(headers)};
  }
  Result<std::string> read(Bucket& bucket, std::optional<BucketRange> range = std::nullopt,
                           const std::string& expected = "", const std::string& key = "f.bin") {
    std::string bytes;
    auto object = bucket.get(key, range, expected, [&](std::string_view piece) -> Status {
      bytes += piece;
      return {};
    });
    if (!object.ok()) return object.error();
    return bytes;
  }

  TestServer server_{[](const TestRequest&) { return TestReply{}; }};
  ManualClock clock_;
};

TEST_F(HttpFileTest, IsABucketOfOneObject) {
  script([](const TestRequest&) {
    return whole("content", {{"ETag", "\"1\""}, {"Accept-Ranges", "bytes"}});
  });
  auto bucket = file();
  EXPECT_FALSE(bucket->honours_ranges());  // not known yet
  auto page = bucket->list("", "", "", false, 10);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->objects.size(), 1U);
  EXPECT_EQ(page->objects[0].key, "f.bin");
  EXPECT_EQ(page->objects[0].size, 7U);
  EXPECT_EQ(page->objects[0].version, "\"1\"");
  EXPECT_TRUE(bucket->honours_ranges());
  EXPECT_EQ(*read(*bucket, std::nullopt, "\"1\""), "content");
  EXPECT_TRUE(read(*bucket, std::nullopt, "\"2\"").is(Code::transient));
  EXPECT_TRUE(read(*bucket, std::nullopt, "", "other").is(Code::not_found));
  EXPECT_EQ(bucket->name(), server_.url() + "/dir/f.bin");  // a query may be a secret
}

TEST_F(HttpFileTest, CannotBeWritten) {
  auto bucket = file();
  EXPECT_TRUE(bucket->put("f.bin", "x", 0, Write::replace).is(Code::unsupported));
  EXPECT_TRUE(bucket->remove("f.bin").is(Code::unsupported));
  EXPECT_TRUE(bucket->begin_upload("f.bin", std::nullopt).is(Code::unsupported));
  EXPECT_TRUE(bucket->upload_part("f.bin", "", 1, "x", 0).is(Code::unsupported));
  EXPECT_TRUE(bucket->finish_upload("f.bin", "", {}, 0, Write::replace).is(Code::unsupported));
  EXPECT_TRUE(bucket->abort_upload("f.bin", "").is(Code::unsupported));
  EXPECT_EQ(server_.requests().size(), 0U);
}

TEST_F(HttpFileTest, StatusesAreSorted) {
  const std::vector<std::pair<int, Code>> all = {
      {404, Code::not_found}, {410, Code::not_found}, {401, Code::denied},
      {403, Code::denied},    {429, Code::transient}, {503, Code::transient},
      {500, Code::transient}, {501, Code::permanent}, {400, Code::permanent}};
  for (const auto& [status, code] : all) {
    script([status = status](const TestRequest&) { return TestReply{.status = status}; });
    auto got = read(*file());
    EXPECT_TRUE(got.is(code)) << status;
    EXPECT_EQ(got.error().message.find("x=1"), std::string::npos);
  }
}

TEST_F(HttpFileTest, RetryAfterHoldsBack) {
  script([](const TestRequest&) {
    return TestReply{.status = 503, .headers = {{"Retry-After", "7"}}};
  });
  auto bucket = file();
  EXPECT_EQ(bucket->hold_ms(), 0);
  EXPECT_FALSE(read(*bucket).ok());
  EXPECT_EQ(bucket->hold_ms(), 7000);
}

// Its size is not known, so nothing else ends it for hours.
TEST_F(HttpFileTest, AReadThatBringsNothingEnds) {
  class Asked : public HttpClient {
   public:
    Result<HttpResponse> send(const HttpRequest& request, const Cancel*) override {
      stall_ms = request.stall_ms;
      return Error{Code::transient, "no network", ""};
    }
    int64_t stall_ms = 0;
  };
  auto asked = std::make_shared<Asked>();
  auto bucket = make_http_file(server_.url() + "/f.bin", asked, clock_);
  EXPECT_FALSE(read(*bucket).ok());
  EXPECT_EQ(asked->stall_ms, 30'000);
}

TEST_F(HttpFileTest, ARangeIsOneOrItIsRefused) {
  script([](const TestRequest& request) {
    for (const auto& [name, value] : request.headers)
      if (name == "Range" && value == "bytes=2-4")
        return TestReply{.status = 206,
                         .body = "nte",
                         .headers = {{"ETag", "\"1\""}, {"Content-Range", "bytes 2-4/7"}}};
    return whole("content");
  });
  auto bucket = file();
  EXPECT_EQ(*read(*bucket, BucketRange{2, 3}), "nte");
  EXPECT_TRUE(read(*bucket, BucketRange{3, 3}).is(Code::unsupported));
}

// Its bytes would otherwise stand where others belong.
TEST_F(HttpFileTest, AnotherRangeThanAskedForIsRefused) {
  for (const char* told :
       {"bytes 1-3/7", "bytes 2-3/7", "bytes 2-5/7", "bytes 2-4/3", "bytes 4-2/7", "bytes */7",
        "2-4/7", "bytes 2-/7", "bytes 2-4", "items 2-4/7", ""}) {
    script([&](const TestRequest&) {
      return TestReply{
          .status = 206, .body = "nte", .headers = {{"ETag", "\"1\""}, {"Content-Range", told}}};
    });
    auto got = read(*file(), BucketRange{2, 3});
    ASSERT_TRUE(got.is(Code::transient)) << told;
    EXPECT_NE(got.error().message.find("another range"), std::string::npos);
  }
  script([&](const TestRequest&) {
    return TestReply{.status = 206, .body = "nte", .headers = {{"Content-Range", "bytes 2-4/7"}}};
  });
  EXPECT_TRUE(read(*file()).is(Code::transient));  // none was asked for
}

TEST_F(HttpFileTest, ARangeEndsWithTheFile) {
  script([&](const TestRequest&) {
    return TestReply{.status = 206, .body = "nt", .headers = {{"Content-Range", "Bytes 5-6/7"}}};
  });
  EXPECT_EQ(*read(*file(), BucketRange{5, 10}), "nt");
  script([&](const TestRequest&) {
    return TestReply{.status = 206, .headers = {{"Content-Range", "bytes 7-6/7"}}};
  });
  EXPECT_EQ(*read(*file(), BucketRange{7, 10}), "");
}

TEST_F(HttpFileTest, WithoutHeadTheFirstByteTells) {
  script([](const TestRequest& request) {
    if (request.method == "HEAD") return TestReply{.status = 403};
    return TestReply{.status = 206,
                     .body = "c",
                     .headers = {{"Last-Modified", "today"}, {"Content-Range", "bytes 0-0/7"}}};
  });
  auto bucket = file();
  auto object = bucket->head("f.bin");
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(object->size, 7U);
  EXPECT_EQ(object->version, "today");
  EXPECT_TRUE(bucket->honours_ranges());
}

TEST_F(HttpFileTest, AServerThatTellsNothingIsUnsupported) {
  script([](const TestRequest& request) {
    return request.method == "HEAD" ? TestReply{.status = 405} : whole("content");
  });
  EXPECT_TRUE(file()->head("f.bin").is(Code::unsupported));
  script([](const TestRequest& request) {
    if (request.method == "HEAD") return TestReply{.status = 403};
    return TestReply{.body = std::string(1 << 20, 'x'), .repeat = 3};
  });
  EXPECT_TRUE(file()->head("f.bin").is(Code::unsupported));
  script([](const TestRequest&) { return TestReply{.body = "content", .chunked = true}; });
  EXPECT_TRUE(read(*file()).is(Code::unsupported));
}

TEST_F(HttpFileTest, RedirectsOfEveryFormAreFollowed) {
  const std::string self = server_.url();
  for (const std::string& location :
       {self + "/x/to", self.substr(5) + "/x/to", std::string("/x/to"), std::string("../x/to"),
        std::string("to")}) {
    script([&](const TestRequest& request) {
      bool there = ends_with(request.target, "to");
      return there ? whole("moved") : TestReply{.status = 302, .headers = {{"Location", location}}};
    });
    auto bucket = file();
    EXPECT_EQ(*read(*bucket), "moved") << location;
    size_t before = server_.requests().size();
    EXPECT_EQ(*read(*bucket), "moved");
    EXPECT_EQ(server_.requests().size(), before + 1);  // straight to where it led
  }
}

TEST_F(HttpFileTest, ALocationIsResolvedWhereItStands) {
  const std::string self = server_.url();
  const std::vector<std::pair<std::string, std::string>> all = {
      {"/get?u=https://x/", "/get?u=https://x/"},
      {"get?u=https://x/../y", "/dir/get?u=https://x/../y"},
      {"?y=2", "/dir/f.bin?y=2"},
      {"./g", "/dir/g"},
      {"../../g", "/g"},
      {"a/./b/../g", "/dir/a/g"},
      {"..", "/"},
      {"/a/b/..", "/a/"},
      {"g#part", "/dir/g"},
      {"HTTP" + self.substr(4) + "/g", "/g"},
      {self + "/a?b", "/a?b"}};
  for (const auto& [location, target] : all) {
    script([location = location](const TestRequest& request) {
      bool first = request.target == "/dir/f.bin?x=1";
      return first ? TestReply{.status = 302, .headers = {{"Location", location}}} : whole("moved");
    });
    size_t before = server_.requests().size();
    auto got = read(*file());
    EXPECT_TRUE(got.ok()) << location;
    auto requests = server_.requests();
    ASSERT_EQ(requests.size(), before + 2) << location;
    EXPECT_EQ(requests.back().target, target) << location;
  }
}

TEST_F(HttpFileTest, ARedirectToNowhereIsRefused) {
  for (const Headers& headers : {Headers{}, Headers{{"Location", ""}}}) {
    script([&](const TestRequest& request) {
      bool first = request.target == "/dir/f.bin?x=1";
      return first ? TestReply{.status = 302, .headers = headers} : whole("the directory's page");
    });
    auto got = read(*file());
    ASSERT_TRUE(got.is(Code::permanent));
    EXPECT_NE(got.error().message.find("without saying where"), std::string::npos);
  }
}

TEST_F(HttpFileTest, AMirrorThatHasDiedIsLeft) {
  auto mirror = std::make_unique<TestServer>([](const TestRequest&) { return whole("mirrored"); });
  std::string there = mirror->url() + "/one";
  script([&](const TestRequest& request) {
    if (request.target == "/two") return whole("moved");
    return TestReply{.status = 307, .headers = {{"Location", there}}};
  });
  auto bucket = file();
  EXPECT_EQ(*read(*bucket), "mirrored");
  mirror.reset();
  there = "/two";
  EXPECT_TRUE(read(*bucket).is(Code::transient));
  EXPECT_EQ(*read(*bucket), "moved");
}

// Bytes that the sink has taken are not followed by others of another try.
TEST_F(HttpFileTest, WhatTheSinkRefusesIsNotAskedForAgain) {
  script([&](const TestRequest& request) {
    bool first = request.target == "/dir/f.bin?x=1";
    return first ? TestReply{.status = 307, .headers = {{"Location", "/two"}}} : whole("moved");
  });
  auto bucket = file();
  EXPECT_EQ(*read(*bucket), "moved");
  int pieces = 0;
  auto refused = bucket->get("f.bin", std::nullopt, "", [&pieces](std::string_view) -> Status {
    ++pieces;
    return Error{Code::no_space, "full", ""};
  });
  EXPECT_TRUE(refused.is(Code::no_space));
  EXPECT_EQ(pieces, 1);
}

TEST_F(HttpFileTest, WhereItLedHasLapsed) {
  std::string good = "/one";
  script([&](const TestRequest& request) {
    if (request.target == "/dir/f.bin?x=1")
      return TestReply{.status = 307, .headers = {{"Location", good}}};
    return request.target == good ? whole("moved") : TestReply{.status = 403};
  });
  auto bucket = file();
  EXPECT_EQ(*read(*bucket), "moved");
  good = "/two";
  EXPECT_EQ(*read(*bucket), "moved");
}

TEST_F(HttpFileTest, CirclesEnd) {
  script([](const TestRequest&) {
    return TestReply{.status = 301, .headers = {{"Location", "/again"}}};
  });
  auto got = read(*file());
  EXPECT_TRUE(got.is(Code::permanent));
  EXPECT_NE(got.error().message.find("redirects in a circle"), std::string::npos);
  EXPECT_EQ(server_.requests().size(), 6U);
}

}  // namespace
}  // namespace baton
