#include "net/aws_credentials.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/iso_time.h"
#include "base/text.h"
#include "net/aws_sources.h"
#include "net/test_server.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr char kSecret[] = "c2VjcmV0LW9mLXRoZS10ZXN0";

std::string credentials_json(const std::string& id, const std::string& expires) {
  return R"({"Code": "Success", "AccessKeyId": ")" + id + R"(", "SecretAccessKey": ")" + kSecret +
         R"(", "Token": "token-)" + id + R"(", "Expiration": ")" + expires + R"("})";
}

// A user's home, an environment and a clock of their own.
class AwsCredentialsTest : public testing::Test {
 protected:
  void SetUp() override { set("HOME", home_.path()); }

  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  void write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::string path = join_path(home_.path(), name);
    ASSERT_TRUE(make_dirs(parent_path(path)).ok());
    ASSERT_TRUE(replace_file(path, text, false, mode).ok());
  }
  // No machine answers there: nobody's real credentials are found by a test.
  void no_instance() { set("AWS_EC2_METADATA_DISABLED", "true"); }

  std::unique_ptr<AwsCredentialSource> source(const std::string& profile = "") {
    AwsSettings settings{profile, [this](const std::string& name) -> std::optional<std::string> {
                           auto it = variables_.find(name);
                           if (it == variables_.end()) return std::nullopt;
                           return it->second;
                         }};
    return make_aws_credentials(settings, http_, clock_);
  }
  Result<AwsCredentials> find(const std::string& profile = "") { return source(profile)->get(); }

  TempDir home_ = TempDir::create("baton-aws").value();
  std::map<std::string, std::string> variables_;
  ManualClock clock_{1'795'000'000'000};  // 2026-11-18
  std::shared_ptr<HttpClient> http_ = make_http_client();
};

TEST_F(AwsCredentialsTest, TheEnvironmentComesFirst) {
  set("AWS_ACCESS_KEY_ID", "AKIAENV");
  set("AWS_SECRET_ACCESS_KEY", kSecret);
  set("AWS_SESSION_TOKEN", "t");
  write(".aws/credentials", "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n");
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->key_id, "AKIAENV");
  EXPECT_EQ(found->secret, kSecret);
  EXPECT_EQ(found->token, "t");
  EXPECT_EQ(find("default")->key_id, "AKIAFILE");  // a profile that the URL names goes before it
}

TEST_F(AwsCredentialsTest, HalfAKeyIsAMistake) {
  set("AWS_ACCESS_KEY_ID", "AKIAENV");
  EXPECT_TRUE(find().is(Code::denied));
}

TEST_F(AwsCredentialsTest, ProfilesOfBothFiles) {
  write(".aws/config",
        "[default]\nregion = eu-central-1\naws_access_key_id = AKIACONFIG\n"
        "aws_secret_access_key = x\n[profile  ml ]\naws_access_key_id=AKIAML # a comment\n"
        "aws_secret_access_key=a#b\ns3 =\n    addressing_style = path\noutput = json\n");
  write(".aws/credentials", "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = y\n");
  EXPECT_EQ(find()->key_id, "AKIAFILE");
  set("AWS_PROFILE", "ml");
  EXPECT_EQ(find()->key_id, "AKIAML");
  EXPECT_EQ(find()->secret, "a#b");
  auto environment = [this](const std::string& name) -> std::optional<std::string> {
    auto it = variables_.find(name);
    return it == variables_.end() ? std::nullopt : std::optional(it->second);
  };
  auto profile = load_aws_profile(environment, "");
  EXPECT_EQ(profile->at("s3.addressing_style"), "path");
  EXPECT_EQ(profile->at("output"), "json");
}

TEST_F(AwsCredentialsTest, AnUnknownProfileIsNamed) {
  no_instance();
  set("AWS_PROFILE", "nobody");
  auto found = find();
  ASSERT_TRUE(found.is(Code::denied));
  EXPECT_NE(found.error().message.find("\"nobody\""), std::string::npos);
}

TEST_F(AwsCredentialsTest, NothingAnywhereSaysWhereItLooked) {
  no_instance();
  auto found = find();
  ASSERT_TRUE(found.is(Code::denied));
  EXPECT_NE(found.error().hint.find("~/.aws/credentials"), std::string::npos);
}

TEST_F(AwsCredentialsTest, CredentialProcess) {
  write("make-keys",
        "#!/bin/sh\necho '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROC\", \"SecretAccessKey\": "
        "\"s\", \"SessionToken\": \"t\", \"Expiration\": \"2030-01-01T00:00:00+01:00\"}'\n",
        0700);
  write(".aws/config",
        "[default]\ncredential_process = " + home_.path() + "/make-keys --for \"me\"\n");
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->key_id, "AKIAPROC");
  EXPECT_EQ(found->expires_ms, parse_iso_time("2029-12-31T23:00:00Z"));
}

TEST_F(AwsCredentialsTest, AFailingProcessTellsWhyAndNoSecret) {
  write(".aws/config",
        std::string("[default]\ncredential_process = echo '{\"SecretAccessKey\": \"") + kSecret +
            "\"}'\n[profile broken]\ncredential_process = sh -c 'echo no sign-on >&2; exit 3'\n");
  auto found = find();
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().text().find(kSecret), std::string::npos);
  auto broken = find("broken");
  ASSERT_TRUE(broken.is(Code::denied));
  EXPECT_NE(broken.error().message.find("no sign-on"), std::string::npos);
}

TEST_F(AwsCredentialsTest, RolesAndSignOnGoThroughTheAwsCommand) {
  write("bin/aws",
        "#!/bin/sh\n[ \"$*\" = 'configure export-credentials --profile team --format process' ] "
        "|| exit 9\necho '{\"Version\": 1, \"AccessKeyId\": \"ASIASSO\", \"SecretAccessKey\": "
        "\"s\", \"SessionToken\": \"t\", \"Expiration\": \"2030-01-01T00:00:00Z\"}'\n",
        0700);
  std::string path = std::getenv("PATH");
  setenv("PATH", (home_.path() + "/bin:" + path).c_str(), 1);
  std::map<std::string, Result<AwsCredentials>> found;
  for (const char* setting : {"sso_session", "sso_start_url", "login_session", "role_arn"}) {
    write(".aws/config", std::string("[profile team]\n") + setting + " = x\n");
    found.emplace(setting, find("team"));
  }
  setenv("PATH", home_.path().c_str(), 1);
  auto without = find("team");
  setenv("PATH", path.c_str(), 1);
  for (const auto& [setting, credentials] : found) {
    ASSERT_TRUE(credentials.ok()) << setting << ": " << credentials.error().text();
    EXPECT_EQ(credentials->key_id, "ASIASSO") << setting;
  }
  ASSERT_TRUE(without.is(Code::denied));
  EXPECT_NE(without.error().message.find("the aws command is not here"), std::string::npos);
  EXPECT_NE(without.error().hint.find("2.9"), std::string::npos);
}

TEST_F(AwsCredentialsTest, ContainerRoleWithATokenFile) {
  TestServer server([](const TestRequest& request) -> TestReply {
    if (request.header("Authorization") != "the-token") return {.status = 401};
    return {.body = credentials_json("ASIAPOD", "2030-01-01T00:00:00Z")};
  });
  write("token", "the-token\n");
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url() + "/v1/credentials");
  set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", home_.path() + "/token");
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->key_id, "ASIAPOD");
  EXPECT_EQ(found->token, "token-ASIAPOD");
  EXPECT_EQ(server.requests().at(0).target, "/v1/credentials");
}

// Answers as ECS does, at an address that a test cannot have.
class EcsAgent : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest& request, const Cancel*) override {
    asked = request;
    return HttpResponse{200, {}, credentials_json("ASIAECS", "2030-01-01T00:00:00Z")};
  }
  HttpRequest asked;
};

TEST_F(AwsCredentialsTest, ContainerRoleOfEcs) {
  auto ecs = std::make_shared<EcsAgent>();
  http_ = ecs;
  set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/a-task");
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/");
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->key_id, "ASIAECS");
  EXPECT_EQ(ecs->asked.url, "http://169.254.170.2/v2/credentials/a-task");
  EXPECT_FALSE(ecs->asked.use_proxy);
}

TEST_F(AwsCredentialsTest, AContainersTokenIsNotSentToStrangers) {
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.org/x");
  set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t");
  EXPECT_TRUE(find().is(Code::denied));
}

TestReply metadata(const TestRequest& request, const std::string& expires) {
  if (request.method == "PUT" && request.target == "/latest/api/token")
    return {.body = "imds-token"};
  if (request.header("X-aws-ec2-metadata-token") != "imds-token") return {.status = 401};
  if (request.target == "/latest/meta-data/iam/security-credentials/") return {.body = "my-role\n"};
  if (request.target == "/latest/meta-data/iam/security-credentials/my-role")
    return {.body = credentials_json("ASIAROLE", expires)};
  return {.status = 404};
}

TEST_F(AwsCredentialsTest, InstanceRole) {
  TestServer server(
      [](const TestRequest& request) { return metadata(request, "2030-01-01T00:00:00Z"); });
  set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url() + "/");
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->key_id, "ASIAROLE");
  EXPECT_EQ(found->source, "this instance's role my-role");
}

TEST_F(AwsCredentialsTest, AnInstanceWithoutARoleHasNone) {
  TestServer server([](const TestRequest& request) -> TestReply {
    if (request.method == "PUT") return {.body = "imds-token"};
    return {.status = 404};
  });
  set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url());
  EXPECT_TRUE(find().is(Code::denied));
}

TEST_F(AwsCredentialsTest, ABusyMetadataServiceIsAskedAgainAndAMachineWithoutOneIsNot) {
  TestReply reply;
  TestServer server([&](const TestRequest& request) {
    return reply.status == 200 ? metadata(request, "2030-01-01T00:00:00Z") : reply;
  });
  set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url());
  for (int status : {429, 500, 503}) {
    reply.status = status;
    EXPECT_TRUE(find().is(Code::transient)) << status;
  }
  reply.status = 403;  // it may not ask
  EXPECT_TRUE(find().is(Code::denied));
  reply.status = 200;
  auto own = source();
  EXPECT_TRUE(own->get().ok());
  set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");  // nobody answers
  EXPECT_TRUE(find().is(Code::denied)) << "no machine of Amazon's";
  own->refuse(*own->get());
  EXPECT_TRUE(own->get().is(Code::transient)) << "its role was found here before";
}

TestReply sts_reply(const std::string& id) {
  return {.body =
              "<AssumeRoleWithWebIdentityResponse "
              "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
              "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>" +
              id +
              "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
              "<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
              "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"};
}

TEST_F(AwsCredentialsTest, WebIdentity) {
  TestServer server([](const TestRequest&) { return sts_reply("ASIAWEB"); });
  write("jwt", "head.body.sig\n");
  set("AWS_WEB_IDENTITY_TOKEN_FILE", home_.path() + "/jwt");
  set("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
  set("AWS_ENDPOINT_URL_STS", server.url());
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->key_id, "ASIAWEB");
  EXPECT_EQ(found->expires_ms, parse_iso_time("2030-01-01T00:00:00Z"));
  EXPECT_EQ(
      server.requests().at(0).body,
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn="
      "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=baton&WebIdentityToken=head.body.sig");
}

TEST_F(AwsCredentialsTest, AWebIdentityOfTheProfile) {
  TestServer server([](const TestRequest&) { return sts_reply("ASIAWEB"); });
  write("jwt", "of.the.profile\n");
  write(".aws/config",
        "[profile ci]\nrole_arn = arn:ci\nrole_session_name = nightly\n"
        "web_identity_token_file = " +
            home_.path() + "/jwt\n");
  set("AWS_PROFILE", "ci");
  set("AWS_ENDPOINT_URL_STS", server.url());
  auto found = find();
  ASSERT_TRUE(found.ok()) << found.error().text();
  EXPECT_EQ(found->key_id, "ASIAWEB");
  EXPECT_EQ(server.requests().at(0).body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aci&RoleSessionName="
            "nightly&WebIdentityToken=of.the.profile");
}

// With profile= in the URL. A pod of EKS has the variables, a container of ECS its own.
TEST_F(AwsCredentialsTest, ANamedProfileIsAskedAndNobodyElse) {
  TestServer server([](const TestRequest& request) {
    bool of_profile = request.body.find("of.the.profile") != std::string::npos;
    return request.method == "POST"
               ? sts_reply(of_profile ? "ASIAPROFILE" : "ASIAPOD")
               : TestReply{.body = credentials_json("ASIAECS", "2030-01-01T00:00:00Z")};
  });
  write("jwt", "of.the.pod\n");
  write("mine", "of.the.profile\n");
  set("AWS_ENDPOINT_URL_STS", server.url());
  set("AWS_WEB_IDENTITY_TOKEN_FILE", home_.path() + "/jwt");
  set("AWS_ROLE_ARN", "arn:pod");
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url());
  write(".aws/config",
        "[profile keys]\naws_access_key_id = AKIAML\naws_secret_access_key = s\n"
        "[profile web]\nrole_arn = arn:mine\nweb_identity_token_file = " +
            home_.path() + "/mine\n[profile empty]\nregion = eu-central-1\n");
  EXPECT_EQ(find()->key_id, "ASIAPOD");
  EXPECT_EQ(find("keys")->key_id, "AKIAML");
  EXPECT_EQ(find("web")->key_id, "ASIAPROFILE");
  auto nothing = find("empty");
  ASSERT_TRUE(nothing.is(Code::denied));
  EXPECT_NE(nothing.error().message.find("\"empty\""), std::string::npos);
}

TEST_F(AwsCredentialsTest, WhatStsRefusesIsToldAndItsTroublesPass) {
  TestReply reply;
  TestServer server([&](const TestRequest&) { return reply; });
  write("jwt", kSecret);
  set("AWS_WEB_IDENTITY_TOKEN_FILE", home_.path() + "/jwt");
  set("AWS_ROLE_ARN", "arn:r");
  set("AWS_ENDPOINT_URL_STS", server.url());
  reply = {.status = 403,
           .body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"};
  auto refused = find();
  ASSERT_TRUE(refused.is(Code::denied));
  EXPECT_NE(refused.error().message.find("AccessDenied"), std::string::npos);
  EXPECT_EQ(refused.error().text().find(kSecret), std::string::npos);
  for (int status : {429, 500, 503}) {
    reply = {.status = status, .body = "<html>"};
    EXPECT_TRUE(find().is(Code::transient)) << status;
  }
  reply = {.status = 200, .body = "<x/>"};
  EXPECT_TRUE(find().is(Code::permanent)) << "no credentials in it";
}

// The expiration is 15 minutes from the clock's start.
TEST_F(AwsCredentialsTest, RenewsBeforeTheEndAndKeepsTheOldWhileItCannot) {
  std::string expires = "2026-11-18T11:21:40Z";
  std::atomic<bool> broken{false};
  TestServer server([&](const TestRequest& request) {
    return broken ? TestReply{.status = 500} : metadata(request, expires);
  });
  set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url());
  auto own = source();
  auto first = own->get();
  ASSERT_TRUE(first.ok()) << first.error().text();
  int64_t left = first->expires_ms - clock_.wall_ms();
  ASSERT_GT(left, 400'000);
  size_t asked = server.requests().size();
  clock_.advance(left - 310'000);
  EXPECT_TRUE(own->get().ok());
  EXPECT_EQ(server.requests().size(), asked);  // more than five minutes left
  clock_.advance(20'000);
  broken = true;
  EXPECT_EQ(own->get()->key_id, "ASIAROLE");  // asked, failed, and still good
  EXPECT_TRUE(server.wait_for("/latest/api/token", 2));
  Result<AwsCredentials> last = own->get();
  for (int i = 0; i < 30 && last.ok(); ++i) {
    clock_.advance(21'000);
    last = own->get();
  }
  EXPECT_TRUE(last.is(Code::transient)) << "so that it is tried again";
  broken = false;
  expires = "2026-11-18T12:00:00Z";
  clock_.advance(30'000);
  EXPECT_EQ(own->get()->expires_ms, parse_iso_time(expires));
}

// The old ones are good for four minutes still: nobody waits for the new ones.
TEST_F(AwsCredentialsTest, RenewingHoldsNobodyUp) {
  std::atomic<bool> go{false};
  std::string expires = "2026-11-18T11:21:40Z";
  TestServer server([&](const TestRequest& request) -> TestReply {
    if (go && request.target == "/") return {.body = credentials_json("ASIANEW", expires)};
    return go ? TestReply{.hang = true} : TestReply{.body = credentials_json("ASIAOLD", expires)};
  });
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url() + "/slow");
  auto own = source();
  clock_.advance(own->get()->expires_ms - clock_.wall_ms() - 240'000);
  go = true;
  expires = "2026-11-18T12:00:00Z";
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(own->get()->key_id, "ASIAOLD");
  EXPECT_EQ(own->get()->key_id, "ASIAOLD");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1)) << "it takes two";
  EXPECT_TRUE(server.wait_for("/slow", 2));
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url() + "/");
  for (int i = 0; i < 1000 && own->get()->key_id == "ASIAOLD"; ++i) {
    clock_.advance(100);  // 20 s later it is tried again
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(own->get()->key_id, "ASIANEW");
}

TEST_F(AwsCredentialsTest, RefusedOnesAreFetchedAnewAtOnce) {
  std::atomic<int> round{0};
  TestServer server([&](const TestRequest&) -> TestReply {
    return {.body = credentials_json("ASIA" + std::to_string(++round), "2030-01-01T00:00:00Z")};
  });
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url());
  auto own = source();
  auto first = own->get();
  EXPECT_EQ(own->get()->key_id, "ASIA1");
  own->refuse(*first);
  EXPECT_EQ(own->get()->key_id, "ASIA2");
  own->refuse(*first);  // by a slower thread: these are not the present ones
  EXPECT_EQ(own->get()->key_id, "ASIA2");
}

TEST_F(AwsCredentialsTest, ManyThreadsAskOnce) {
  std::atomic<int> asked{0};
  TestServer server([&](const TestRequest&) -> TestReply {
    ++asked;
    return {.body = credentials_json("ASIA", "2030-01-01T00:00:00Z"), .delay_ms = 100};
  });
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url());
  auto own = source();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { good += own->get().ok(); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(asked, 1);
}

TEST(IsoTime, ReadsWhatServicesWrite) {
  EXPECT_EQ(parse_iso_time("2026-11-22T05:00:00Z"), 1'795'323'600'000);
  EXPECT_EQ(parse_iso_time("2026-11-22T05:00:00.123456Z"), 1'795'323'600'000);
  EXPECT_EQ(parse_iso_time("2026-11-22T06:00:00+01:00"), 1'795'323'600'000);
  for (const char* bad : {"", "2026-11-22", "2026-11-22T05:00:00", "x"})
    EXPECT_FALSE(parse_iso_time(bad)) << bad;
}

}  // namespace
}  // namespace baton
