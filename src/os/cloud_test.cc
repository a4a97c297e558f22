#include "os/cloud.h"

#include <gtest/gtest.h>

#include <map>

#include "os/files.h"

namespace baton {
namespace {

class DetectCloud : public ::testing::Test {
 protected:
  std::string with(const std::map<std::string, std::string>& dmi) const {
    std::string directory = dir_->path() + "/sys/class/dmi/id";
    EXPECT_TRUE(make_dirs(directory).ok());
    for (const auto& [name, value] : dmi)
      EXPECT_TRUE(replace_file(directory + "/" + name, value + "\n", false).ok());
    return detect_cloud(dir_->path());
  }
  Result<TempDir> dir_ = TempDir::create("dmi");
};

TEST_F(DetectCloud, NoDmiIsNoCloud) { EXPECT_EQ(detect_cloud(dir_->path()), ""); }
TEST_F(DetectCloud, AwsNitro) {
  EXPECT_EQ(with({{"sys_vendor", "Amazon EC2"}, {"product_name", "m5.large"}}), "aws");
}
TEST_F(DetectCloud, AwsXen) {
  EXPECT_EQ(with({{"sys_vendor", "Xen"}, {"bios_version", "4.11.amazon"}}), "aws");
}
TEST_F(DetectCloud, Gcp) {
  EXPECT_EQ(with({{"sys_vendor", "Google"}, {"product_name", "Google Compute Engine"}}), "gcp");
  EXPECT_EQ(with({{"sys_vendor", "Google"}, {"product_name", "Google"}}), "gcp");
}
TEST_F(DetectCloud, Azure) {
  EXPECT_EQ(with({{"sys_vendor", "Microsoft Corporation"},
                  {"chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"}}),
            "azure");
}
TEST_F(DetectCloud, HyperVAtHomeAndOthersAreNone) {
  EXPECT_EQ(with({{"sys_vendor", "Microsoft Corporation"},
                  {"product_name", "Virtual Machine"},
                  {"chassis_asset_tag", "None"}}),
            "");
  EXPECT_EQ(with({{"sys_vendor", "Google"}, {"product_name", "Chromebook"}}), "");
  EXPECT_EQ(with({{"sys_vendor", "Xen"}, {"bios_version", "4.11.debian"}}), "");
}

}  // namespace
}  // namespace baton
