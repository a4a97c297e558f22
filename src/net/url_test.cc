#include <gtest/gtest.h>

#include "net/http.h"
#include "net/proxy.h"

namespace baton {
namespace {

TEST(Url, TakesApart) {
  auto url = parse_url("HTTPS://Example.ORG:8443/a%20b/c?d=e&f#g");
  ASSERT_TRUE(url.ok()) << url.error().text();
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->target, "/a%20b/c?d=e&f");
}

TEST(Url, FillsInPortAndPath) {
  EXPECT_EQ(parse_url("http://h")->port, "80");
  EXPECT_EQ(parse_url("https://h")->port, "443");
  EXPECT_EQ(parse_url("https://h:")->port, "443");
  EXPECT_EQ(parse_url("http://h")->target, "/");
  EXPECT_EQ(parse_url("http://h?q")->target, "/?q");
  EXPECT_EQ(parse_url("http://h#f")->target, "/");
}

TEST(Url, KnowsIpv6Literals) {
  auto url = parse_url("http://[fd00:ec2::254]:81/x");
  ASSERT_TRUE(url.ok()) << url.error().text();
  EXPECT_EQ(url->host, "fd00:ec2::254");
  EXPECT_EQ(url->port, "81");
}

TEST(Url, RefusesTheRest) {
  for (const char* bad : {"", "h", "//h/", "ftp://h/", "http://", "http:///x", "http://h:0/",
                          "http://h:65536/", "http://h:8x/", "http://h:123456/", "http://h/a b",
                          "http://h/\r\nX: y", "http://h/\xc3\xa9", "http://h h/", "http://[::1/",
                          "http://[x]/", "http://[::1]x/", "http://h\\x/", "http://user:secret@h/"})
    EXPECT_TRUE(parse_url(bad).is(Code::invalid)) << bad;
  EXPECT_TRUE(parse_url("http://h/" + std::string(100'000, 'x')).is(Code::invalid));
}

TEST(Url, AnErrorDoesNotTellAPassword) {
  EXPECT_EQ(parse_url("http://user:secret@h/").error().message.find("secret"), std::string::npos);
}

ProxyRules rules(const std::string& exempt) { return {"http://p:1", "http://p:2", exempt}; }

bool goes_by_proxy(const ProxyRules& r, const std::string& url) {
  return choose_proxy(r, *parse_url(url)).value().has_value();
}

TEST(Proxy, IsChosenByScheme) {
  EXPECT_EQ((*choose_proxy(rules(""), *parse_url("http://h/")))->port, "1");
  EXPECT_EQ((*choose_proxy(rules(""), *parse_url("https://h/")))->port, "2");
  EXPECT_FALSE(goes_by_proxy({}, "http://h/"));
}

TEST(Proxy, NoProxyExempts) {
  EXPECT_FALSE(goes_by_proxy(rules("*"), "http://anything/"));
  EXPECT_FALSE(goes_by_proxy(rules("example.org"), "http://example.org/"));
  EXPECT_FALSE(goes_by_proxy(rules("a, example.org ,b"), "http://s3.EXAMPLE.org/"));
  EXPECT_FALSE(goes_by_proxy(rules(".example.org"), "http://s3.example.org/"));
  EXPECT_FALSE(goes_by_proxy(rules("*.example.org"), "http://s3.example.org/"));
  EXPECT_FALSE(goes_by_proxy(rules("example.org:80"), "http://example.org/"));
  EXPECT_FALSE(goes_by_proxy(rules("::1"), "http://[::1]/"));
  EXPECT_TRUE(goes_by_proxy(rules("example.org"), "http://notexample.org/"));
  EXPECT_TRUE(goes_by_proxy(rules("example.org:81"), "http://example.org/"));
  EXPECT_TRUE(goes_by_proxy(rules(",,"), "http://example.org/"));
}

TEST(Proxy, TakesBareHostsAndCredentials) {
  auto bare = choose_proxy({"p:3128", "", ""}, *parse_url("http://h/"));
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ((*bare)->host + ":" + (*bare)->port, "p:3128");
  auto user = choose_proxy({"http://a%40b:c@d@p:3128/", "", ""}, *parse_url("http://h/"));
  ASSERT_TRUE(user.ok()) << user.error().text();
  EXPECT_EQ((*user)->host, "p");
  EXPECT_EQ((*user)->authorization, "Basic YUBiOmNAZA==");
}

TEST(Proxy, AnUnusableOneIsAnErrorAndKeepsItsPassword) {
  for (const char* bad :
       {"socks5://user:secret@p:1", "https://user:secret@p:1", "http://user:secret@p:x"}) {
    auto proxy = choose_proxy({bad, "", ""}, *parse_url("http://h/"));
    ASSERT_TRUE(proxy.is(Code::invalid)) << bad;
    EXPECT_EQ(proxy.error().text().find("secret"), std::string::npos) << proxy.error().text();
  }
}

TEST(Url, OnlyTlsAndThisMachineArePrivate) {
  for (const char* url :
       {"https://example.org", "http://localhost:1/x", "http://127.0.0.1", "http://[::1]/"})
    EXPECT_TRUE(is_private(*parse_url(url))) << url;
  for (const char* url : {"http://example.org", "http://127.example.org", "http://169.254.169.254"})
    EXPECT_FALSE(is_private(*parse_url(url))) << url;
}

}  // namespace
}  // namespace baton
