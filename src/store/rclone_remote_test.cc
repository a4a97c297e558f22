#include "store/rclone_remote.h"

#include <gtest/gtest.h>

#include <map>

namespace baton {
namespace {

using Variables = std::map<std::string, std::string>;

Result<RcloneRemote> remote(const std::string& url, const Variables& environment = {}) {
  return rclone_remote(url, [environment](const std::string& name) -> std::optional<std::string> {
    auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  });
}

// "NAME=VALUE" of what is set, in the order of the names.
std::string said(const Result<RcloneRemote>& remote) {
  if (!remote.ok()) return remote.error().message;
  Variables sorted;
  for (const auto& [name, value] : remote->variables)
    if (!value.empty()) sorted[name.substr(sizeof "RCLONE_CONFIG_BATON_" - 1)] = value;
  std::string text = remote->path;
  for (const auto& [name, value] : sorted) text.append(" ").append(name).append("=").append(value);
  return text;
}

constexpr char kKey[] = "bm90IGEga2V5";

TEST(RcloneRemote, S3) {
  EXPECT_EQ(said(remote("s3://b/x/y")),
            "b/x/y ENV_AUTH=true FORCE_PATH_STYLE=false PROVIDER=AWS REGION=us-east-1 TYPE=s3");
  EXPECT_EQ(said(remote("s3://b?endpoint=http://h:9&region=r")),
            "b ENDPOINT=http://h:9 ENV_AUTH=true FORCE_PATH_STYLE=true PROVIDER=Other REGION=r "
            "TYPE=s3");
}

TEST(RcloneRemote, GoogleCloud) {
  EXPECT_EQ(said(remote("gs://b/x?user_project=p")),
            "b/x ENV_AUTH=true TYPE=google cloud storage USER_PROJECT=p");
  EXPECT_EQ(said(remote("gs://b", {{"STORAGE_EMULATOR_HOST", "127.0.0.1:9"}})),
            "b ANONYMOUS=true ENDPOINT=http://127.0.0.1:9/storage/v1/ TYPE=google cloud storage");
}

TEST(RcloneRemote, AzureByAKey) {
  EXPECT_EQ(said(remote("az://acc/box/x", {{"AZURE_STORAGE_KEY", kKey}})),
            std::string("box/x ACCOUNT=acc KEY=") + kKey + " TYPE=azureblob");
  // Elsewhere by a signature that lists and reads, and is all that rclone is given.
  auto elsewhere =
      said(remote("az://acc/box", {{"AZURE_STORAGE_KEY", kKey},
                                   {"AZURE_STORAGE_SERVICE_ENDPOINT", "http://h:9/acc"}}));
  EXPECT_EQ(elsewhere.find("box SAS_URL=http://h:9/acc?sv=2019-12-12&ss=b&srt=co&sp=rl&se="), 0U)
      << elsewhere;
  EXPECT_EQ(elsewhere.find(kKey), std::string::npos);
  EXPECT_NE(said(remote("az://acc/box", {{"AZURE_STORAGE_KEY", "%"},
                                         {"AZURE_STORAGE_SERVICE_ENDPOINT", "http://h:9/acc"}}))
                .find("is not base64"),
            std::string::npos);
}

TEST(RcloneRemote, AzureByASignature) {
  EXPECT_EQ(said(remote("az://acc/box", {{"AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=abc"}})),
            "box SAS_URL=https://acc.blob.core.windows.net?sv=1&sig=abc TYPE=azureblob");
  EXPECT_NE(said(remote("az://acc/box", {{"AZURE_STORAGE_SAS_TOKEN", "sv=1"}}))
                .find("holds no shared access signature"),
            std::string::npos);
}

TEST(RcloneRemote, AzureByAnIdentity) {
  EXPECT_EQ(said(remote("az://acc/box", {{"AZURE_CLIENT_ID", "who"}})),
            "box ACCOUNT=acc ENV_AUTH=true MSI_CLIENT_ID=who TYPE=azureblob USE_MSI=true");
  EXPECT_EQ(said(remote("az://acc/box",
                        {{"AZURE_CLIENT_ID", "who"}, {"AZURE_CLIENT_SECRET", "not-to-be-seen"}})),
            "box ACCOUNT=acc ENV_AUTH=true TYPE=azureblob");
  // A key for another account is passed over.
  EXPECT_EQ(said(remote("az://acc/box",
                        {{"AZURE_STORAGE_ACCOUNT", "other"}, {"AZURE_STORAGE_KEY", kKey}})),
            "box ACCOUNT=acc ENV_AUTH=true TYPE=azureblob USE_MSI=true");
}

TEST(RcloneRemote, RefusesWhatIsNoBucket) {
  auto refused = remote("https://host/file");
  EXPECT_TRUE(refused.is(Code::unsupported));
  EXPECT_TRUE(remote("s3://b//x").is(Code::invalid));
}

}  // namespace
}  // namespace baton
