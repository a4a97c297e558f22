#include "net/gcp_credentials.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/encoding.h"
#include "base/iso_time.h"
#include "base/json.h"
#include "base/text.h"
#include "net/jwt.h"
#include "net/test_server.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr char kSecret[] = "c2VjcmV0LW9mLXRoZS10ZXN0";
constexpr int64_t kNow = 1'795'000'000'000;  // 2026-11-18T11:06:40Z

std::string token_json(const std::string& token, int seconds = 3600) {
  return R"({"access_token": ")" + token + R"(", "token_type": "Bearer", "expires_in": )" +
         std::to_string(seconds) + "}";
}

// The fields of an x-www-form-urlencoded body.
std::map<std::string, std::string> form_of(const std::string& body) {
  std::map<std::string, std::string> fields;
  for (const std::string& item : split(body, '&')) {
    size_t equals = item.find('=');
    fields[item.substr(0, equals)] = percent_decode(item.substr(equals + 1));
  }
  return fields;
}

struct RsaKey {
  RsaKey() : key(EVP_RSA_gen(2048)) {
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    long size = BIO_get_mem_data(memory, &data);
    pem.assign(data, static_cast<size_t>(size));
    BIO_free(memory);
  }
  ~RsaKey() { EVP_PKEY_free(key); }
  RsaKey(const RsaKey&) = delete;
  RsaKey& operator=(const RsaKey&) = delete;

  bool verifies(const std::string& text, const std::string& signature) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    auto bytes = [](const std::string& s) {
      return reinterpret_cast<const unsigned char*>(s.data());
    };
    bool good = EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key) == 1 &&
                EVP_DigestVerify(context, bytes(signature), signature.size(), bytes(text),
                                 text.size()) == 1;
    EVP_MD_CTX_free(context);
    return good;
  }

  EVP_PKEY* key;
  std::string pem;
};

std::string from_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  return base64_decode(text).value();
}

// A user's home, an environment and a clock of their own.
class GcpCredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    set("HOME", home_.path());
    set("NO_GCE_CHECK", "true");  // nobody's real credentials are found by a test
    path_ = std::getenv("PATH");
    setenv("PATH", home_.path().c_str(), 1);
  }
  void TearDown() override { setenv("PATH", path_.c_str(), 1); }

  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::string path = join_path(home_.path(), name);
    EXPECT_TRUE(make_dirs(parent_path(path)).ok());
    EXPECT_TRUE(replace_file(path, text, false, mode).ok());
    return path;
  }
  void key_file(const Json& json) {
    set("GOOGLE_APPLICATION_CREDENTIALS", write("key.json", dump_json(json)));
  }
  void serve(TestScript script) { server_.set_script(std::move(script)); }

  std::unique_ptr<TokenSource> source() {
    return make_gcp_credentials(
        [this](const std::string& name) -> std::optional<std::string> {
          auto it = variables_.find(name);
          if (it == variables_.end()) return std::nullopt;
          return it->second;
        },
        http_, clock_);
  }
  Result<BearerToken> find() { return source()->get(); }
  // The error of the whole search, which contains no secret.
  Error refused() {
    auto found = find();
    if (found.ok()) return {Code::permanent, "a token was found", ""};
    EXPECT_EQ(found.error().text().find(kSecret), std::string::npos);
    return found.error();
  }
  Json user(const std::string& refresh = kSecret) {
    return Json{{"type", "authorized_user"},
                {"client_id", "id"},
                {"client_secret", kSecret},
                {"refresh_token", refresh},
                {"token_uri", server_.url() + "/token"}};
  }

  TempDir home_ = TempDir::create("baton-gcp").value();
  std::string path_;
  std::map<std::string, std::string> variables_;
  ManualClock clock_{kNow};
  TestServer server_{[](const TestRequest&) { return TestReply{.status = 404}; }};
  std::shared_ptr<HttpClient> http_ = make_http_client();
};

TEST_F(GcpCredentialsTest, NothingAnywhereSaysWhereItLooked) {
  Error error = refused();
  EXPECT_EQ(error.code, Code::denied);
  EXPECT_NE(error.hint.find("gcloud auth application-default login"), std::string::npos);
}

TEST_F(GcpCredentialsTest, AUserSignedOnForApplications) {
  write(".config/gcloud/application_default_credentials.json", dump_json(user("1//refresh")));
  serve([](const TestRequest&) { return TestReply{.body = token_json("ya29.user")}; });
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->token, "ya29.user");
  EXPECT_EQ(found->expires_ms, kNow + 3'600'000);
  EXPECT_NE(found->source.find("application_default_credentials.json"), std::string::npos);
  auto form = form_of(server_.requests().at(0).body);
  EXPECT_EQ(form["grant_type"], "refresh_token");
  EXPECT_EQ(form["refresh_token"], "1//refresh");
  EXPECT_EQ(form["client_secret"], kSecret);
}

TEST_F(GcpCredentialsTest, CloudsdkConfigMovesTheWellKnownFile) {
  set("CLOUDSDK_CONFIG", home_.path() + "/elsewhere");
  write("elsewhere/application_default_credentials.json", dump_json(user()));
  serve([](const TestRequest&) { return TestReply{.body = token_json("t")}; });
  EXPECT_EQ(find()->token, "t");
}

TEST_F(GcpCredentialsTest, ASignOnThatHasEndedSaysHowToRenewIt) {
  key_file(user());
  serve([](const TestRequest&) {
    return TestReply{.status = 400,
                     .body = R"({"error": "invalid_grant", "error_description": "Token has been )"
                             R"(expired or revoked."})"};
  });
  Error error = refused();
  EXPECT_EQ(error.code, Code::denied);
  EXPECT_NE(error.message.find("invalid_grant (Token has been expired"), std::string::npos);
  EXPECT_NE(error.hint.find("gcloud auth application-default login"), std::string::npos);
}

TEST_F(GcpCredentialsTest, ATokenServiceInTroubleIsTriedAgain) {
  key_file(user());
  for (int status : {500, 503, 429}) {
    serve([status](const TestRequest&) { return TestReply{.status = status, .body = "<html>"}; });
    EXPECT_EQ(refused().code, Code::transient) << status;
  }
  serve([](const TestRequest&) { return TestReply{.reset = true}; });
  EXPECT_EQ(refused().code, Code::transient);
}

TEST_F(GcpCredentialsTest, RepliesThatAreNoTokens) {
  key_file(user());
  std::string secret = kSecret;
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("{\"access_token\": 1}"),
        token_json("two words"), "{\"refresh_token\": \"" + secret + "\"}",
        token_json("a\\r\\nX-Evil: 1")}) {
    serve([body](const TestRequest&) { return TestReply{.body = body}; });
    EXPECT_EQ(refused().code, Code::permanent) << body;
  }
}

TEST_F(GcpCredentialsTest, WhatAServiceRepeatsOfATokenIsNotTold) {
  key_file(user());
  std::string token = std::string(80, 'x') + kSecret;
  serve([token](const TestRequest&) {
    return TestReply{.status = 400,
                     .body = R"({"error": "bad", "error_description": ")" + token + R"( is bad"})"};
  });
  EXPECT_EQ(refused().code, Code::denied);
}

TEST_F(GcpCredentialsTest, AServiceAccountSignsAnAssertion) {
  RsaKey key;
  key_file(Json{{"type", "service_account"},
                {"client_email", "me@p.iam.gserviceaccount.com"},
                {"private_key_id", "k1"},
                {"private_key", key.pem},
                {"token_uri", server_.url() + "/token"}});
  serve([](const TestRequest&) { return TestReply{.body = token_json("ya29.sa", 3599)}; });
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->token, "ya29.sa");
  EXPECT_NE(found->source.find("me@p.iam.gserviceaccount.com"), std::string::npos);
  auto form = form_of(server_.requests().at(0).body);
  EXPECT_EQ(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
  auto parts = split(form["assertion"], '.');
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_TRUE(key.verifies(parts[0] + "." + parts[1], from_base64url(parts[2])));
  auto header = parse_json(from_base64url(parts[0]), "").value();
  auto claims = parse_json(from_base64url(parts[1]), "").value();
  EXPECT_EQ(get_string(header, "alg"), "RS256");
  EXPECT_EQ(get_string(header, "kid"), "k1");
  EXPECT_EQ(get_string(claims, "iss"), "me@p.iam.gserviceaccount.com");
  EXPECT_EQ(get_string(claims, "aud"), server_.url() + "/token");
  EXPECT_EQ(get_int(claims, "iat"), kNow / 1000);
  EXPECT_EQ(get_int(claims, "exp"), kNow / 1000 + 3600);
}

TEST_F(GcpCredentialsTest, AnAssertionOfAWrongClockIsSignedAnew) {
  RsaKey key;
  key_file(Json{{"type", "service_account"},
                {"client_email", "me@p"},
                {"private_key", key.pem},
                {"token_uri", server_.url()}});
  const int64_t there = parse_iso_time("2026-11-18T11:30:00Z").value();
  serve([there](const TestRequest& request) -> TestReply {
    auto claims = split(form_of(request.body)["assertion"], '.').at(1);
    int64_t issued = get_int(parse_json(from_base64url(claims), "").value(), "iat");
    if (issued == there / 1000) return {.body = token_json("t")};
    return {.status = 400,
            .body = R"({"error": "invalid_grant"})",
            .headers = {{"Date", "Wed, 18 Nov 2026 11:30:00 GMT"}}};
  });
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(server_.requests().size(), 2u);
}

TEST_F(GcpCredentialsTest, KeysThatAreNone) {
  for (const std::string& key :
       {std::string(kSecret), std::string(), make_test_certificate("x").key_pem,
        "-----BEGIN PRIVATE KEY-----\n" + std::string(kSecret) + "\n-----END PRIVATE KEY-----\n"}) {
    key_file(Json{{"type", "service_account"},
                  {"client_email", "me@p"},
                  {"private_key", key},
                  {"token_uri", server_.url()}});
    EXPECT_NE(refused().message.find("no RSA key"), std::string::npos);
  }
}

TEST_F(GcpCredentialsTest, FilesThatCannotBeUsedAreNamed) {
  set("GOOGLE_APPLICATION_CREDENTIALS", home_.path() + "/absent.json");
  EXPECT_NE(refused().message.find("absent.json"), std::string::npos);
  set("GOOGLE_APPLICATION_CREDENTIALS", write("key.json", std::string("{") + kSecret));
  EXPECT_EQ(refused().code, Code::denied);
  for (const Json& json :
       {Json::array(), Json{{"type", 7}}, Json{{"type", "authorized_user"}},
        Json{{"type", "service_account"}}, Json{{"type", "external_account"}},
        Json{{"type", "external_account"}, {"credential_source", kSecret}},
        Json{{"type", "impersonated_service_account"}, {"source_credentials", kSecret}}}) {
    key_file(json);
    EXPECT_EQ(refused().code, Code::denied) << dump_json(json);
  }
  for (const Json& json :
       {Json{{"type", "gdch_service_account"}},
        Json{{"type", "service_account"}, {"universe_domain", "example.cloud"}},
        Json{{"type", "external_account"}, {"credential_source", Json{{"environment_id", "aws1"}}}},
        Json{{"type", "external_account"},
             {"credential_source", Json{{"executable", Json{{"command", kSecret}}}}}}}) {
    key_file(json);
    EXPECT_EQ(refused().code, Code::unsupported) << dump_json(json);
  }
}

TEST_F(GcpCredentialsTest, SecretsGoToNobodyInTheClear) {
  Json json = user();
  json["token_uri"] = "http://example.org/token";
  key_file(json);
  EXPECT_NE(refused().message.find("https"), std::string::npos);
}

TEST_F(GcpCredentialsTest, FederationByAFile) {
  std::string subject = write("oidc.json", R"({"id": "header.claims.signature"})");
  key_file(Json{{"type", "external_account"},
                {"audience", "//iam.googleapis.com/projects/1/x"},
                {"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"},
                {"token_url", server_.url() + "/sts"},
                {"credential_source",
                 Json{{"file", subject},
                      {"format", Json{{"type", "json"}, {"subject_token_field_name", "id"}}}}}});
  serve([](const TestRequest&) { return TestReply{.body = token_json("federated")}; });
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->token, "federated");
  auto form = form_of(server_.requests().at(0).body);
  EXPECT_EQ(form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
  EXPECT_EQ(form["subject_token"], "header.claims.signature");
  EXPECT_EQ(form["audience"], "//iam.googleapis.com/projects/1/x");
}

// As GitHub's actions have it: a URL that wants a header, and a service account behind it.
TEST_F(GcpCredentialsTest, FederationByAUrlWithImpersonation) {
  key_file(Json{{"type", "external_account"},
                {"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"},
                {"token_url", server_.url() + "/sts"},
                {"service_account_impersonation_url",
                 server_.url() + "/v1/projects/-/serviceAccounts/sa@p:generateAccessToken"},
                {"service_account_impersonation", Json{{"token_lifetime_seconds", 1200}}},
                {"credential_source",
                 Json{{"url", server_.url() + "/oidc"}, {"headers", Json{{"X-Key", "k"}}}}}});
  serve([](const TestRequest& request) -> TestReply {
    if (request.target == "/oidc" && request.header("X-Key") == "k") return {.body = "jwt\n"};
    if (request.target == "/sts" && form_of(request.body)["subject_token"] == "jwt")
      return {.body = token_json("first")};
    bool asked = request.header("Authorization") == "Bearer first" &&
                 request.body.find("\"1200s\"") != std::string::npos &&
                 request.body.find("devstorage.read_write") != std::string::npos;
    if (!asked) return {.status = 403};
    return {.body = R"({"accessToken": "second", "expireTime": "2026-11-18T11:26:40Z"})"};
  });
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->token, "second");
  EXPECT_EQ(found->expires_ms, kNow + 1'200'000);
  EXPECT_NE(found->source.find("sa@p, impersonated"), std::string::npos);
}

TEST_F(GcpCredentialsTest, AWorkforceSignOn) {
  key_file(Json{{"type", "external_account_authorized_user"},
                {"token_url", server_.url()},
                {"client_id", "id"},
                {"client_secret", "s"},
                {"refresh_token", kSecret}});
  serve([](const TestRequest& request) -> TestReply {
    if (request.header("Authorization") != "Basic " + base64("id:s")) return {.status = 401};
    return {.body = token_json("t")};
  });
  EXPECT_EQ(find()->token, "t");
}

TEST_F(GcpCredentialsTest, AUserImpersonatesAServiceAccount) {
  key_file(Json{{"type", "impersonated_service_account"},
                {"source_credentials", user()},
                {"delegates", Json::array({"other@p"})},
                {"service_account_impersonation_url",
                 server_.url() + "/serviceAccounts/sa@p:generateAccessToken"}});
  serve([](const TestRequest& request) -> TestReply {
    if (request.target == "/token") return {.body = token_json("first")};
    if (request.body.find("other@p") == std::string::npos) return {.status = 400};
    return {.status = 403,
            .body = R"({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": )"
                    R"("Permission 'iam.serviceAccounts.getAccessToken' denied"}})"};
  });
  Error error = refused();
  EXPECT_EQ(error.code, Code::denied);
  EXPECT_NE(error.message.find("getAccessToken"), std::string::npos);
}

TestReply metadata(const TestRequest& request, int seconds) {
  if (request.header("Metadata-Flavor") != "Google") return {.status = 403};
  const std::string base = "/computeMetadata/v1/instance/service-accounts/default/";
  Headers google{{"Metadata-Flavor", "Google"}};
  if (request.target == base + "token")
    return {.body = token_json("ya29.machine", seconds), .headers = google};
  if (request.target == base + "email") return {.body = "vm@p\n", .headers = google};
  return {.status = 404, .headers = google};
}

TEST_F(GcpCredentialsTest, TheMachinesAccount) {
  variables_.erase("NO_GCE_CHECK");
  set("GCE_METADATA_HOST", server_.url().substr(7));
  serve([](const TestRequest& request) { return metadata(request, 1800); });
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->token, "ya29.machine");
  EXPECT_EQ(found->source, "the service account vm@p of this machine");
}

TEST_F(GcpCredentialsTest, MachinesWithoutAnAccountAndOfOtherClouds) {
  variables_.erase("NO_GCE_CHECK");
  set("GCE_METADATA_HOST", server_.url().substr(7));
  serve([](const TestRequest&) {
    return TestReply{.status = 404, .headers = {{"Metadata-Flavor", "Google"}}};
  });
  EXPECT_EQ(refused().message, "no Google Cloud credentials were found");
  serve([](const TestRequest&) { return TestReply{.body = token_json("of-another-cloud")}; });
  EXPECT_EQ(refused().message, "no Google Cloud credentials were found");
}

TEST_F(GcpCredentialsTest, AMetadataServerThatIsLateIsWaitedFor) {
  variables_.erase("NO_GCE_CHECK");
  set("GCE_METADATA_HOST", server_.url().substr(7));
  serve([](const TestRequest&) { return TestReply{.reset = true}; });
  EXPECT_EQ(refused().code, Code::transient);
}

TEST_F(GcpCredentialsTest, GcloudsOwnSignOnComesLast) {
  write("gcloud",
        "#!/bin/sh\n[ \"$*\" = 'auth print-access-token --quiet' ] || exit 9\necho ya29.gcloud\n",
        0700);
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->token, "ya29.gcloud");
  write("gcloud", "#!/bin/sh\nprintf 'ERROR: no active account\\nhelp\\n' >&2\nexit 1\n", 0700);
  EXPECT_NE(refused().message.find("no active account"), std::string::npos);
  write("gcloud", std::string("#!/bin/sh\necho 'your token: ") + kSecret + "'\n", 0700);
  EXPECT_EQ(refused().code, Code::denied);
}

TEST_F(GcpCredentialsTest, RenewsBeforeTheEndAndKeepsTheOldWhileItCannot) {
  variables_.erase("NO_GCE_CHECK");
  set("GCE_METADATA_HOST", server_.url().substr(7));
  serve([](const TestRequest& request) { return metadata(request, 600); });
  auto own = source();
  ASSERT_TRUE(own->get().ok());
  size_t asked = server_.requests().size();
  clock_.advance(370'000);
  EXPECT_TRUE(own->get().ok());
  EXPECT_EQ(server_.requests().size(), asked);  // 230 s are left
  clock_.advance(10'000);
  serve([](const TestRequest&) {
    return TestReply{.status = 503, .headers = {{"Metadata-Flavor", "Google"}}};
  });
  EXPECT_EQ(own->get()->token, "ya29.machine");  // asked, failed, and still good
  EXPECT_TRUE(server_.wait_for("/token", 2));
  Result<BearerToken> last = own->get();
  for (int i = 0; i < 30 && last.ok(); ++i) {
    clock_.advance(21'000);
    last = own->get();
  }
  EXPECT_TRUE(last.is(Code::transient));
}

TEST_F(GcpCredentialsTest, ManyThreadsAskOnce) {
  key_file(user());
  serve([](const TestRequest&) { return TestReply{.body = token_json("t"), .delay_ms = 100}; });
  auto own = source();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { good += own->get().ok(); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(server_.requests().size(), 1u);
}

}  // namespace
}  // namespace baton
