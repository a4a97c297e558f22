#include "engine/oci_engine.h"

#include "engine/engine_fixture.h"

namespace baton {
namespace {

TEST(OciEngine, RunsAProgramOfAnImage) {
  auto engine = make_oci_engine();
  TestContainer container;
  container.spec.root.layers = {busybox_root(container.dir() + "/root")};
  container.shell("echo hello; id -u; echo oops >&2; exit 7");
  ContainerExit exit = container.run(*engine);
  EXPECT_EQ(exit.status.code, 7);
  EXPECT_EQ(container.out(), "hello\n0\n");
  EXPECT_EQ(container.err(), "oops\n");
}

TEST(OciEngine, RunsAProgramOfTheMachine) {
  auto engine = make_oci_engine();
  TestContainer container;
  container.spec.root.host = true;
  container.shell("ls /home; touch /x /tmp/y && echo made; touch /usr/x 2>/dev/null || echo kept");
  ContainerExit exit = container.run(*engine);
  EXPECT_EQ(exit.status.code, 0);
  EXPECT_EQ(container.out(), "made\nkept\n");
}

}  // namespace
}  // namespace baton
