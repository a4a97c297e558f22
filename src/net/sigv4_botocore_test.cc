// Requests that botocore has signed are signed just the same.
#include <gtest/gtest.h>

#include "base/hash.h"
#include "net/http_date.h"
#include "net/sigv4.h"

namespace baton {
namespace {

struct Signed {
  const char *service, *region, *token, *method, *url;
  Headers headers;
  const char *body, *authorization;
};

const std::vector<Signed>& table() {
  static const std::vector<Signed> kTable{
#include "net/sigv4_botocore.inc"
  };
  return kTable;
}

TEST(SigV4, AgreesWithBotocore) {
  ASSERT_GE(table().size(), 60u);
  for (const Signed& call : table()) {
    HttpRequest request;
    request.method = call.method;
    request.url = call.url;
    request.headers = call.headers;
    AwsCredentials keys{"AKIAEXAMPLE", "c2VjcmV0L2tleSt4", call.token, 0, ""};
    ASSERT_TRUE(sign_v4(request, keys, {call.region, call.service}, sha256_hex(call.body),
                        *parse_http_date("Sun, 22 Nov 2026 05:00:00 GMT"))
                    .ok());
    EXPECT_EQ(request.headers.back().second, call.authorization)
        << call.method << " " << call.url << " " << call.service;
  }
}

}  // namespace
}  // namespace baton
