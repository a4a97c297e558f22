#include "os/cloud.h"

#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

std::string first_line(const std::string& path) {
  auto text = read_file(path, 4096);
  return text.ok() ? std::string(trim(text->substr(0, text->find('\n')))) : "";
}

}  // namespace

std::string detect_cloud(const std::string& sys_root) {
  auto dmi = [&](const char* name) {
    return first_line(join_path(sys_root, std::string("sys/class/dmi/id/") + name));
  };
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html (Nitro; Xen)
  if (dmi("sys_vendor") == "Amazon EC2" || dmi("bios_vendor") == "Amazon EC2") return "aws";
  if (dmi("bios_version").find("amazon") != std::string::npos) return "aws";
  // https://cloud.google.com/compute/docs/instances/detect-compute-engine
  const std::string product = dmi("product_name");
  if (product == "Google" || starts_with(product, "Google Compute Engine")) return "gcp";
  // Hyper-V on one's own machine has the same vendor, but not this tag.
  // https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
  if (dmi("chassis_asset_tag") == "7783-7084-3265-9085-8269-3286-77") return "azure";
  return "";
}

}  // namespace baton
