#include "engine/oci_config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/seccomp.h"

namespace baton {
namespace {

ContainerSpec spec() {
  ContainerSpec spec;
  spec.argv = {"python3", "train.py", "--x", ""};
  spec.hostname = "h";
  return spec;
}

Json mount_on(const Json& config, const std::string& destination) {
  for (const auto& mount : config["mounts"])
    if (mount["destination"] == destination) return mount;
  return nullptr;
}

bool has(const Json& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::set<std::string> namespaces(const Json& config) {
  std::set<std::string> types;
  for (const auto& entry : config["linux"]["namespaces"]) types.insert(entry["type"]);
  return types;
}

TEST(OciConfig, PidOneIsBatonAndTheProgramFollowsUnchanged) {
  Json args = oci_config(spec(), {})["process"]["args"];
  EXPECT_EQ(args, Json({"/baton/bin/baton", "pid1", "--cwd", "/app", "--", "python3", "train.py",
                        "--x", ""}));
}

TEST(OciConfig, NeverSetsLimitsOfItsOwn) {
  Json config = oci_config(spec(), {});
  EXPECT_FALSE(config["process"].contains("rlimits")) << "a machine may refuse to raise them";
  EXPECT_FALSE(config["linux"].contains("resources")) << "cgroups are the engine's own business";
}

TEST(OciConfig, TheNetworkIsANamespaceOnlyWhenCutOff) {
  ContainerSpec wanted = spec();
  EXPECT_EQ(namespaces(oci_config(wanted, {})),
            (std::set<std::string>{"mount", "pid", "ipc", "uts"}));
  wanted.network = false;
  EXPECT_EQ(namespaces(oci_config(wanted, {})).count("network"), 1U);
}

TEST(OciConfig, DataIsReadOnlyAllTheWayDown) {
  OciInput input;
  input.binds = {{"/d", "/data"}, {"/r", "/results", true}, {"/f", "/file", false, true}};
  Json config = oci_config(spec(), input);
  EXPECT_TRUE(has(mount_on(config, "/data")["options"], "rro"));
  EXPECT_TRUE(has(mount_on(config, "/results")["options"], "rw"));
  EXPECT_TRUE(has(mount_on(config, "/file")["options"], "ro"));
}

TEST(OciConfig, WithOneIdNothingAsksForAnother) {
  OciInput input;
  input.devices.additional_gids = {44};
  EXPECT_EQ(oci_config(spec(), input)["process"]["user"]["additionalGids"], Json::array({44}));
  input.single_id = true;
  Json config = oci_config(spec(), input);
  EXPECT_FALSE(config["process"]["user"].contains("additionalGids"));
  EXPECT_FALSE(has(mount_on(config, "/dev/pts")["options"], "gid=5"));
  EXPECT_EQ(config["annotations"]["run.oci.keep_original_groups"], "1");
}

TEST(OciConfig, ALaterWordOnAVariableWins) {
  OciInput input;
  input.devices.env = {{"A", "device"}, {"PATH", "/device"}};
  ContainerSpec wanted = spec();
  wanted.env = {{"A", "spec"}};
  Json env = oci_config(wanted, input)["process"]["env"];
  EXPECT_TRUE(has(env, "A=spec"));
  EXPECT_FALSE(has(env, "A=device"));
  EXPECT_TRUE(has(env, "PATH=/device"));
}

TEST(Seccomp, DeniesNamespacesByFlagAndKeepsThreads) {
  Json rules = seccomp_profile("x86_64")["syscalls"];
  std::set<uint64_t> flags;
  for (const auto& rule : rules)
    if (has(rule["names"], "clone")) {
      ASSERT_TRUE(rule.contains("args")) << "clone without arguments would forbid threads";
      flags.insert(rule["args"][0]["value"].get<uint64_t>());
    }
  EXPECT_EQ(flags, (std::set<uint64_t>{0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000,
                                       0x20000000, 0x40000000}));
}

TEST(Seccomp, NamesTheArchitectureOnlyWhereItIsKnown) {
  EXPECT_EQ(seccomp_profile("x86_64")["architectures"], Json::array({"SCMP_ARCH_X86_64"}));
  EXPECT_EQ(seccomp_profile("aarch64")["architectures"], Json::array({"SCMP_ARCH_AARCH64"}));
  EXPECT_FALSE(seccomp_profile("riscv64").contains("architectures"));
}

}  // namespace
}  // namespace baton
