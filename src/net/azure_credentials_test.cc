#include "net/azure_credentials.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <thread>

#include "base/text.h"
#include "net/azure_connection.h"
#include "net/test_server.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr char kSecret[] = "c2VjcmV0LW9mLXRoZS10ZXN0";
constexpr char kSas[] = "sv=2023-11-03&ss=b&sp=rwdl&sig=c2VjcmV0%3D";
using Kind = AzureCredentials::Kind;

// An environment, a directory and a clock of their own. Nothing answers where machines would.
class AzureCredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::getenv("PATH");
    setenv("PATH", (home_.path() + "/bin:/usr/bin:/bin").c_str(), 1);
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1");
  }
  void TearDown() override { setenv("PATH", path_.c_str(), 1); }

  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  void write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::string path = join_path(home_.path(), name);
    ASSERT_TRUE(make_dirs(parent_path(path)).ok());
    ASSERT_TRUE(replace_file(path, text, false, mode).ok());
  }
  std::unique_ptr<AzureCredentialSource> source() {
    AzureSettings settings{"acct", [this](const std::string& name) -> std::optional<std::string> {
                             auto it = variables_.find(name);
                             if (it == variables_.end()) return std::nullopt;
                             return it->second;
                           }};
    return make_azure_credentials(settings, http_, clock_);
  }
  Result<AzureCredentials> find() { return source()->get(); }

  TempDir home_ = TempDir::create("baton-azure").value();
  std::string path_;
  std::map<std::string, std::string> variables_;
  ManualClock clock_{1'795'000'000'000};  // 2026-11-18
  std::shared_ptr<HttpClient> http_ = make_http_client();
};

TestReply token(const std::string& token, const std::string& rest = "\"expires_in\": 3599") {
  return {.body =
              "{\"token_type\": \"Bearer\", \"access_token\": \"" + token + "\", " + rest + "}"};
}

TEST_F(AzureCredentialsTest, AConnectionStringComesFirst) {
  set("AZURE_STORAGE_CONNECTION_STRING",
      std::string("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=") + kSecret +
          "==;EndpointSuffix=core.windows.net");
  set("AZURE_STORAGE_KEY", "b3RoZXI=");
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->kind, Kind::shared_key);
  EXPECT_EQ(found->secret, std::string(kSecret) + "==");
  EXPECT_EQ(found->source, "AZURE_STORAGE_CONNECTION_STRING");
}

TEST_F(AzureCredentialsTest, WhatIsForAnotherAccountIsPassedOver) {
  set("AZURE_STORAGE_CONNECTION_STRING", std::string("AccountName=other;AccountKey=") + kSecret);
  set("AZURE_STORAGE_SAS_TOKEN", std::string("?") + kSas);
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->kind, Kind::sas);
  EXPECT_EQ(found->secret, kSas);
  set("AZURE_STORAGE_ACCOUNT", "other");
  EXPECT_TRUE(find().is(Code::denied));
  set("AZURE_STORAGE_ACCOUNT", "acct");
  set("AZURE_STORAGE_KEY", kSecret);
  EXPECT_EQ(find()->kind, Kind::shared_key);
}

TEST_F(AzureCredentialsTest, ASpoiltSignatureIsNotShown) {
  set("AZURE_STORAGE_SAS_TOKEN", std::string(kSas) + "\n<x");
  auto found = find();
  ASSERT_TRUE(found.is(Code::denied));
  EXPECT_EQ(found.error().text().find("c2VjcmV0"), std::string::npos);
}

TEST_F(AzureCredentialsTest, NothingAnywhereSaysWhereItLooked) {
  auto found = find();
  ASSERT_TRUE(found.is(Code::denied));
  EXPECT_NE(found.error().hint.find("az login"), std::string::npos);
}

TEST_F(AzureCredentialsTest, AServicePrincipalWithASecret) {
  TestServer server([](const TestRequest& request) -> TestReply {
    bool good = request.target == "/ten-ant/oauth2/v2.0/token" && request.method == "POST" &&
                request.body ==
                    "grant_type=client_credentials&client_id=cli-ent&scope=https%3A%2F%2Fstorage."
                    "azure.com%2F.default&client_secret=s%26cret";
    return good ? token("eyJ.a.b") : TestReply{.status = 401};
  });
  set("AZURE_AUTHORITY_HOST", server.url() + "/");
  set("AZURE_TENANT_ID", "ten-ant");
  set("AZURE_CLIENT_ID", "cli-ent");
  set("AZURE_CLIENT_SECRET", "s&cret");
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->kind, Kind::bearer);
  EXPECT_EQ(found->secret, "eyJ.a.b");
  EXPECT_EQ(found->expires_ms, clock_.wall_ms() + 3'599'000);
  EXPECT_EQ(found->source, "the service principal cli-ent");
  variables_.erase("AZURE_TENANT_ID");
  EXPECT_TRUE(find().is(Code::denied));
}

TEST_F(AzureCredentialsTest, AWorkloadIdentityReadsItsTokenAnew) {
  std::atomic<int> asked{0};
  TestServer server([&](const TestRequest& request) {
    ++asked;
    size_t at = request.body.find("&client_assertion=");
    return token("for-" + request.body.substr(at + 18), "\"expires_in\": 600");
  });
  write("projected", "jwt-1\n");
  set("AZURE_AUTHORITY_HOST", server.url());
  set("AZURE_TENANT_ID", "t");
  set("AZURE_CLIENT_ID", "c");
  set("AZURE_FEDERATED_TOKEN_FILE", home_.path() + "/projected");
  auto own = source();
  EXPECT_EQ(own->get()->secret, "for-jwt-1");
  EXPECT_NE(server.requests().at(0).body.find("jwt-bearer"), std::string::npos);
  write("projected", "jwt-2\n");
  EXPECT_EQ(own->get()->secret, "for-jwt-1");  // still good for long
  clock_.advance(301'000);
  for (int i = 0; i < 1000 && own->get()->secret != "for-jwt-2"; ++i)  // fetched meanwhile
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(own->get()->secret, "for-jwt-2");
  EXPECT_EQ(asked, 2);
}

TEST_F(AzureCredentialsTest, WhatEntraSaysIsTold) {
  TestServer server([](const TestRequest&) -> TestReply {
    return {.status = 401,
            .body = R"({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid )"
                    R"(client secret provided."})"};
  });
  set("AZURE_AUTHORITY_HOST", server.url());
  set("AZURE_TENANT_ID", "t");
  set("AZURE_CLIENT_ID", "c");
  set("AZURE_CLIENT_SECRET", kSecret);
  auto found = find();
  ASSERT_TRUE(found.is(Code::denied));
  EXPECT_NE(found.error().message.find("AADSTS7000215"), std::string::npos);
  EXPECT_EQ(found.error().text().find(kSecret), std::string::npos);
}

TEST_F(AzureCredentialsTest, NoSecretGoesOutInTheClear) {
  set("AZURE_TENANT_ID", "t");
  set("AZURE_CLIENT_ID", "c");
  set("AZURE_CLIENT_SECRET", kSecret);
  for (const char* authority : {"http://login.example.com", "http://127.example.org"}) {
    set("AZURE_AUTHORITY_HOST", authority);
    EXPECT_TRUE(find().is(Code::denied)) << authority;
  }
  variables_.erase("AZURE_CLIENT_SECRET");
  set("IDENTITY_HEADER", kSecret);
  for (const char* endpoint : {"http://169.254.evil.org/t", "http://10.0.0.1/msi"}) {
    set("IDENTITY_ENDPOINT", endpoint);
    EXPECT_TRUE(find().is(Code::denied)) << endpoint;
  }
  HttpRequest request;
  request.url = "http://acct.blob.core.windows.net/c/k";
  Status sent = authorize_azure(request, "acct", {Kind::bearer, kSecret, 0, "x"});
  EXPECT_TRUE(sent.is(Code::denied));
  EXPECT_TRUE(authorize_azure(request, "acct", {Kind::sas, kSas, 0, "x"}).is(Code::denied));
  EXPECT_TRUE(authorize_azure(request, "acct", {Kind::shared_key, kSecret, 0, "x"}).ok());
}

TEST_F(AzureCredentialsTest, TheIdentityOfAService) {
  TestServer server([](const TestRequest& request) -> TestReply {
    if (request.header("X-IDENTITY-HEADER") != "the-header") return {.status = 401};
    return token("app", "\"expires_on\": \"1795003600\"");
  });
  set("IDENTITY_ENDPOINT", server.url() + "/msi/token");
  set("IDENTITY_HEADER", "the-header");
  set("AZURE_CLIENT_ID", "mine");
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->secret, "app");
  EXPECT_EQ(found->expires_ms, 1'795'003'600'000);
  EXPECT_EQ(server.requests().at(0).target,
            "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com&"
            "client_id=mine");
}

TEST_F(AzureCredentialsTest, TheIdentityOfAMachine) {
  TestServer server([](const TestRequest& request) -> TestReply {
    if (request.header("Metadata") != "true") return {.status = 400};
    return token("vm", R"("expires_in": "3600", "expires_on": "1795003600")");
  });
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url());
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->secret, "vm");
  EXPECT_EQ(found->source, "this machine's managed identity");
  EXPECT_EQ(server.requests().at(0).target,
            "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
            "https%3A%2F%2Fstorage.azure.com");
}

TEST_F(AzureCredentialsTest, AMachineWithoutAnIdentityIsPassedOverAndABusyOneIsNot) {
  TestServer server([](const TestRequest&) -> TestReply {
    return {.status = 400, .body = R"({"error": "invalid_request"})"};
  });
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url());
  EXPECT_TRUE(find().is(Code::denied));
  EXPECT_NE(find().error().message.find("no Azure credentials"), std::string::npos);
  server.set_script([](const TestRequest&) -> TestReply { return {.body = "ami-id\n"}; });
  EXPECT_NE(find().error().message.find("no Azure credentials"), std::string::npos);
  server.set_script([](const TestRequest&) -> TestReply { return {.status = 410}; });
  EXPECT_TRUE(find().is(Code::transient));
  server.set_script([](const TestRequest&) { return token("vm"); });
  auto own = source();
  own->refuse(*own->get());
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1");  // nobody answers
  EXPECT_TRUE(own->get().is(Code::transient)) << "its identity was found here before";
}

TEST_F(AzureCredentialsTest, TheAzureCliIsAsked) {
  const std::string script =
      "#!/bin/sh\n[ \"$*\" = 'account get-access-token --resource https://storage.azure.com "
      "--output json' ] || exit 9\n";
  write("bin/az", script + R"(echo '{"accessToken": "cli", "expires_on": 1795003600}')", 0700);
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->secret, "cli");
  EXPECT_EQ(found->expires_ms, 1'795'003'600'000);
  // Older ones tell the end in local time alone.
  write("bin/az", script + R"(echo '{"accessToken": "a", "expiresOn": "2026-11-18 12:00:00.5"}')",
        0700);
  std::tm local{};
  local.tm_hour = 12;
  local.tm_mday = 18;
  local.tm_mon = 10;
  local.tm_year = 126;
  local.tm_isdst = -1;
  EXPECT_EQ(find()->expires_ms, static_cast<int64_t>(mktime(&local)) * 1000);
  write("bin/az", "#!/bin/sh\necho \"Please run 'az login'\" >&2; exit 1\n", 0700);
  EXPECT_NE(find().error().message.find("Please run 'az login'"), std::string::npos);
  write("bin/az", std::string("#!/bin/sh\necho '{\"token\": \"") + kSecret + "\"'\n", 0700);
  EXPECT_EQ(find().error().text().find(kSecret), std::string::npos);
}

TEST_F(AzureCredentialsTest, OneThreadRenewsWhileOthersWait) {
  std::atomic<int> asked{0};
  TestServer server([&](const TestRequest&) -> TestReply {
    TestReply reply = token("t" + std::to_string(++asked));
    reply.delay_ms = 50;
    return reply;
  });
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url());
  auto own = source();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { good += own->get()->secret == "t1"; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(good, 8);
  own->refuse(*own->get());
  EXPECT_EQ(own->get()->secret, "t2");
}

TEST(AzureConnection, PartsAndEndpoints) {
  auto full = parse_azure_connection(
      " accountname=a ; AccountKey=b2s9PQ==;BlobEndpoint=http://127.0.0.1:10000/a/;x");
  EXPECT_EQ(full.account, "a");
  EXPECT_EQ(full.key, "b2s9PQ==");
  EXPECT_EQ(full.endpoint, "http://127.0.0.1:10000/a");
  auto china = parse_azure_connection(
      "AccountName=a;AccountKey=k;EndpointSuffix=core.chinacloudapi.cn;"
      "DefaultEndpointsProtocol=https");
  EXPECT_EQ(china.endpoint, "https://a.blob.core.chinacloudapi.cn");
  auto sas = parse_azure_connection(
      "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=x%3D");
  EXPECT_EQ(sas.account, "acct");
  EXPECT_EQ(sas.sas, "sv=1&sig=x%3D");
  EXPECT_EQ(parse_azure_connection("").account, "");
  EXPECT_EQ(parse_azure_connection("BlobEndpoint=http:///;;=;").account, "");
}

}  // namespace
}  // namespace baton
