#include "base/text.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

TEST(Text, IsCountedInSingularAndPlural) {
  EXPECT_EQ(counted(0, "trial"), "0 trials");
  EXPECT_EQ(counted(1, "known trial"), "1 known trial");
  EXPECT_EQ(counted(2, "trial"), "2 trials");
}

TEST(Text, IsShortenedBetweenCharacters) {
  EXPECT_EQ(shortened(std::string(60, 'x')), std::string(60, 'x'));
  EXPECT_EQ(shortened(std::string(61, 'x')), std::string(60, 'x') + "…");
  EXPECT_EQ(shortened(std::string(59, 'x') + "ää"), std::string(59, 'x') + "…");
  EXPECT_EQ(shortened("a\x1b"), "a\\x1b");
  EXPECT_LE(shortened(std::string(100, '\x80')).size(), 300u);
}

}  // namespace
}  // namespace baton
