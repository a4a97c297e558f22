#include "cli/table.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

std::string text(const Table& table) {
  ManualClock clock;
  Terminal terminal({}, clock);
  return table.text(terminal);
}

TEST(Table, GivesEveryColumnTheWidthOfWhatIsPrinted) {
  Table table({"\x1b]0;x\a", "step"});
  table.add({"3", "\x1b[2J"});
  table.add({"über", "1"});
  EXPECT_EQ(text(table),
            "\\x1b]0;x\\x07  step\n"
            "3             \\x1b[2J\n"
            "über          1\n");
}

}  // namespace
}  // namespace baton
