#include "engine/id_map.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace baton {
namespace {

TEST(IdMap, FindsARangeByNameOrNumber) {
  const std::string text = "# comment\n\nann:100000:65536\n1007:200000:1000\nbob:x:y\n";
  EXPECT_EQ(find_subordinate(text, "ann", 1), (IdRange{1, 100000, 65536}));
  EXPECT_EQ(find_subordinate(text, "carl", 1007), (IdRange{1, 200000, 1000}));
  EXPECT_EQ(find_subordinate(text, "carl", 1008), IdRange{});
}

TEST(IdMap, RangesThatMakeNoSenseAreNone) {
  for (const char* text : {"bob:x:y", "bob:0:10", "bob:10:0", "bob:4294967290:100",
                           "bob:99999999999:1", "bob", "bob:1", "::", "bob:1:2:3"})
    EXPECT_EQ(find_subordinate(text, "bob", 5), IdRange{}) << text;
}

TEST(IdMap, RootMapsToItselfAndAUserToRoot) {
  IdMap map = choose_id_map();
  ASSERT_FALSE(map.users.empty());
  EXPECT_EQ(map.users[0].inside, 0U);
  EXPECT_EQ(map.users[0].outside, geteuid());
  EXPECT_EQ(map.users.size(), map.groups.size());
  EXPECT_FALSE(map.users[0].count == UINT32_MAX)
      << "crun would not see that it is in a user namespace";
}

}  // namespace
}  // namespace baton
