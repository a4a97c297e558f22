#include "net/sigv4.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/text.h"
#include "net/http_date.h"

namespace baton {
namespace {

struct Vector {
  std::string name, method, target;
  Headers headers;
  std::string body;
  std::string names, signature;  // what the suite expects
  std::string token = {};
};
std::ostream& operator<<(std::ostream& out, const Vector& vector) { return out << vector.name; }

std::string authorization(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers)
    if (name == "Authorization") return value;
  return "";
}

// The vectors that AWS publishes with its SDKs ("aws-sig-v4-test-suite"), signed headers only.
class Published : public testing::TestWithParam<Vector> {};

TEST_P(Published, IsSignedAsExpected) {
  const Vector& vector = GetParam();
  HttpRequest request;
  request.method = vector.method;
  request.url = "https://example.amazonaws.com" + vector.target;
  request.headers = vector.headers;
  AwsCredentials keys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", vector.token, 0,
                      ""};
  ASSERT_TRUE(sign_v4(request, keys, {"us-east-1", "service"}, sha256_hex(vector.body),
                      *parse_http_date("Sun, 30 Aug 2015 12:36:00 GMT"))
                  .ok());
  EXPECT_EQ(authorization(request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=" +
                vector.names + ", Signature=" + vector.signature);
}

constexpr char kPlain[] = "host;x-amz-date";
constexpr char kVanilla[] = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

INSTANTIATE_TEST_SUITE_P(
    Suite, Published,
    testing::Values(
        Vector{"get_vanilla", "GET", "/", {}, "", kPlain, kVanilla},
        Vector{"get_relative", "GET", "/example/..", {}, "", kPlain, kVanilla},
        Vector{
            "get_relative_relative", "GET", "/example1/example2/../..", {}, "", kPlain, kVanilla},
        Vector{"get_slash_dot_slash", "GET", "/./", {}, "", kPlain, kVanilla},
        Vector{"get_slash_pointless_dot",
               "GET",
               "/./example",
               {},
               "",
               kPlain,
               "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
        Vector{"get_slashes",
               "GET",
               "//example//",
               {},
               "",
               kPlain,
               "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
        Vector{"get_unreserved",
               "GET",
               "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
               {},
               "",
               kPlain,
               "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        Vector{"get_query",
               "GET",
               "/?Param1=value1",
               {},
               "",
               kPlain,
               "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        Vector{"get_query_order",
               "GET",
               "/?Param2=value2&Param1=value1",
               {},
               "",
               kPlain,
               "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        Vector{"get_utf8_query",
               "GET",
               "/?%E1%88%B4=bar",
               {},
               "",
               kPlain,
               "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        Vector{"get_header_key_duplicate",
               "GET",
               "/",
               {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
               "",
               "host;my-header1;x-amz-date",
               "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        Vector{"get_header_value_trim",
               "GET",
               "/",
               {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
               "",
               "host;my-header1;my-header2;x-amz-date",
               "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        Vector{"get_with_session_token",
               "GET",
               "/",
               {},
               "",
               "host;x-amz-date;x-amz-security-token",
               "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
               "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"},
        Vector{"post_form",
               "POST",
               "/",
               {{"Content-Type", "application/x-www-form-urlencoded"},
                {"Content-Length", "13"},
                {"x-amz-content-sha256",
                 "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"}},
               "Param1=value1",
               "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
               "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"}),
    [](const auto& test) { return test.param.name; });

// The worked examples of S3's documentation, "Authenticating Requests: Using the Authorization
// Header".
class S3Example : public testing::TestWithParam<Vector> {};

TEST_P(S3Example, IsSignedAsDocumented) {
  const Vector& vector = GetParam();
  HttpRequest request;
  request.method = vector.method;
  request.url = "https://examplebucket.s3.amazonaws.com" + vector.target;
  request.headers = vector.headers;
  AwsCredentials keys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", 0,
                      ""};
  ASSERT_TRUE(sign_v4(request, keys, {"us-east-1", "s3"}, sha256_hex(vector.body),
                      *parse_http_date("Fri, 24 May 2013 00:00:00 GMT"))
                  .ok());
  EXPECT_TRUE(ends_with(authorization(request),
                        "SignedHeaders=" + vector.names + ", Signature=" + vector.signature))
      << authorization(request);
}

INSTANTIATE_TEST_SUITE_P(
    Documented, S3Example,
    testing::Values(Vector{"get_object",
                           "GET",
                           "/test.txt",
                           {{"Range", "bytes=0-9"}},
                           "",
                           "host;range;x-amz-content-sha256;x-amz-date",
                           "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
                    Vector{"put_object",
                           "PUT",
                           "/test%24file.text",
                           {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                            {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                           "Welcome to Amazon S3.",
                           "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                           "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
                    Vector{"get_lifecycle",
                           "GET",
                           "/?lifecycle",
                           {},
                           "",
                           "host;x-amz-content-sha256;x-amz-date",
                           "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
                    Vector{"list_objects",
                           "GET",
                           "/?max-keys=2&prefix=J",
                           {},
                           "",
                           "host;x-amz-content-sha256;x-amz-date",
                           "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}),
    [](const auto& test) { return test.param.name; });

TEST(SigV4, RefusesABadUrl) {
  HttpRequest request;
  request.url = "no url";
  EXPECT_TRUE(sign_v4(request, {}, {"r", "s3"}, "x", 0).is(Code::invalid));
}

TEST(HttpDate, ReadsTimesAndWaits) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777'000);
  for (const char* bad : {"", "yesterday", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994",
                          "Sun, 06 Nov 1994 08:49:37"})
    EXPECT_FALSE(parse_http_date(bad)) << bad;
  HttpResponse reply;
  EXPECT_EQ(retry_after_ms(reply, 0), 0);
  reply.headers = {{"Retry-After", "7"}};
  EXPECT_EQ(retry_after_ms(reply, 0), 7000);
  reply.headers = {{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"},
                   {"Date", "Sun, 06 Nov 1994 08:49:30 GMT"}};
  EXPECT_EQ(retry_after_ms(reply, 0), 7000);
  reply.headers = {{"Retry-After", "soon"}};
  EXPECT_EQ(retry_after_ms(reply, 0), 0);
}

}  // namespace
}  // namespace baton
