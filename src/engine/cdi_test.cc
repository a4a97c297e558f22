#include "engine/cdi.h"

#include <gtest/gtest.h>

#include "engine/cdi_parse.h"
#include "engine/reservation.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr char kFull[] = R"(
cdiVersion: "0.6.0"
kind: vendor.com/gpu
annotations: {ignored: "yes"}
containerEdits:
  env: [COMMON=1, WHO=all]
devices:
- name: "0"
  containerEdits:
    env: [WHO=zero, "EMPTY="]
    deviceNodes:
    - {path: /dev/gpu0, hostPath: /dev/real0, permissions: r, type: c, major: 1, minor: 3}
    - path: /dev/ctl
    mounts:
    - {hostPath: /usr/lib/x.so, containerPath: /lib/x.so, options: [ro, nosuid]}
    hooks:
    - {hookName: createContainer, path: /usr/bin/hook, args: [hook, update], env: [A=b], timeout: 5}
    additionalGids: [0, 44]
- name: "1"
)";

CdiSpec parsed(const std::string& text) {
  auto spec = parse_cdi(text, "test.yaml");
  EXPECT_TRUE(spec.ok()) << spec.error().text();
  return spec.ok() ? *spec : CdiSpec{};
}

TEST(CdiParse, TakesEveryKindOfEdit) {
  CdiSpec spec = parsed(kFull);
  EXPECT_EQ(spec.kind, "vendor.com/gpu");
  ASSERT_EQ(spec.devices.size(), 2U);
  const CdiEdits& edits = spec.devices[0].edits;
  EXPECT_EQ(edits.env,
            (std::vector<std::pair<std::string, std::string>>{{"WHO", "zero"}, {"EMPTY", ""}}));
  EXPECT_EQ(edits.devices, (std::vector<CdiDevice>{{"/dev/real0", "/dev/gpu0", false},
                                                   {"/dev/ctl", "/dev/ctl", true}}));
  EXPECT_EQ(edits.mounts,
            (std::vector<CdiMount>{{"/usr/lib/x.so", "/lib/x.so", "", {"ro", "nosuid"}}}));
  EXPECT_EQ(
      edits.hooks,
      (std::vector<CdiHook>{{"createContainer", "/usr/bin/hook", {"hook", "update"}, {"A=b"}, 5}}));
  EXPECT_EQ(edits.additional_gids, (std::vector<uint32_t>{0, 44}));
}

TEST(CdiParse, TakesJson) {
  CdiSpec spec = parsed(
      R"({"cdiVersion": "1.0.0", "kind": "a.b/c", "devices": [{"name": "x:0", "containerEdits": {"env": ["A=1"]}}]})");
  EXPECT_EQ(spec.devices.at(0).name, "x:0");
  EXPECT_EQ(spec.devices.at(0).edits.env.at(0).first, "A");
}

TEST(CdiParse, RefusesWhatItCannotApply) {
  const std::string head = "cdiVersion: 0.6.0\nkind: v/c\ndevices:\n- name: d\n";
  const std::string edits = head + "  containerEdits:\n";
  struct Bad {
    std::string text, why;
    Code code = Code::invalid;
  };
  const std::vector<Bad> table{
      {"", "not a mapping"},
      {"- a", "not a mapping"},
      {"{", "end of map"},
      {"kind: v/c", "cdiVersion is not a text"},
      {"cdiVersion: 2.0.0\nkind: v/c", "not known", Code::unsupported},
      {"cdiVersion: 0.2.0\nkind: v/c", "not known", Code::unsupported},
      {"cdiVersion: 0.6.0\nkind: gpu\ndevices: [{name: a}]", "VENDOR/CLASS"},
      {"cdiVersion: 0.6.0\nkind: v/c/d\ndevices: [{name: a}]", "VENDOR/CLASS"},
      {"cdiVersion: 0.6.0\nkind: v/c", "no devices"},
      {"cdiVersion: 0.6.0\nkind: v/c\ndevices: {a: b}", "devices is not a list"},
      {"cdiVersion: 0.6.0\nkind: v/c\ndevices: [{name: 'a b'}]", "device name"},
      {edits + "    env: [=x]", "NAME=VALUE"},
      {edits + "    env: [x]", "NAME=VALUE"},
      {edits + "    env: [[x]]", "not a text"},
      {edits + "    deviceNodes: [{path: dev/x}]", "absolute"},
      {edits + "    deviceNodes: [{hostPath: /dev/x}]", "path"},
      {edits + "    mounts: [{hostPath: /x}]", "containerPath"},
      {edits + "    hooks: [{hookName: now, path: /x}]", "hookName"},
      {edits + "    hooks: [{hookName: prestart, path: x}]", "absolute"},
      {edits + "    additionalGids: [-1]", "not a number"},
      {edits + "    netDevices: [{hostInterfaceName: a, name: b}]", "netDevices",
       Code::unsupported},
      {edits + "    intelRdt: {closID: a}", "intelRdt", Code::unsupported},
  };
  for (const auto& bad : table) {
    auto spec = parse_cdi(bad.text, "test.yaml");
    ASSERT_FALSE(spec.ok()) << bad.text;
    EXPECT_EQ(spec.error().code, bad.code) << bad.text;
    EXPECT_NE(spec.error().message.find("test.yaml"), std::string::npos);
    EXPECT_NE(spec.error().message.find(bad.why), std::string::npos) << spec.error().message;
  }
}

class CdiRegistryTest : public ::testing::Test {
 protected:
  void put(const std::string& dir, const std::string& file, const std::string& text) {
    ASSERT_TRUE(make_dirs(path(dir)).ok());
    ASSERT_TRUE(replace_file(path(dir) + "/" + file, text, false).ok());
  }
  // A specification of one kind whose devices set D to `value`.
  void put_kind(const std::string& dir, const std::string& file, const std::string& kind,
                const std::vector<std::string>& names, const std::string& value = "") {
    std::string text = "cdiVersion: 0.6.0\nkind: " + kind + "\ndevices:\n";
    for (const auto& name : names)
      text += "- {name: '" + name + "', containerEdits: {env: ['D=" + value + "']}}\n";
    put(dir, file, text);
  }
  CdiRegistry load() { return CdiRegistry::load({path("etc"), path("run")}); }
  std::string path(const std::string& name) { return dir_.path() + "/" + name; }
  TempDir dir_ = std::move(TempDir::create("baton-cdi")).value();
};

TEST_F(CdiRegistryTest, AppliesCommonEditsOnceAndTheDevicesOwnLater) {
  put("etc", "v.yaml", kFull);
  auto edits = load().resolve({"vendor.com/gpu=0", "vendor.com/gpu=1"});
  ASSERT_TRUE(edits.ok()) << edits.error().text();
  EXPECT_EQ(edits->env, (std::vector<std::pair<std::string, std::string>>{
                            {"COMMON", "1"}, {"WHO", "zero"}, {"EMPTY", ""}}));
  EXPECT_EQ(edits->hooks.size(), 1U);
  EXPECT_EQ(edits->additional_gids, (std::vector<uint32_t>{44}))
      << "group 0 is the container's already";
}

TEST_F(CdiRegistryTest, ALaterDirectoryTakesPrecedence) {
  put_kind("etc", "a.yaml", "v/c", {"d"}, "etc");
  put_kind("run", "b.json", "v/c", {"d"}, "run");
  EXPECT_EQ(load().resolve({"v/c=d"})->env.at(0).second, "run");
  EXPECT_TRUE(load().problems().empty());
}

TEST_F(CdiRegistryTest, TwoDefinitionsInOneDirectoryMakeADeviceUnusable) {
  put_kind("run", "a.yaml", "v/c", {"d", "e"}, "a");
  put_kind("run", "b.yaml", "v/c", {"d"}, "b");
  auto edits = load().resolve({"v/c=d"});
  ASSERT_FALSE(edits.ok());
  EXPECT_EQ(edits.error().code, Code::invalid);
  EXPECT_EQ(load().names(), (std::vector<std::string>{"v/c=e"}));
}

TEST_F(CdiRegistryTest, AnUnknownDeviceIsNamedWithTheNearestKnown) {
  put_kind("etc", "a.yaml", "vendor.com/gpu", {"card0"});
  auto edits = load().resolve({"vendor.com/gpu=card1"});
  ASSERT_FALSE(edits.ok());
  EXPECT_EQ(edits.error().code, Code::not_found);
  EXPECT_NE(edits.error().hint.find("vendor.com/gpu=card0"), std::string::npos);
}

TEST_F(CdiRegistryTest, ABrokenFileHurtsNoOtherAndIsTold) {
  put("etc", "bad.yaml", "kind: [");
  put_kind("etc", "good.yml", "v/c", {"d"});
  put("etc", "note.txt", "not a specification");
  CdiRegistry registry = load();
  EXPECT_TRUE(registry.resolve({"v/c=d"}).ok());
  ASSERT_EQ(registry.problems().size(), 1U);
  EXPECT_NE(registry.problems()[0].find("bad.yaml"), std::string::npos);
  EXPECT_NE(registry.resolve({"x/y=z"}).error().hint.find("bad.yaml"), std::string::npos);
}

class ReservationTest : public CdiRegistryTest {
 protected:
  static ContainerSpec job(const std::string& id, int gpus, const std::string& directory) {
    ContainerSpec spec;
    spec.id = id;
    spec.gpus = gpus;
    spec.reservations = directory;
    return spec;
  }
  TempDir locks_ = TempDir::create("reservations").value();
};

TEST_F(ReservationTest, PicksGpusByNumberFromOneVendor) {
  put_kind("etc", "amd.yaml", "amd.com/gpu", {"0"});
  put_kind("etc", "nvidia.yaml", "nvidia.com/gpu", {"all", "10", "2", "GPU-8c5f", "0:0"});
  put_kind("etc", "nic.yaml", "nvidia.com/nic", {"0", "1", "2"});
  auto pick = [&](int count) { return reserve_devices(load(), job("j", count, "")); };
  EXPECT_EQ(pick(1)->names, (std::vector<std::string>{"amd.com/gpu=0"}));
  EXPECT_EQ(pick(1)->names, (std::vector<std::string>{"amd.com/gpu=0"})) << "without reservations";
  EXPECT_EQ(pick(2)->names, (std::vector<std::string>{"nvidia.com/gpu=2", "nvidia.com/gpu=10"}));
  auto none = pick(3);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Code::unsupported);
  EXPECT_NE(none.error().message.find("3 GPU(s) are wanted, but 2"), std::string::npos);
}

TEST_F(ReservationTest, ContainersGetDifferentGpusUntilNoneIsLeft) {
  put_kind("etc", "nvidia.yaml", "nvidia.com/gpu", {"0", "1", "2"});
  CdiRegistry registry = load();
  auto pick = [&](const std::string& id, int count) {
    return reserve_devices(registry, job(id, count, locks_.path()));
  };
  auto first = pick("first", 1);
  auto second = pick("second", 1);
  EXPECT_EQ(first->names, (std::vector<std::string>{"nvidia.com/gpu=0"}));
  EXPECT_EQ(second->names, (std::vector<std::string>{"nvidia.com/gpu=1"}));
  auto refused = pick("third", 2);
  ASSERT_TRUE(refused.is(Code::transient));
  EXPECT_EQ(refused.error().message,
            "2 GPU(s) are wanted, but of 3 here only 1 are free: nvidia.com/gpu=0 by first, "
            "nvidia.com/gpu=1 by second");
  EXPECT_EQ(pick("third", 1)->names, (std::vector<std::string>{"nvidia.com/gpu=2"}))
      << "what was refused holds nothing";
  first->locks.clear();
  EXPECT_EQ(pick("fourth", 2)->names,
            (std::vector<std::string>{"nvidia.com/gpu=0", "nvidia.com/gpu=2"}));
}

TEST_F(ReservationTest, NamedDevicesAreSharedAndNotPicked) {
  put_kind("etc", "nvidia.yaml", "nvidia.com/gpu", {"0", "1"});
  CdiRegistry registry = load();
  ContainerSpec named = job("named", 0, locks_.path());
  named.cdi_devices = {"nvidia.com/gpu=0"};
  auto one = reserve_devices(registry, named), two = reserve_devices(registry, named);
  EXPECT_EQ(one->names, named.cdi_devices);
  EXPECT_EQ(two->names, named.cdi_devices);
  auto picked = reserve_devices(registry, job("picker", 1, locks_.path()));
  EXPECT_EQ(picked->names, (std::vector<std::string>{"nvidia.com/gpu=1"}));
}

}  // namespace
}  // namespace baton
