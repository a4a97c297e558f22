#include "ledger/outward_links.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

using Links = std::map<std::string, std::string>;
using Paths = std::set<std::string>;

TEST(OutwardLinks, CountFromTheDirectoryTheyStandIn) {
  EXPECT_EQ(outward_links({{"a", "b"},
                           {"sub/a", "../b"},
                           {"sub/deep/a", "../../b/./c//d"},
                           {"sub/up", ".."},
                           {"self", "."},
                           {"dangling", "nothing/there/../x"}}),
            Paths());
  EXPECT_EQ(outward_links({{"a", "../b"}, {"sub/a", "../../b"}, {"b", "x/../../y"}, {"c", "/etc"}}),
            (Paths{"a", "b", "c", "sub/a"}));
}

TEST(OutwardLinks, AreFollowedThroughOtherLinks) {
  // By their letters alone, d/d/d/.. would still be two levels deep.
  EXPECT_EQ(outward_links({{"d", "."}, {"x", "d/d/d/../../../etc/passwd"}}), Paths{"x"});
  EXPECT_EQ(outward_links({{"d", "."}, {"x", "d/d/d/etc"}}), Paths());
  EXPECT_EQ(outward_links({{"far", "sub/sub"}, {"x", "far/../../y"}}), Paths());
  EXPECT_EQ(outward_links({{"near", "sub"}, {"sub/x", "../near/../../y"}}), Paths{"sub/x"});
  EXPECT_EQ(outward_links({{"bad", "/etc"}, {"worse", "bad/passwd"}}), (Paths{"bad", "worse"}));
}

TEST(OutwardLinks, CirclesAreAmongThem) {
  EXPECT_EQ(outward_links({{"a", "b"}, {"b", "a"}, {"c", "c"}, {"ok", "x"}}),
            (Paths{"a", "b", "c"}));
  Links chain;
  for (int i = 0; i < 41; ++i)
    chain["l" + std::to_string(i)] = i < 40 ? "l" + std::to_string(i + 1) : "end";
  EXPECT_EQ(outward_links(chain), Paths{"l0"});  // the 41st that is followed is one too many
}

TEST(OutwardLinks, ManyThatMultiplyDoNotTakeForEver) {
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += "d/";
  EXPECT_EQ(outward_links({{"d", "."}, {"x", many}}), Paths{"x"});
  EXPECT_EQ(outward_links({{"a", "b/b"}, {"b", "c/c"}, {"c", "d/d"}, {"d", "."}}), Paths());
}

}  // namespace
}  // namespace baton
