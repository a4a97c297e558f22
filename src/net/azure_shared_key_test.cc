#include "net/azure_shared_key.h"

#include <gtest/gtest.h>

#include "net/http_date.h"

namespace baton {
namespace {

// The examples of https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key.
TEST(AzureSharedKey, TextsOfTheDocumentation) {
  HttpRequest request;
  request.url =
      "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&"
      "timeout=20";
  request.headers = {{"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"},
                     {"x-ms-version", "2015-02-21"}};
  EXPECT_EQ(shared_key_text(request, "myaccount").value(),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
            "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
            "timeout:20");
  request.method = "PUT";
  request.url = "https://myaccount.blob.core.windows.net/mycontainer?restype=container&timeout=30";
  request.body = "";
  EXPECT_EQ(shared_key_text(request, "myaccount").value(),
            "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
            "x-ms-version:2015-02-21\n/myaccount/mycontainer\nrestype:container\ntimeout:30");
}

TEST(AzureSharedKey, AKeyThatIsNoneIsNotShown) {
  HttpRequest request;
  request.url = "https://a.blob.core.windows.net/c";
  Status status = sign_shared_key(request, "a", "not-base64!");
  ASSERT_TRUE(status.is(Code::denied));
  EXPECT_EQ(status.error().text().find("not-base64"), std::string::npos);
}

struct Signed {
  const char *method, *url;
  Headers headers;
  const char *body, *authorization;
};

const std::vector<Signed>& table() {
  static const std::vector<Signed> kTable{
#include "net/azure_shared_key_sdk.inc"
  };
  return kTable;
}

// Requests that Microsoft's @azure/storage-blob has signed are signed just the same.
TEST(AzureSharedKey, AgreesWithMicrosoftsLibrary) {
  ASSERT_GE(table().size(), 10u);
  for (const Signed& call : table()) {
    HttpRequest request;
    request.method = call.method;
    request.url = call.url;
    request.headers = call.headers;
    request.body = call.body;
    ASSERT_TRUE(sign_shared_key(request, "myaccount", "c2VjcmV0IG9mIHRoZSB0ZXN0").ok());
    EXPECT_EQ(request.headers.back().second, call.authorization) << call.method << " " << call.url;
  }
}

TEST(HttpDate, IsWrittenAsItIsRead) {
  EXPECT_EQ(http_date(1'795'323'600'000), "Sun, 22 Nov 2026 05:00:00 GMT");
  for (int64_t at : {0LL, 951'782'400'000LL, 1'795'323'601'000LL, 4'102'444'799'000LL})
    EXPECT_EQ(parse_http_date(http_date(at)), at);
}

}  // namespace
}  // namespace baton
