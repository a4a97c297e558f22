// CDI devices in containers: a made-up vendor whose device is the machine's /dev/zero under another
// name.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/engine_fixture.h"
#include "engine/oci_engine.h"

namespace baton {
namespace {

class OciCdi : public ::testing::Test {
 protected:
  void SetUp() override {
    container_.spec.root.layers = {busybox_root(container_.dir() + "/root")};
    ASSERT_TRUE(make_dirs(dir() + "/cdi").ok());
    ASSERT_TRUE(make_dirs(dir() + "/lib").ok());
    ASSERT_TRUE(replace_file(dir() + "/lib/driver.so", "driver\n", false).ok());
    ASSERT_TRUE(replace_file(dir() + "/cdi/vendor.yaml", fmt::format(kSpec, dir()), false).ok());
    OciOptions options;
    options.cdi_directories = {dir() + "/cdi"};
    engine_ = make_oci_engine(options);
  }
  std::string dir() const { return container_.dir(); }

  static constexpr char kSpec[] = R"(
cdiVersion: "0.6.0"
kind: vendor.com/gpu
containerEdits:
  env: [VENDOR_DRIVER=7]
  mounts:
  - {{hostPath: {0}/lib, containerPath: /usr/lib/vendor, options: [ro, nosuid, nodev, bind]}}
  hooks:
  - {{hookName: createContainer, path: /bin/sh, args: [sh, -c, "cat > {0}/hook-state; echo $A >> {0}/hook-state"], env: [A=b]}}
devices:
- name: "0"
  containerEdits:
    env: [VENDOR_VISIBLE=0]
    deviceNodes:
    - {{path: /dev/vendor0, hostPath: /dev/zero}}
- name: "1"
  containerEdits:
    deviceNodes:
    - {{path: /dev/vendor/1, hostPath: /dev/null}}
)";
  TestContainer container_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(OciCdi, DevicesMountsEnvironmentAndHooksAreApplied) {
  container_.spec.cdi_devices = {"vendor.com/gpu=0"};
  container_.shell(
      "ls /dev/vendor*; head -c 3 /dev/vendor0 | wc -c; cat /usr/lib/vendor/driver.so; echo "
      "$VENDOR_DRIVER$VENDOR_VISIBLE; touch /usr/lib/vendor/x");
  container_.run(*engine_);
  EXPECT_EQ(container_.out(), "/dev/vendor0\n3\ndriver\n70\n");
  EXPECT_THAT(container_.err(), testing::HasSubstr("Read-only"));
  std::string state = read_file(dir() + "/hook-state").value();
  EXPECT_THAT(state, testing::HasSubstr(container_.spec.id))
      << "a hook reads the container's state";
  EXPECT_THAT(state, testing::HasSubstr("b\n"));
}

TEST_F(OciCdi, GpusArePickedByNumber) {
  container_.spec.gpus = 2;
  container_.shell("ls -d /dev/vendor0 /dev/vendor/1; echo x > /dev/vendor/1 && echo wrote");
  container_.run(*engine_);
  EXPECT_EQ(container_.out(), "/dev/vendor/1\n/dev/vendor0\nwrote\n");
}

TEST_F(OciCdi, TheSpecsEnvironmentWinsOverADevices) {
  container_.spec.cdi_devices = {"vendor.com/gpu=0"};
  container_.spec.env = {{"VENDOR_VISIBLE", "mine"}};
  container_.shell("echo $VENDOR_VISIBLE");
  container_.run(*engine_);
  EXPECT_EQ(container_.out(), "mine\n");
}

TEST_F(OciCdi, MoreGpusThanThereAreIsRefused) {
  container_.spec.gpus = 3;
  container_.shell("true");
  auto container = engine_->start(container_.spec);
  ASSERT_FALSE(container.ok());
  EXPECT_EQ(container.error().code, Code::unsupported);
  EXPECT_TRUE(list_dir(container_.spec.work_dir).value().empty());
}

TEST_F(OciCdi, AHookThatFailsFailsTheStartAndSaysSo) {
  ASSERT_TRUE(replace_file(dir() + "/cdi/bad.yaml",
                           "cdiVersion: 0.6.0\nkind: vendor.com/bad\ndevices:\n- {name: x, "
                           "containerEdits: {hooks: [{hookName: "
                           "createRuntime, path: /bin/false}]}}\n",
                           false)
                  .ok());
  container_.spec.cdi_devices = {"vendor.com/bad=x"};
  container_.shell("true");
  auto container = engine_->start(container_.spec);
  ASSERT_FALSE(container.ok());
  EXPECT_THAT(container.error().message, testing::HasSubstr("hook"));
}

}  // namespace
}  // namespace baton
