#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "os/files.h"

namespace baton {
namespace {

// At most so many descriptors more than are open now.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const Fd lowest(open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(lowest.get()) + more;
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

class RemoveTree : public testing::Test {
 protected:
  // The innermost of `depth` directories named `name`, one in another, in `top`.
  Fd nest(const std::string& top, const std::string& name, int depth) {
    Fd at = open_file(top, O_PATH | O_DIRECTORY).value();
    for (int i = 0; i < depth; ++i) {
      EXPECT_EQ(mkdirat(at.get(), name.c_str(), 0755), 0);
      at.reset(openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    return at;
  }
  std::string make(const std::string& name) {
    std::string path = dir_.path() + "/" + name;
    EXPECT_TRUE(make_dirs(path).ok());
    return path;
  }

  TempDir dir_ = TempDir::create("remove").value();
};

TEST_F(RemoveTree, IsDoneWithFewDescriptorsHoweverDeepTheTreeIs) {
  const std::string top = make("top");
  Fd deepest = nest(top, "d", 500);
  ASSERT_EQ(mkdirat(deepest.get(), "empty", 0400), 0);
  for (const char* branch : {"d", "d/d", "d/d/d"}) nest(top + "/" + branch, "e", 50);
  deepest.reset();
  const FewDescriptors few(64);
  Status status = remove_tree(top);
  EXPECT_TRUE(status.ok()) << status.error().message;
  EXPECT_FALSE(exists(top));
}

TEST_F(RemoveTree, FollowsNoLinks) {
  const std::string kept = make("kept"), top = make("top/shut/in");
  ASSERT_TRUE(replace_file(kept + "/file", "x", false).ok());
  ASSERT_EQ(symlink(kept.c_str(), (top + "/link").c_str()), 0);
  ASSERT_EQ(symlink("/nowhere", (top + "/dead").c_str()), 0);
  ASSERT_EQ(mkfifo((top + "/pipe").c_str(), 0600), 0);
  ASSERT_EQ(chmod((dir_.path() + "/top/shut").c_str(), 0), 0);
  EXPECT_TRUE(remove_tree(dir_.path() + "/top").ok());
  EXPECT_FALSE(exists(dir_.path() + "/top"));
  EXPECT_TRUE(exists(kept + "/file"));
  ASSERT_EQ(symlink(kept.c_str(), (dir_.path() + "/link").c_str()), 0);
  EXPECT_TRUE(remove_tree(dir_.path() + "/link").ok());
  EXPECT_TRUE(exists(kept + "/file"));
  EXPECT_TRUE(remove_tree(dir_.path() + "/link").ok()) << "absent is success";
}

TEST_F(RemoveTree, SaysWhereItFailedInAFewWords) {
  const std::string top = make("top");
  nest(top, std::string(200, 'd') + "é", 10);
  Status status;
  {
    const FewDescriptors few(5);
    status = remove_tree(top);
  }
  ASSERT_FALSE(status.ok());
  const std::string message = status.error().message;
  EXPECT_EQ(message.find("cannot remove " + top + "/ddd"), 0u) << message;
  EXPECT_NE(message.find("…"), std::string::npos) << message;
  EXPECT_NE(message.find("é: Too many open files"), std::string::npos) << message;
  EXPECT_LT(message.size(), 400u);
  EXPECT_TRUE(remove_tree(top).ok());
}

}  // namespace
}  // namespace baton
